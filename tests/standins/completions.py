"""Answers of ``/v1/chat/completions``, complete or as server-sent events."""

import json
from collections.abc import AsyncIterator
from typing import Any

CREATED = 1_795_237_996


def usage(prompt: int, completion: int) -> dict[str, int]:
    """Return the token counts in the protocol's form."""
    return {"prompt_tokens": prompt, "completion_tokens": completion, "total_tokens": prompt + completion}


def completion(
    model: str, text: str, reason: str, counts: dict[str, int], fingerprint: str
) -> dict[str, Any]:
    """Return an answer in one piece."""
    return {
        "id": "chatcmpl-1",
        "object": "chat.completion",
        "created": CREATED,
        "model": model,
        "system_fingerprint": fingerprint,
        "choices": [{"index": 0, "message": {"role": "assistant", "content": text}, "finish_reason": reason}],
        "usage": counts,
    }


def chunk(model: str, fingerprint: str, choices: list[dict[str, Any]], **more: Any) -> bytes:
    """Return one event of a streamed answer."""
    value = {
        "id": "chatcmpl-1",
        "object": "chat.completion.chunk",
        "created": CREATED,
        "model": model,
        "system_fingerprint": fingerprint,
        "choices": choices,
        **more,
    }
    return event(value)


def choice(delta: dict[str, Any], reason: str | None = None) -> list[dict[str, Any]]:
    """Return the ``choices`` of a chunk."""
    return [{"index": 0, "delta": delta, "finish_reason": reason}]


def event(value: dict[str, Any]) -> bytes:
    """Return ``value`` as a server-sent event."""
    return b"data: " + json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode() + b"\n\n"


DONE = b"data: [DONE]\n\n"


async def answer_events(
    model: str, pieces: list[str], reason: str, counts: dict[str, int], fingerprint: str
) -> AsyncIterator[bytes]:
    """Yield a streamed answer as Ollama sends it."""
    for number, piece in enumerate(pieces):
        role = {} if number else {"role": "assistant"}
        yield chunk(model, fingerprint, choice(role | {"content": piece}))
    yield chunk(model, fingerprint, choice({}, reason))
    yield chunk(model, fingerprint, [], usage=counts)
    yield DONE
