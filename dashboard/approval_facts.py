"""What the user needs to know about a call awaiting approval: task, files and rule."""

import itertools
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from server.policy.approvals import Approval
from server.policy.files.special_names import is_credential_file, is_environment_file
from server.policy.rules.describe import describe_conditions
from server.policy.values import Call, Rule

MOST_FILES = 8
"""Maximum number of files listed for each kind; the rest are only counted."""
PREVIEW_LINES = 40
PREVIEW_CHARS = 4_000


@dataclass(frozen=True)
class TouchedFile:
    """A file that the call would read or write. ``size`` is None if the file does not exist yet. ``preview``
    is the start of its current contents; empty for binary files and files that may hold credentials.
    """

    path: str
    written: bool
    size: int | None
    preview: str = ""


@dataclass(frozen=True)
class ApprovalFacts:
    """The facts the user bases the decision on. ``more_written`` and ``more_read`` count the files not
    listed.
    """

    task: str
    files: tuple[TouchedFile, ...]
    more_written: int
    more_read: int
    rule: str


def approval_facts(approval: Approval) -> ApprovalFacts:
    """Return the facts about a waiting call. Reads the beginning of each file that the call would write."""
    call = approval.call
    written = tuple(dict.fromkeys(_paths(call, "output")))
    read = tuple(each for each in dict.fromkeys(_paths(call, "files")) if each not in written)
    if not written and not read:
        read = call.paths
    files = [_touched(call, each, written=True) for each in written[:MOST_FILES]]
    files += [_touched(call, each, written=False) for each in read[:MOST_FILES]]
    return ApprovalFacts(
        task=_task(call),
        files=tuple(files),
        more_written=max(0, len(written) - MOST_FILES),
        more_read=max(0, len(read) - MOST_FILES),
        rule=_rule(approval.rule),
    )


def _task(call: Call) -> str:
    words = str(call.arguments.get("task") or "")
    if not words and call.arguments.get("job"):
        words = f"{call.arguments.get('action', 'check')} {call.arguments['job']}"
    return words


def _paths(call: Call, argument: str) -> Iterator[str]:
    """Yield the resolved paths in an argument, both for the call itself and for each of its tasks."""
    tasks: list[Mapping[str, Any]] = [item.read_as or item.arguments for item in call.items]
    if not tasks:
        tasks = list(call.read_as[:1]) or [call.arguments]
    for task in tasks:
        value = task.get(argument)
        values = value if isinstance(value, list | tuple) else [value]
        yield from (each for each in values if isinstance(each, str) and each)


def _touched(call: Call, path: str, *, written: bool) -> TouchedFile:
    place = Path(call.project, path) if call.project else Path(path)
    try:
        size = place.stat().st_size if place.is_file() else None
        preview = _preview(place) if written and size else ""
    except OSError:
        size, preview = None, ""
    return TouchedFile(path, written, size, preview)


def _preview(place: Path) -> str:
    if is_credential_file(place.name) or is_environment_file(place.name):
        return ""
    with place.open(encoding="utf-8", errors="strict") as file:
        try:
            return "".join(itertools.islice(file, PREVIEW_LINES))[:PREVIEW_CHARS]
        except UnicodeDecodeError:
            return ""


def _rule(rule: Rule) -> str:
    """Return why the call asks: ``Rule "ask" (line 6 of the rules): it writes into the folder docs.``"""
    when = describe_conditions(rule)
    where = f'Rule "{rule.name}" (line {rule.line} of the rules)' if rule.line else f"Rule {rule.where}"
    return f"{rule.source or where}{f': {when}' if when else ''}."
