"""Reader of Claude Code's transcripts: their location, their new lines, the meaning of a line.

A transcript has one JSON object a line, ``<folder>/projects/<project>/<session>.jsonl``, and grows while a
session runs. Several lines share one ``message.id``, each with a part of the message and the usage so far;
the last one counts. Files are only opened for reading. Lines that are cut off, unknown or of a newer format
are ignored (None); no content of a transcript raises.
"""

import json
import os
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

# Other kinds of lines (progress, snapshots of files, summaries) are skipped without parsing.
_TELLING = re.compile(rb'"type"\s*:\s*"(?:user|assistant)"')
_READ_AT_ONCE = 8 * 2**20


@dataclass(frozen=True)
class ToolUse:
    """A tool call that Claude made. ``cwd`` is the folder that its relative paths start from."""

    id: str
    name: str
    arguments: Mapping[str, Any]
    cwd: str


@dataclass(frozen=True)
class ToolResult:
    """The result of a tool call."""

    id: str
    text: str
    error: bool


@dataclass(frozen=True)
class AssistantMessage:
    """One line of an assistant's message. ``prompt_tokens`` counts everything that the request sent, cached
    or not; ``output_tokens`` the whole message so far. ``chain`` distinguishes subagents."""

    chain: str
    message_id: str
    model: str
    prompt_tokens: int
    output_tokens: int
    uses: tuple[ToolUse, ...]
    texts: tuple[str, ...]
    thinking: bool


@dataclass(frozen=True)
class Turn:
    """A user's line: tool results, and whether it contains anything else that Claude reads."""

    chain: str
    results: tuple[ToolResult, ...]
    other: bool


@dataclass(frozen=True)
class TranscriptFile:
    """A transcript file on disk, size in bytes."""

    path: Path
    size: int
    mtime_ns: int


def transcripts_folder(setting: str, environ: Mapping[str, str] = os.environ) -> Path:
    """Return the folder with the transcripts: the setting, else ``CLAUDE_CONFIG_DIR``, else
    ``~/.claude``."""
    chosen = setting or environ.get("CLAUDE_CONFIG_DIR") or "~/.claude"
    return Path(chosen).expanduser() / "projects"


def find_transcripts(folder: Path) -> list[TranscriptFile]:
    """Return every transcript in the folder, subagents' included; none if the folder cannot be read."""
    found = []
    pending = [str(folder)]
    while pending:
        try:
            with os.scandir(pending.pop()) as entries:
                for entry in entries:
                    if entry.is_dir(follow_symlinks=False):
                        pending.append(entry.path)
                    elif entry.name.endswith(".jsonl") and entry.is_file():
                        status = entry.stat()
                        found.append(TranscriptFile(Path(entry.path), status.st_size, status.st_mtime_ns))
        except OSError:  # deleted meanwhile, or without permission to read
            continue
    return sorted(found, key=lambda each: each.path)


def new_lines(path: Path, position: int) -> Iterator[tuple[int, bytes]]:
    """Yield each complete line from byte ``position`` on, with the position after it.

    An incomplete last line is still being written; it is left for the next pass.

    Raises:
        OSError: the file cannot be read.
    """
    with path.open("rb", buffering=_READ_AT_ONCE) as file:
        file.seek(position)
        for line in file:
            if not line.endswith(b"\n"):
                return
            position += len(line)
            yield position, line


def parse_line(line: bytes) -> AssistantMessage | Turn | None:
    """Return the content of a line, None for a line of another kind.

    Raises:
        ValueError: the line is cut off or not JSON.
    """
    if not _TELLING.search(line):
        return None
    try:
        record = json.loads(line)
    except RecursionError:
        raise ValueError("nested too deeply") from None
    if not isinstance(record, dict) or record.get("isMeta"):
        return None
    message = record.get("message")
    if not isinstance(message, dict):
        return None
    chain = _string(record.get("agentId")) or ("side" if record.get("isSidechain") else "")
    if record.get("type") == "assistant":
        return _answer(record, message, chain)
    return _turn(message, chain) if record.get("type") == "user" else None


def _answer(record: dict[str, Any], message: dict[str, Any], chain: str) -> AssistantMessage | None:
    message_id = _string(message.get("id"))
    usage = message.get("usage")
    if not message_id or not isinstance(usage, dict) or record.get("isApiErrorMessage"):
        return None
    blocks = _blocks(message)
    cwd = _string(record.get("cwd"))
    prompt = ("input_tokens", "cache_creation_input_tokens", "cache_read_input_tokens")
    return AssistantMessage(
        chain=chain,
        message_id=message_id,
        model=_string(message.get("model")),
        prompt_tokens=sum(_integer(usage.get(name)) for name in prompt),
        output_tokens=_integer(usage.get("output_tokens")),
        uses=tuple(
            ToolUse(_string(block.get("id")), _string(block.get("name")), _mapping(block.get("input")), cwd)
            for block in blocks
            if block.get("type") == "tool_use"
        ),
        texts=tuple(_string(block.get("text")) for block in blocks if block.get("type") == "text"),
        thinking=any("thinking" in _string(block.get("type")) for block in blocks),
    )


def _turn(message: dict[str, Any], chain: str) -> Turn:
    results = []
    other = isinstance(message.get("content"), str)
    for block in _blocks(message):
        if block.get("type") != "tool_result":
            other = True
            continue
        content = block.get("content")
        parts = content if isinstance(content, list) else []
        texts = [_string(part.get("text")) for part in parts if isinstance(part, dict)]
        # The text does not contain an image's tokens, so this result's size cannot be compared.
        other = other or any(not isinstance(part, dict) or part.get("type") != "text" for part in parts)
        text = content if isinstance(content, str) else "\n".join(texts)
        results.append(ToolResult(_string(block.get("tool_use_id")), text, bool(block.get("is_error"))))
    return Turn(chain, tuple(results), other)


def _blocks(message: dict[str, Any]) -> list[dict[str, Any]]:
    content = message.get("content")
    return [block for block in content if isinstance(block, dict)] if isinstance(content, list) else []


def _string(value: Any) -> str:
    return value if isinstance(value, str) else ""


def _integer(value: Any) -> int:
    return value if isinstance(value, int) and not isinstance(value, bool) and value > 0 else 0


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}
