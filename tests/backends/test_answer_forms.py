"""Forms of answers and errors that engines and gateways send, in every dialect that can."""

import json
from collections.abc import AsyncIterator

import pytest

from server.backends.base import Backend
from server.backends.dialects import open_openai
from server.backends.error_texts import error_details, error_in, plain_error
from server.backends.ollama.backend import OllamaBackend
from server.common.errors import BackendFailed, EngineBusy, PromptTooLong
from tests.engine_requests import collect, request, settings
from tests.standins.answers import Answer
from tests.standins.engine_cases import recorded
from tests.standins.ollama import CODER, OllamaStandIn
from tests.standins.openai import MODEL, OpenAIStandIn
from tests.standins.raw import HEAD, RawServer
from tests.standins.serving import Reply, json_reply

pytestmark = pytest.mark.anyio

DIALECTS = ["llama-server", "router", "llama-swap", "lmstudio", "vllm", "plain"]
CHAT = "/v1/chat/completions"
FUNCTION = "```python\ndef f(x):\n    return x + 1\n```\n"


@pytest.fixture(params=DIALECTS)
async def openai(request: pytest.FixtureRequest) -> AsyncIterator[tuple[OpenAIStandIn, Backend]]:
    with OpenAIStandIn(request.param) as server:
        backend = await open_openai(server.url, settings())
        yield server, backend
        await backend.close()


async def _text(openai: tuple[OpenAIStandIn, Backend], *replies: Reply) -> tuple[str, str]:
    server, backend = openai
    server.given = {CHAT: list(replies)}
    text, thoughts, _ = await collect(backend.generate(request(model=MODEL)))
    return text, thoughts


async def test_error_null_is_no_error(openai: tuple[OpenAIStandIn, Backend]) -> None:
    assert await _text(openai, recorded("err200errnull")) == (FUNCTION, "")


async def test_a_whole_answer_counts_as_a_stream(openai: tuple[OpenAIStandIn, Backend]) -> None:
    assert await _text(openai, recorded("nonstream")) == (FUNCTION, "")
    whole = json.loads(recorded("nonstream").body)
    spread = Reply(body=json.dumps(whole, indent=2).encode())
    assert await _text(openai, spread) == (FUNCTION, "")


async def test_content_in_parts(openai: tuple[OpenAIStandIn, Backend]) -> None:
    parts = [{"type": "text", "text": "def f"}, {"type": "thinking", "thinking": []}, {"text": "(): ..."}]
    choice = {"message": {"content": parts}, "finish_reason": "stop"}
    assert await _text(openai, json_reply({"choices": [choice]})) == ("def f(): ...", "")


@pytest.mark.parametrize("case", ["err200obj", "errtype", "err200eventtext"])
async def test_an_overflow_is_recognised_wherever_its_text_is(
    openai: tuple[OpenAIStandIn, Backend], case: str
) -> None:
    with pytest.raises(PromptTooLong):
        await _text(openai, recorded(case))


async def test_a_gateways_page_does_not_reach_the_message(openai: tuple[OpenAIStandIn, Backend]) -> None:
    with pytest.raises(EngineBusy, match=r"\(502 Bad Gateway\)") as raised:
        await _text(openai, recorded("st502"))
    assert "<" not in str(raised.value)


async def test_a_missing_route_is_not_a_missing_model(openai: tuple[OpenAIStandIn, Backend]) -> None:
    with pytest.raises(BackendFailed, match=r"does not recognize the request \(Not Found\)"):
        await _text(openai, recorded("st404"))


async def test_halves_of_a_character_are_joined(openai: tuple[OpenAIStandIn, Backend]) -> None:
    text, _ = await _text(openai, recorded("surrogates"))
    assert text == '```python\ndef f():\n    return "😀"\n```\n'


async def test_a_lost_character_reaches_the_check_that_looks_for_it(
    openai: tuple[OpenAIStandIn, Backend],
) -> None:
    text, _ = await _text(openai, recorded("replacement"))
    assert "\ufffd" in text


@pytest.mark.parametrize(
    ("case", "thoughts"),
    [("harmony", "We need a function."), ("gemmathought", "\nWe need a function.\n")],
    ids=["harmony", "gemma"],
)
async def test_channel_markers_are_not_part_of_the_answer(
    openai: tuple[OpenAIStandIn, Backend], case: str, thoughts: str
) -> None:
    assert await _text(openai, recorded(case)) == (FUNCTION, thoughts)


@pytest.mark.parametrize(
    ("before", "thoughts"),
    [
        (
            "<|channel|>analysis<|message|>We need a function.<|end|>"
            "<|start|>assistant<|channel|>final<|message|>",
            "We need a function.",
        ),
        ("<|channel>thought\nWe need a function.\n<channel|>", "\nWe need a function.\n"),
    ],
    ids=["harmony", "gemma"],
)
async def test_channel_markers_are_not_part_of_ollamas_answer(
    ollama_standin: OllamaStandIn, before: str, thoughts: str
) -> None:
    ollama_standin.answers.default = Answer(before + FUNCTION)
    backend = OllamaBackend(ollama_standin.url, settings())
    text, thought, _ = await collect(backend.generate(request(model=CODER)))
    await backend.close()
    assert (text, thought) == (FUNCTION, thoughts)


async def test_errors_of_a_gateway_before_ollama(ollama_standin: OllamaStandIn) -> None:
    backend = OllamaBackend(ollama_standin.url, settings())
    ollama_standin.given = {"/api/chat": [recorded("st404"), recorded("st502")]}
    with pytest.raises(BackendFailed, match="Not Found"):
        await collect(backend.generate(request(model=CODER)))
    with pytest.raises(EngineBusy, match=r"\(502 Bad Gateway\)") as raised:
        await collect(backend.generate(request(model=CODER)))
    await backend.close()
    assert "<" not in str(raised.value)


async def test_ollama_joins_halves_and_ignores_error_null() -> None:
    pieces = ('{"message": {"content": "a\\ud83d"}, "error": null}', '{"message": {"content": "\\ude00b"}}')
    lines = "\n".join([*pieces, '{"message": {"content": ""}, "done": true, "done_reason": "stop"}\n'])
    with RawServer([HEAD + lines.encode()]) as server:
        backend = OllamaBackend(server.url, settings())
        text, _, _ = await collect(backend.generate(request()))
        await backend.close()
    assert text == "a😀b"


@pytest.mark.fast
@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"error": "text"}, "text"),
        ({"error": {"message": "text", "type": "t"}}, "text"),
        ({"error": '{"error": {"message": "text"}}'}, "text"),
        ({"object": "error", "message": "text"}, "text"),
        ({"detail": "text"}, "text"),
        ({"detail": [{"loc": ["body"], "msg": "one"}, {"msg": "two"}]}, "one; two"),
        ({"choices": None, "error_type": "t", "error_message": "text"}, "text"),
        ({"error": {"code": 400, "details": "text"}}, "text"),
        ({"error": {"code": 500}, "message": "text"}, "text"),
    ],
    ids=["string", "object", "nested", "lm-sys", "fastapi", "fastapi-list", "types", "details", "beside"],
)
def test_the_text_of_an_error(fields: dict[str, object], message: str) -> None:
    assert error_details(fields)["message"] == message
    assert error_in(fields) is not None


@pytest.mark.fast
@pytest.mark.parametrize(
    "fields",
    [{"error": None, "choices": []}, {"message": {"content": "x"}}, {"choices": [{}], "detail": "x"}, {}],
    ids=["null", "answer", "detail-beside", "nothing"],
)
def test_no_error(fields: dict[str, object]) -> None:
    assert error_in(fields) is None


@pytest.mark.fast
def test_plain_errors() -> None:
    assert plain_error(b"upstream\nis away") == "upstream is away"
    assert plain_error(b"<html><title>502\n Bad</title>") == "502 Bad"
    assert plain_error(b"<html>nothing") == ""
