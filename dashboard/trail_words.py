"""A row of the audit trail in plain words: what happened, to what, by whom, and its facts."""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import PurePath
from typing import Any

from dashboard import formats
from dashboard.tool_names import CALLS, call_name, plain_tools
from server.policy.trail import Record

KINDS: Mapping[str, str] = {
    "decision": "Decision",
    "approval": "Your answer",
    "offload": "Task ended",
    "write": "File written",
    "undo": "Undone",
    "connection": "Connection",
    "settings": "Settings",
    "policy": "Rules",
    "pause": "Pause",
    "secrets": "Secrets",
    "trail": "Trail",
}
"""Display name for each of ``trail.KINDS``."""
VERDICTS: Mapping[str, str] = {
    "allow": "allowed",
    "deny": "denied",
    "limit": "limit reached",
    "approve": "asked you",
    "broken": "broken",
    "refused": "refused",
}
SAID_BY_TEXT = frozenset({"paused", "resumed", "loaded", "delivered", "returned"})
"""Verdicts that the kind or the text of their rows already says."""

_WRITTEN = re.compile(r": \+(\d+) -(\d+)( \(new\))? lines")
"""The change in a reply (``offload.run.reply.delivered``)."""
_CODE = re.compile(r"^(?:denied|limited|paused|cancelled|[a-z]+(?:_[a-z]+)+): ")
"""The code at the start of an error's text."""
_TOOL = re.compile(rf'(?P<of>" of )?\b(?P<tool>{"|".join(each for each in CALLS if "_" in each)})\b')
"""A tool's own name in a text. A rule is ``"ask first" of offload_work``."""


@dataclass(frozen=True)
class TrailWords:
    """A row in words. ``about`` is a second line, empty if there is nothing to add. ``whole`` is the text in
    full, if ``title`` is only a part of it. ``offload`` is the id of the call that the row belongs to.
    """

    kind: str
    title: str
    about: str
    whole: str
    facts: tuple[tuple[str, str], ...]
    offload: str


def trail_words(record: Record) -> TrailWords:
    """Return a row in words."""
    details: dict[str, Any] = json.loads(record.details)
    plain = record.text.replace("`", "")
    title = _CODE.sub("", formats.reason(plain).partition("\n")[0])
    title = _TOOL.sub(_tool, _WRITTEN.sub(_lines, title))
    ended = record.kind in ("offload", "write")
    verdict = formats.outcome(record.verdict) if ended else VERDICTS.get(record.verdict, record.verdict)
    if record.verdict in SAID_BY_TEXT or title.lower().startswith(verdict.lower()):
        verdict = ""
    who = formats.client_name(record.client)
    about = [verdict, call_name(record.tool), who if who not in title else "", PurePath(record.project).name]
    return TrailWords(
        kind=KINDS.get(record.kind, record.kind),
        title=title,
        about=" · ".join(part for part in about if part),
        whole=plain if plain != title else "",
        facts=tuple((name, value) for name, value in _facts(record, details) if value),
        offload=str(details.get("offload") or ""),
    )


def runs(records: Sequence[Record]) -> list[tuple[Record, ...]]:
    """Return the records in groups: equal ones that follow each other come together."""
    groups: list[list[Record]] = []
    for record in records:
        if groups and _same(groups[-1][-1]) == _same(record):
            groups[-1].append(record)
        else:
            groups.append([record])
    return [tuple(group) for group in groups]


def _lines(found: re.Match[str]) -> str:
    added, removed, new = found.groups()
    if new:
        return f": a new file of {formats.count(int(added), 'line')}"
    return f": +{added} {formats.MINUS}{removed} lines"


def _tool(found: re.Match[str]) -> str:
    return ('" for ' if found["of"] else "") + plain_tools([found["tool"]])


def _same(record: Record) -> tuple[str, ...]:
    return (
        record.kind, record.text, record.verdict, record.tool, record.client, record.project, record.details
    )  # fmt: skip


def _facts(record: Record, details: Mapping[str, Any]) -> list[tuple[str, str]]:
    paths = details.get("paths")
    return [
        ("Rule", str(details.get("rule") or "")),
        ("Files", ", ".join(map(str, paths)) if isinstance(paths, list) else ""),
        ("Answered by", str(details.get("by") or "")),
        ("Tool", record.tool and f"{call_name(record.tool)} ({record.tool})"),
        ("Client", record.client),
        ("Project", record.project),
        ("Time", formats.exact(record.at)),
        ("Row", formats.number(record.seq)),
    ]
