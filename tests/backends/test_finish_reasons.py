"""The end of an answer in every dialect: natural, cut by the limit, broken off, or not reported."""

from collections.abc import AsyncIterator

import pytest

from server.backends.base import Backend
from server.backends.dialects import open_openai
from server.backends.finish_reasons import finish_reason_of
from server.backends.ollama.backend import OllamaBackend
from server.backends.wire import Garbled
from server.common.errors import BackendFailed
from tests.engine_requests import collect, request, settings
from tests.standins.answers import Answer
from tests.standins.engine_cases import recorded
from tests.standins.ollama import CODER, OllamaStandIn
from tests.standins.openai import MODEL, OpenAIStandIn

pytestmark = pytest.mark.anyio

DIALECTS = ["llama-server", "router", "llama-swap", "lmstudio", "vllm", "plain"]
CHAT = "/v1/chat/completions"
FUNCTION = "```python\ndef f(x):\n    return x + 1\n```\n"

BROKEN_OFF = [
    *("abort", "error", "content_filter", "timeout", "cancelled", "insufficient_system_resource"),
    *("repetition", "unknown"),
]


@pytest.fixture(params=DIALECTS)
async def openai(request: pytest.FixtureRequest) -> AsyncIterator[tuple[OpenAIStandIn, Backend]]:
    with OpenAIStandIn(request.param) as server:
        backend = await open_openai(server.url, settings())
        yield server, backend
        await backend.close()


@pytest.fixture
async def ollama(ollama_standin: OllamaStandIn) -> AsyncIterator[OllamaBackend]:
    backend = OllamaBackend(ollama_standin.url, settings())
    yield backend
    await backend.close()


@pytest.mark.parametrize("case", ["abortmid", "aborttext", "content_filter"])
async def test_an_answer_that_the_engine_broke_off_is_an_error(
    openai: tuple[OpenAIStandIn, Backend], case: str
) -> None:
    server, backend = openai
    server.given = {CHAT: [recorded(case)]}
    with pytest.raises(BackendFailed, match=r"stopped itself \(finish reason '(abort|content_filter)'\)"):
        await collect(backend.generate(request(model=MODEL)))


async def test_the_length_limit_is_recognised(openai: tuple[OpenAIStandIn, Backend]) -> None:
    server, backend = openai
    server.given = {CHAT: [recorded("MAX_TOKENS")]}
    _, _, end = await collect(backend.generate(request(model=MODEL)))
    assert end.finish_reason == "length"


@pytest.mark.parametrize("case", ["nofinish", "finempty", "fin_dict", "fin_int"])
async def test_the_end_marker_completes_an_answer_without_a_reason(
    openai: tuple[OpenAIStandIn, Backend], case: str
) -> None:
    server, backend = openai
    server.given = {CHAT: [recorded(case)]}
    text, _, end = await collect(backend.generate(request(model=MODEL)))
    assert (text, end.finish_reason) == (FUNCTION, "stop")


async def test_no_reason_at_the_token_limit_means_cut(openai: tuple[OpenAIStandIn, Backend]) -> None:
    server, backend = openai
    server.given = {CHAT: [recorded("nofinish")]}
    _, _, end = await collect(backend.generate(request(model=MODEL, max_tokens=9)))
    assert end.finish_reason == "length"


@pytest.mark.parametrize("word", BROKEN_OFF)
async def test_ollama_broke_the_answer_off(
    ollama: OllamaBackend, ollama_standin: OllamaStandIn, word: str
) -> None:
    ollama_standin.answers.default = Answer("half of", reason=word)
    with pytest.raises(BackendFailed, match=word):
        await collect(ollama.generate(request(model=CODER)))


@pytest.mark.parametrize("word", [None, "", "stop"])
async def test_ollama_ended_as_it_should(
    ollama: OllamaBackend, ollama_standin: OllamaStandIn, word: object
) -> None:
    ollama_standin.answers.default = Answer("all of it", reason=word)
    text, _, end = await collect(ollama.generate(request(model=CODER)))
    assert (text, end.finish_reason) == ("all of it", "stop")


@pytest.mark.fast
@pytest.mark.parametrize(
    "value",
    ["stop", "STOP", "eos", "eos_token", "end_turn", "stop_sequence", "COMPLETE", "tool_calls"],
)
def test_natural_ends(value: str) -> None:
    assert finish_reason_of(value, ended=False) == "stop"


@pytest.mark.fast
@pytest.mark.parametrize("value", ["length", "MAX_TOKENS", "max_tokens", "model_length", "length_limit"])
def test_words_for_the_limit(value: str) -> None:
    assert finish_reason_of(value, ended=True) == "length"


@pytest.mark.fast
@pytest.mark.parametrize("value", BROKEN_OFF)
def test_any_other_word_is_no_end(value: str) -> None:
    with pytest.raises(Garbled, match=value):
        finish_reason_of(value, ended=True)


@pytest.mark.fast
@pytest.mark.parametrize(
    "value", [None, "", 1, {"type": 5}, []], ids=["none", "empty", "number", "object", "list"]
)
def test_without_a_reason_the_end_marker_decides(value: object) -> None:
    assert finish_reason_of(value, ended=True) == "stop"
    with pytest.raises(Garbled, match="only part"):
        finish_reason_of(value, ended=False)


@pytest.mark.fast
@pytest.mark.parametrize(
    ("tokens", "reason"),
    [(8, "stop"), (9, "length"), (10, "length"), (0, "stop")],
    ids=["below", "at", "above", "unknown"],
)
def test_without_a_reason_the_number_of_tokens_shows_whether_the_limit_was_reached(
    tokens: int, reason: str
) -> None:
    assert finish_reason_of(None, ended=True, tokens=tokens, max_tokens=9) == reason
