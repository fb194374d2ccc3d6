"""Text that the client itself puts into the context, split by the part of the set-up it belongs to.

An ``attachment`` line has the values behind the text and, since 2026, the text as Claude reads it
(``rendered``). ``prompt_snapshot`` and ``api-request-shape`` hold the system prompt and the tool definitions.
"""

import json
from collections.abc import Iterable, Iterator
from typing import Any

from server.ledger.transcripts.lines import Injected

# Attachments about the client itself. Claude does not read them.
_SILENT = frozenset({"hook_success", "session_context"})
_OPENING, _CLOSING = "<system-reminder>", "</system-reminder>"
_TEXT_KEYS = ("content", "snippet", "text", "stdout", "prompt")


def parse_attachment(record: dict[str, Any], chain: str) -> Injected | None:
    """Return an attachment's texts; None if Claude does not read it."""
    attachment = record.get("attachment")
    if not isinstance(attachment, dict):
        return None
    kind = string(attachment.get("type"))
    if kind == "prompt_snapshot":
        return _fixed(attachment.get("systemPrompt"), attachment.get("tools"), chain)
    parts = tuple(_parts(kind, attachment))
    path = string(attachment.get("filename")) or string(attachment.get("path"))
    if "rendered" in record:
        rendered = "\n".join(_as_sent(text, record) for text in _texts(record["rendered"]))
        return Injected(chain, kind, (*parts, *_rest(kind, parts, rendered)), path)
    if kind in _SILENT:
        return None
    if parts:  # an older client: the small amount of text around these parts is unknown
        return Injected(chain, kind, parts, path)
    texts = [text for key in _TEXT_KEYS if (text := string(attachment.get(key)))]
    parts = tuple((f"client:{kind}", text) for text in texts)
    return Injected(chain, kind, parts, path, known=bool(texts))


def _as_sent(text: str, record: dict[str, Any]) -> str:
    """Return a rendered text, without its tags if the client sends it in a ``system`` message."""
    if record.get("renderedRole") != "system":
        return text
    return text.strip().removeprefix(_OPENING).removesuffix(_CLOSING).strip("\n")


def parse_shape(record: dict[str, Any], chain: str) -> Injected | None:
    """Return a request's system prompt and tool definitions."""
    shape = record.get("shape")
    return _fixed(shape.get("system"), shape.get("tools"), chain) if isinstance(shape, dict) else None


def mcp_server(tool: str) -> str:
    """Return the MCP server a tool belongs to; empty for the client's own tools."""
    if not tool.startswith("mcp__"):
        return ""
    return tool.removeprefix("mcp__").rpartition("__")[0]


def string(value: Any) -> str:
    """Return the value if it is a string, otherwise an empty string."""
    return value if isinstance(value, str) else ""


def _fixed(system: Any, tools: Any, chain: str) -> Injected | None:
    """Return the fixed part of a request; None if the tools, which make up most of it, are missing."""
    if not isinstance(tools, list):
        return None
    parts = [("client:system prompt", text) for text in _texts(system)]
    for tool in tools:
        if isinstance(tool, dict):
            name = string(tool.get("name"))
            server = mcp_server(name)
            text = json.dumps(tool, ensure_ascii=False, separators=(",", ":"))
            parts.append((f"mcp:{server}" if server else "client:built-in tools", text))
    return Injected(chain, "fixed", tuple(parts))


def _parts(kind: str, attachment: dict[str, Any]) -> Iterator[tuple[str, str]]:
    if kind == "skill_listing":
        yield from _listed(string(attachment.get("content")), attachment.get("names"))
    elif kind == "agent_listing_delta":
        lines = _strings(attachment.get("addedLines"))
        yield from (
            (f"agent:{name}", line)
            for name, line in zip(_strings(attachment.get("addedTypes")), lines, strict=False)
        )
    elif kind == "deferred_tools_delta":
        names = _strings(attachment.get("addedNames"))
        lines = _strings(attachment.get("addedLines")) or names
        for name, line in zip(names, lines, strict=False):
            server = mcp_server(name)
            yield (f"mcp:{server}" if server else "client:deferred tools", line)
    elif kind == "mcp_instructions_delta":
        names = _strings(attachment.get("addedNames"))
        blocks = _strings(attachment.get("addedBlocks")) or _strings(attachment.get("addedLines"))
        yield from ((f"mcp:{server_key(name)}", block) for name, block in zip(names, blocks, strict=False))
    elif kind == "instructions":
        files = attachment.get("files")
        for file in files if isinstance(files, list) else ():
            if isinstance(file, dict):
                yield f"memory:{string(file.get('path'))}", string(file.get("content"))
    elif kind == "nested_memory":
        content = attachment.get("content")
        text = string(content.get("content")) if isinstance(content, dict) else string(content)
        yield f"memory:{string(attachment.get('path'))}", text
    elif kind.startswith("hook_"):
        event = string(attachment.get("hookName")) or string(attachment.get("hookEvent"))
        for text in _texts(attachment.get("content")):
            if text and kind not in _SILENT:
                yield f"hook:{event}", text


def server_key(name: str) -> str:
    """Return a server's name as it appears in the names of its tools."""
    return "".join(char if char.isalnum() or char in "_-" else "_" for char in name)


def _listed(content: str, names: Any) -> Iterator[tuple[str, str]]:
    """Split a ``- name: description`` listing at its names, which are given in order."""
    starts = []
    position = 0
    for name in _strings(names):
        found = content.find(f"- {name}", position)
        if found >= 0:
            starts.append((name, found))
            position = found + 1
    ends = [start for _, start in starts[1:]] + [len(content)]
    for (name, start), end in zip(starts, ends, strict=False):
        yield f"skill:{name}", content[start:end].removesuffix("\n")


def _rest(kind: str, parts: tuple[tuple[str, str], ...], rendered: str) -> Iterable[tuple[str, str]]:
    """Return the client's text surrounding the parts as a separate part."""
    rest = rendered
    for _, text in parts:
        rest = rest.replace(text.strip("\n"), "", 1)
    return ((f"client:{kind}", rest),) if rest.strip() else ()


def _texts(value: Any) -> list[str]:
    """Return the texts from a string, or from a list of strings or blocks with ``text`` or ``content``."""
    if isinstance(value, str):
        return [value]
    if isinstance(value, dict):
        return _texts(value.get("text") or value.get("content"))
    return [text for each in value for text in _texts(each)] if isinstance(value, list) else []


def _strings(value: Any) -> list[str]:
    return [each for each in value if isinstance(each, str)] if isinstance(value, list) else []
