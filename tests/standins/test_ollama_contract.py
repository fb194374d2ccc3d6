"""Contract of the Ollama stand-in: it answers as in the recorded exchanges and suits the official client.

Compared: status, content type, the number of lines or their shape, every JSON key, every value's type,
and every value but these, which differ from run to run or describe weights that the stand-in lacks:
times and instants, digests, sizes, token counts, ids, and what ``/api/show`` tells of the model's inside.
"""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import ollama
import pytest

from tests.standins.answers import Answer, prompt_of
from tests.standins.ollama import CODER, OllamaStandIn, StandInModel
from tests.standins.ollama_registry import Registered

RECORDS = Path(__file__).parents[1] / "data/ollama/exchanges.jsonl"
LINES = RECORDS.read_text(encoding="utf-8").splitlines()
RECORDED = {record["name"]: record for record in map(json.loads, LINES)}

VARIES = {
    "created_at",
    "modified_at",
    "expires_at",
    "digest",
    "size",
    "size_vram",
    "total_duration",
    "load_duration",
    "prompt_eval_count",
    "prompt_eval_duration",
    "eval_count",
    "eval_duration",
    "id",
    "created",
    "prompt_tokens",
    "completion_tokens",
    "total_tokens",
}
INSIDE = {"modelfile", "template", "model_info", "tensors"}
NUMBERS = re.compile(r"\d+")
LONG = "START-MARKER zebra42. " + "The quick brown fox jumps over the lazy dog. " * 1000


@pytest.fixture(scope="module")
def server() -> Iterator[OllamaStandIn]:
    with OllamaStandIn() as standin:
        coder = standin.models.pop(CODER)
        standin.models["qtmpl:latest"] = StandInModel(size=491_400_368, parent=CODER)
        standin.models[CODER] = coder
        for name, record in RECORDED.items():
            _teach(standin, name, record)
        yield standin


@pytest.fixture
def client(server: OllamaStandIn) -> Iterator[ollama.Client]:
    with ollama.Client(host=server.url) as official:
        yield official


@pytest.mark.parametrize("name", RECORDED)
def test_answers_as_recorded(server: OllamaStandIn, name: str) -> None:
    """Replays every record in order, because loads and unloads affect later ones."""
    request, recorded = RECORDED[name]["request"], RECORDED[name]["response"]
    content = request["raw"].encode() if "raw" in request else json.dumps(_whole(name, request)).encode()
    body = None if "raw" not in request and "json" not in request else content

    answer = httpx.request(request["method"], server.url + request["path"], content=body, timeout=30)

    assert answer.status_code == recorded["status"]
    assert answer.headers["content-type"] == recorded["content_type"]
    if "text" in recorded:
        assert answer.text == recorded["text"]
    elif "lines" in recorded:
        assert _shapes(answer.text) == _shapes("\n".join(line["line"] for line in recorded["lines"]))
    else:
        assert _shape(answer.json()) == _shape(recorded["json"])


def test_records_are_all_replayed() -> None:
    assert len(RECORDED) == len(LINES) == 38


def test_the_official_client_generates(server: OllamaStandIn, client: ollama.Client) -> None:
    server.answers.when("Say three words", Answer("one two three"))
    messages = [{"role": "user", "content": "Say three words"}]

    whole = client.chat(CODER, messages=messages, options={"num_ctx": 8192})
    parts = list(client.chat(CODER, messages=messages, stream=True))

    assert whole.message.content == "".join(part.message.content or "" for part in parts) == "one two three"
    assert parts[-1].done_reason == "stop"
    assert whole.prompt_eval_count is not None
    assert whole.prompt_eval_count > 20


def test_the_official_client_manages_models(server: OllamaStandIn, client: ollama.Client) -> None:
    server.registry["tiny:1b"] = Registered(layers=(500, 300))

    pulled = [part.status for part in client.pull("tiny:1b", stream=True)]
    names = {model.model for model in client.list().models}
    client.chat("tiny:1b", messages=[], keep_alive="10m")
    loaded = [model.model for model in client.ps().models]
    shown = client.show("tiny:1b")
    client.delete("tiny:1b")

    assert pulled[0] == "pulling manifest"
    assert pulled[-1] == "success"
    assert {CODER, "tiny:1b"} <= names
    assert "tiny:1b" in loaded
    assert shown.modelinfo
    with pytest.raises(ollama.ResponseError, match="not found"):
        client.show("tiny:1b")


def test_the_official_client_sees_errors(client: ollama.Client) -> None:
    with pytest.raises(ollama.ResponseError, match="no such host"):
        list(client.pull("qwen3:0.6b", stream=True))
    with pytest.raises(ollama.ResponseError, match="does not support thinking") as raised:
        client.chat(CODER, messages=[{"role": "user", "content": "x"}], think=True)
    assert raised.value.status_code == 400


def _teach(standin: OllamaStandIn, name: str, record: dict[str, Any]) -> None:
    """Make the stand-in give a recorded prompt the recorded answer, in the same number of tokens."""
    body, response = _whole(name, record["request"]), record["response"]
    if response["status"] != 200 or not isinstance(body, dict) or not body.get("messages"):
        return
    if "lines" in response:
        tokens = tuple(filter(None, map(_line_text, response["lines"])))
        cut = record["request"]["path"] != "/api/chat"
    else:
        answer = response["json"]
        message = answer["message"] if "message" in answer else answer["choices"][0]["message"]
        cut = (answer.get("done_reason") or answer["choices"][0]["finish_reason"]) == "length"
        count = answer["eval_count"] if "eval_count" in answer else answer["usage"]["completion_tokens"]
        tokens = _in_pieces(message["content"], count - (not cut))
    spoken = Answer(tokens=(*tokens, " and so on") if cut else tokens)
    prompt = prompt_of(body)
    standin.answers.choose(lambda asked, _: spoken if asked == prompt else None)


def _line_text(line: dict[str, Any]) -> str:
    data = line["line"].removeprefix("data: ")
    if data == "[DONE]":
        return ""
    fields = json.loads(data)
    if "message" in fields:
        return str(fields["message"]["content"])
    return "".join(choice["delta"].get("content", "") for choice in fields["choices"])


def _in_pieces(text: str, count: int) -> tuple[str, ...]:
    return (*text[: count - 1], text[count - 1 :])


def _whole(name: str, request: dict[str, Any]) -> Any:
    """Return the request's JSON, with a long prompt in full that the record only describes."""
    body = request.get("json")
    if isinstance(body, dict) and isinstance(body.get("messages"), str):
        question = {"role": "user", "content": "Which animal follows START-MARKER?"}
        several = [{"role": "user", "content": LONG}, question]
        one = [{"role": "user", "content": LONG + question["content"]}]
        return body | {"messages": several if "several" in name else one}
    return body


def _shapes(text: str) -> list[Any]:
    """Return the distinct shapes of the lines: the number of tokens depends on the tokenizer."""
    shapes: list[Any] = []
    for line in filter(None, text.splitlines()):
        data = line.removeprefix("data: ")
        shape = data if data == "[DONE]" else _shape(json.loads(data), text=False)
        if shape not in shapes[-1:]:
            shapes.append(shape)
    return shapes


def _shape(value: Any, key: str = "", *, text: bool = True) -> Any:
    """Return ``value`` with variable parts replaced by their types."""
    if key in INSIDE:
        return type(value).__name__
    if isinstance(value, dict):
        return {name: _shape(each, name, text=text) for name, each in value.items()}
    if isinstance(value, list):
        return [_shape(each, key, text=text) for each in value]
    if key in VARIES or (key == "content" and not text):
        return type(value).__name__
    if key == "error" and "tokens" in value:
        return NUMBERS.sub("N", value)
    return value
