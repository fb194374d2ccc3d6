"""A tool result as Claude Code passes it to a hook, and the same result with its text replaced.

The formats are those of Claude Code 2.1.332: Bash ``{"stdout", "stderr", …}``, Read ``{"file": {"content",
…}}``, WebFetch ``{"result", …}``, MCP a list of content blocks.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from server.digest_hook.main import EDITED

PREVIEW_CHARACTERS = 2_048
"""Number of characters shown by the client when it keeps a Bash output in a file."""
_MOST_EDIT_BYTES = 500
_KEPT_FIELDS = ("persistedOutputPath", "persistedOutputSize")


@dataclass(frozen=True)
class ToolResult:
    """A tool result. ``text`` is the part contained in the event. ``kept`` is the file in the client's folder
    that holds all of a long Bash output; None for other results.
    """

    tool: str
    arguments: Mapping[str, Any]
    response: Any
    text: str
    project: Path
    folder: Path
    session: str
    tool_use_id: str
    kept: Path | None = None

    @property
    def command(self) -> str:
        """The Bash command; empty for other tools."""
        return str(self.arguments.get("command", "")) if self.tool == "Bash" else ""

    @property
    def path(self) -> Path | None:
        """The file that Read was called on; None for other tools."""
        named = self.arguments.get("file_path")
        return self.folder / named if self.tool == "Read" and isinstance(named, str) else None

    @property
    def lines_missing(self) -> tuple[int, int] | None:
        """The first line that Read left out and the total number of lines, or None if it left out nothing."""
        if self.tool != "Read":
            return None
        file = self.response["file"]
        end, total = int(file["startLine"]) + int(file["numLines"]), int(file["totalLines"])
        # Claude Code counts the empty text after a last line end as a line.
        return (end, total) if end < total else None

    def shown(self) -> str:
        """Return the text Claude would see without the hook."""
        if self.kept is not None:
            return self.text[:PREVIEW_CHARACTERS]
        if self.tool == "Read":
            return "\n".join(f"{number}\t{line}" for number, line in enumerate(self.text.split("\n"), 1))
        return self.text

    def with_text(self, text: str) -> Any:
        """Return the client's result with its text replaced by ``text``."""
        if isinstance(self.response, list):
            return [{"type": "text", "text": text}]
        if self.tool == "Read":
            count = text.count("\n") + 1
            return {**self.response, "file": {**self.response["file"], "content": text, "numLines": count}}
        if self.tool == "Bash":
            rest = {key: value for key, value in self.response.items() if key not in _KEPT_FIELDS}
            return {**rest, "stdout": text, "stderr": ""}
        return {**self.response, "result": text}


def edited_session(event: bytes) -> str:
    """Return the session for an event that reports an edit by Claude; empty for other events."""
    if len(event) > _MOST_EDIT_BYTES:
        return ""
    try:
        found: Any = json.loads(event)
        return str(found["session_id"]) if found["tool_name"] == EDITED else ""
    except (ValueError, KeyError, TypeError):
        return ""


def parse_event(event: bytes, project: str) -> ToolResult | None:
    """Return the result in an event, or None if it holds anything but text or has an unknown format.

    ``project`` is the client's project folder; empty if unknown.
    """
    try:
        found: Any = json.loads(event)
        response = found["tool_response"]
        folder = Path(found["cwd"])
        return ToolResult(
            tool=str(found["tool_name"]),
            arguments=dict(found["tool_input"]),
            response=response,
            text=_text(str(found["tool_name"]), response),
            project=Path(project) if project else folder,
            folder=folder,
            session=str(found["session_id"]),
            tool_use_id=str(found["tool_use_id"]),
            kept=_kept(response, Path(found["transcript_path"])),
        )
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return None


def _text(tool: str, response: Any) -> str:
    """Return the text of a response.

    Raises:
        ValueError: the response holds something else.
    """
    if tool.startswith("mcp__"):
        blocks = [{"type": "text", "text": response}] if isinstance(response, str) else response
        if any(block["type"] != "text" for block in blocks):
            raise ValueError("not only text")
        return "\n".join(block["text"] for block in blocks)
    if tool == "Bash":
        if response.get("isImage") or response.get("interrupted") or response.get("backgroundTaskId"):
            raise ValueError("not the output of a finished command")
        return "\n".join(filter(None, (str(response["stdout"]), str(response.get("stderr") or ""))))
    if tool == "Read":
        if response["type"] != "text":
            raise ValueError("not text")
        return str(response["file"]["content"])
    if tool == "WebFetch":
        return str(response["result"])
    raise ValueError(f"unknown tool {tool}")


def _kept(response: Any, transcript: Path) -> Path | None:
    """Return the file in which the client kept this result.

    Raises:
        ValueError: the file is not in the session's own folder for kept results.
    """
    named = response.get(_KEPT_FIELDS[0]) if isinstance(response, dict) else None
    if not named:
        return None
    path = Path(named).resolve()
    if path.parent != (transcript.with_suffix("") / "tool-results").resolve():
        raise ValueError("not a kept result of this session")
    return path
