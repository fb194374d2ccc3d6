"""Prompt counts: a cut prompt is refused, and a count without cached tokens is not taken for one."""

import pytest

from server.backends.base import GenerationRequest
from server.backends.dialects import open_openai
from server.backends.generation_limits import PromptCounts
from server.backends.ollama.backend import OllamaBackend
from server.common.errors import PromptTooLong
from tests.engine_requests import collect, request, settings
from tests.standins.answers import Answer
from tests.standins.ollama import OllamaStandIn
from tests.standins.openai import MODEL, OpenAIStandIn

pytestmark = pytest.mark.anyio

LONG = "word " * 122


def _counted(counts: PromptCounts, count: int, cached: int = 0, prompt: str = LONG) -> int:
    asked: GenerationRequest = request(prompt, num_ctx=2048)
    return counts.whole(asked, count, cached)


@pytest.mark.fast
def test_a_small_first_count_is_a_cut() -> None:
    with pytest.raises(PromptTooLong, match="only 24 tokens"):
        _counted(PromptCounts(), 24)


@pytest.mark.fast
def test_a_small_later_count_is_the_cache() -> None:
    counts = PromptCounts()
    assert _counted(counts, 140) == 140
    assert _counted(counts, 24) == 0


@pytest.mark.fast
def test_a_later_count_that_fills_the_context_is_a_cut() -> None:
    counts = PromptCounts()
    _counted(counts, 140)
    with pytest.raises(PromptTooLong):
        _counted(counts, 2040, prompt="word " * 5000)


@pytest.mark.fast
def test_cached_tokens_are_added_if_the_count_leaves_them_out() -> None:
    assert _counted(PromptCounts(), 24, cached=116) == 140
    assert _counted(PromptCounts(), 140, cached=116) == 140


@pytest.mark.fast
def test_no_count_is_unknown() -> None:
    assert _counted(PromptCounts(), 0) == 0


async def test_ollama_without_cached_tokens(ollama_standin: OllamaStandIn) -> None:
    backend = OllamaBackend(ollama_standin.url, settings())
    await collect(backend.generate(request(LONG)))
    ollama_standin.answers.default = Answer("again", prompt_tokens=24)
    text, _, end = await collect(backend.generate(request(LONG)))
    await backend.close()
    assert (text, end.prompt_tokens) == ("again", 0)


@pytest.mark.parametrize("dialect", ["llama-server", "router", "llama-swap", "lmstudio", "vllm", "plain"])
async def test_other_servers_without_cached_tokens(dialect: str) -> None:
    with OpenAIStandIn(dialect) as server:
        backend = await open_openai(server.url, settings())
        await collect(backend.generate(request(LONG, model=MODEL)))
        server.answers.default = Answer("again", prompt_tokens=24)
        text, _, end = await collect(backend.generate(request(LONG, model=MODEL)))
        await backend.close()
    assert (text, end.prompt_tokens) == ("again", 0)
