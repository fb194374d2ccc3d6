"""Parser for single transcript lines.

Several lines can share one ``message.id``, each with a part of the message and the usage so far. The usage on
the last line counts. Lines that are truncated, unknown or in a newer format are ignored (None). Malformed
content never raises an error.
"""

import json
import re
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

import orjson

from server.ledger.transcripts.injected import parse_attachment, parse_shape, string
from server.ledger.transcripts.lines import (
    AssistantMessage,
    ClientTotal,
    Compaction,
    Injected,
    ToolResult,
    ToolUse,
    TranscriptLine,
    Turn,
    Usage,
)

# Other kinds of lines (progress, snapshots of files, requests) are skipped without parsing. The keys of a
# line come in any order, and a large message can come before its type.
_TELLING = re.compile(
    rb'"type"\s*:\s*"(?:user|assistant|attachment|api-request-shape|cost-state)"|"subtype"\s*:\s*"compact_boundary"'
)

# No request has more tokens; a larger number is a defect of the file.
_MOST = 10**9


def parse_line(line: bytes) -> TranscriptLine | None:
    """Return a line's content; None for other kinds of line.

    Raises:
        ValueError: the line is truncated or not JSON.
    """
    if not _TELLING.search(line):
        return None
    record = _loaded(line)
    if not isinstance(record, dict):
        return None
    chain = string(record.get("agentId")) or ("side" if record.get("isSidechain") else "")
    read = _READERS.get(string(record.get("type")))
    return read(record, chain) if read is not None else None


def _loaded(line: bytes) -> Any:
    """Return a line's JSON value. ``orjson`` takes a third of the time, but refuses a few lines that ``json``
    reads: unpaired surrogates, and numbers that are not finite.
    """
    try:
        return orjson.loads(line)
    except orjson.JSONDecodeError:
        try:
            return json.loads(line)
        except RecursionError:
            raise ValueError("nested too deeply") from None


def _boundary(record: dict[str, Any], chain: str) -> Compaction | None:
    return Compaction(chain) if record.get("subtype") == "compact_boundary" else None


def _client_total(record: dict[str, Any], chain: str) -> ClientTotal | None:
    del chain
    models = _mapping(record.get("modelUsage"))
    found = {model: _usage_by_model(each) for model, each in models.items() if isinstance(each, dict)}
    return ClientTotal(found) if found else None


def _usage_by_model(usage: dict[str, Any]) -> Usage:
    written = _integer(usage.get("cacheCreationInputTokens"))
    long = min(written, _integer(usage.get("cacheCreationEphemeral1hInputTokens")))
    return Usage(
        input=_integer(usage.get("inputTokens")),
        write_5m=written - long,
        write_1h=long,
        read=_integer(usage.get("cacheReadInputTokens")),
        output=_integer(usage.get("outputTokens")),
    )


def _user(record: dict[str, Any], chain: str) -> Turn | Injected | None:
    message = record.get("message")
    if not isinstance(message, dict):
        return None
    turn = _turn(message, chain)
    if record.get("isMeta"):
        parts = tuple(("client:meta", text) for text in turn.texts)
        return Injected(chain, "meta", parts, known=not turn.other)
    return turn


def _answer(record: dict[str, Any], chain: str) -> AssistantMessage | None:
    message = _mapping(record.get("message"))
    message_id = string(message.get("id"))
    usage = message.get("usage")
    if not message_id or not isinstance(usage, dict) or record.get("isApiErrorMessage"):
        return None
    blocks = blocks_of(message)
    cwd = string(record.get("cwd"))
    return AssistantMessage(
        chain=chain,
        message_id=message_id,
        model=string(message.get("model")),
        usage=usage_of(usage),
        uses=tuple(
            ToolUse(string(block.get("id")), string(block.get("name")), _mapping(block.get("input")), cwd)
            for block in blocks
            if block.get("type") == "tool_use"
        ),
        texts=tuple(string(block.get("text")) for block in blocks if block.get("type") == "text"),
        thinking=any("thinking" in string(block.get("type")) for block in blocks),
        at=_instant(record.get("timestamp")),
        session=_origin(record),
    )


def _origin(record: dict[str, Any]) -> str:
    """Return the session that made the request; empty if it is the transcript's own."""
    origin = string(record.get("requestSessionId"))
    return origin if origin != record.get("sessionId") else ""


def usage_of(usage: dict[str, Any]) -> Usage:
    """Return a message's token counts. Writes not split by lifetime count as 5-minute writes, the default."""
    written = _integer(usage.get("cache_creation_input_tokens"))
    long = min(written, _integer(_mapping(usage.get("cache_creation")).get("ephemeral_1h_input_tokens")))
    return Usage(
        input=_integer(usage.get("input_tokens")),
        write_5m=written - long,
        write_1h=long,
        read=_integer(usage.get("cache_read_input_tokens")),
        output=_integer(usage.get("output_tokens")),
    )


def _turn(message: Mapping[str, Any], chain: str) -> Turn:
    results = []
    content = message.get("content")
    texts = [content] if isinstance(content, str) else []
    other = False
    for block in blocks_of(message):
        kind = block.get("type")
        if kind == "tool_result":
            result, unknown = _result(block)
            results.append(result)
            other = other or unknown
        elif kind == "text":
            texts.append(string(block.get("text")))
        else:
            other = True
    return Turn(chain, tuple(results), other, tuple(texts))


def _result(block: dict[str, Any]) -> tuple[ToolResult, bool]:
    content = block.get("content")
    parts = [part for part in content if isinstance(part, dict)] if isinstance(content, list) else []
    tools = tuple(string(part.get("tool_name")) for part in parts if part.get("type") == "tool_reference")
    texts = [string(part.get("text")) for part in parts]
    # The text does not contain an image's tokens, so this result's size cannot be compared.
    unknown = any(part.get("type") != "text" for part in parts)
    text = content if isinstance(content, str) else "\n".join(texts)
    return ToolResult(string(block.get("tool_use_id")), text, bool(block.get("is_error")), tools), unknown


def blocks_of(message: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return the blocks in a message's content; empty for plain text."""
    content = message.get("content")
    return [block for block in content if isinstance(block, dict)] if isinstance(content, list) else []


def _instant(value: Any) -> float:
    try:
        return datetime.fromisoformat(value).timestamp()
    except (TypeError, ValueError):
        return 0.0


def _integer(value: Any) -> int:
    sound = isinstance(value, int) and not isinstance(value, bool) and 0 < value <= _MOST
    return value if sound else 0


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}


_READERS: dict[str, Callable[[dict[str, Any], str], TranscriptLine | None]] = {
    "assistant": _answer,
    "user": _user,
    "attachment": parse_attachment,
    "api-request-shape": parse_shape,
    "system": _boundary,
    "cost-state": _client_total,
}
