"""Switches parts off and on again: planned as a diff, applied, undone exactly.

For each settings file, the state folder keeps the content before the first switch and all later switches in
order. If the file still has the content written by the last switch, an undo replays the remaining switches,
and the last undo restores the original bytes. If the file has been edited in the meantime, the undo is
refused with an error that names the setting.
"""

import base64
import contextlib
import difflib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from server.bridge.own_folders import make_folder
from server.claude_context.switches import ClaudeFolders, Scope, Switch, find_switch, hook_removal
from server.clients.project_links import refuse_foreign_link
from server.common.atomic_write import PRIVATE, replace_file
from server.common.errors import BadArguments, NotFound
from server.config.folders import Folders
from server.config.textedit.jsonc import JsonError

RECORD = "context-switches.json"


@dataclass(frozen=True)
class Applied:
    """A part that has been switched off."""

    part: str
    scope: Scope
    project: str


@dataclass(frozen=True)
class Change:
    """A settings file's content before and after a change; None where the file does not exist."""

    switch: Switch
    scope: Scope
    project: str
    before: bytes | None
    after: bytes | None

    def diff(self) -> str:
        """Return the change as a unified diff."""
        old, new = (
            (side or b"").decode("utf-8", "replace").splitlines(keepends=True)
            for side in (self.before, self.after)
        )
        name = str(self.switch.path)
        text = difflib.unified_diff(old, new, name if self.before is not None else "/dev/null", name)
        return "".join(line if line.endswith("\n") else f"{line}\n" for line in text)


def plan(part: str, scope: Scope, folders: ClaudeFolders) -> Change:
    """Return the change that switches a part off.

    Raises:
        NotFound: the client cannot switch this part off.
        BadArguments: the settings file is broken.
    """
    switch = find_switch(part, scope, folders)
    if switch is None:
        raise NotFound(
            f"Claude Code cannot switch {part} off.", "Name a part listed by `token-saver context`."
        )
    _refuse_foreign_link(switch.path, scope, folders.project)
    before = _read(switch.path)
    after = _edited(switch, before)
    if part.startswith("hook:") and after == (before or b""):
        raise NotFound(
            f"{switch.path} does not contain this hook.",
            "The hook is in another settings file or in a plugin.",
        )
    return Change(switch, scope, str(folders.project), before, after)


def apply(change: Change, folders: Folders) -> None:
    """Write the change, and store what is needed to undo it.

    Raises:
        BadArguments: the file is behind a link that leads out of its project.
        OSError: a file cannot be written. The settings file is then unchanged.
    """
    if change.after is None or change.after == change.before:
        return
    _refuse_foreign_link(change.switch.path, change.scope, Path(change.project))
    records = _records(folders)
    record = records.setdefault(str(change.switch.path), {"before": _packed(change.before), "switches": []})
    record["switches"].append([change.switch.part, change.scope, change.project, _packed(change.after)])
    _write_records(records, folders)
    change.switch.path.parent.mkdir(parents=True, exist_ok=True)
    replace_file(change.switch.path, change.after)


def applied(folders: Folders) -> tuple[Applied, ...]:
    """Return the parts this app has switched off, in order."""
    return tuple(
        Applied(part, scope, project)
        for record in _records(folders).values()
        for part, scope, project, _ in record["switches"]
    )


def undo(done: Applied, folders: Folders, claude: ClaudeFolders) -> None:
    """Switch a part on again. Undoing the only remaining switch in a file restores its original bytes.

    Raises:
        NotFound: this app did not switch the part off.
        BadArguments: the file has been edited since, or is behind a link that leads out of its project.
        OSError: the file cannot be written.
    """
    records = _records(folders)
    for name, record in records.items():
        switches: list[list[Any]] = record["switches"]
        index = next((at for at, each in enumerate(switches) if tuple(each[:3]) == _key(done)), None)
        if index is None:
            continue
        path = Path(name)
        _refuse_foreign_link(path, done.scope, Path(done.project))
        if _read(path) != _unpacked(switches[-1][3]):
            raise BadArguments(
                f"{path} was edited after the switch.",
                f"Remove the setting by hand: {_setting(done, claude)}.",
            )
        rest = switches[:index]
        now = _unpacked(rest[-1][3] if rest else record["before"])
        for part, scope, project, _ in switches[index + 1 :]:
            now = _edited_again(part, scope, path, now, _in_project(claude, project))
            rest.append([part, scope, project, _packed(now)])
        record["switches"] = rest
        _restore(path, now)
        _write_records({key: each for key, each in records.items() if each["switches"]}, folders)
        return
    raise NotFound(f"Token Saver did not switch {done.part} off.", "Run `token-saver context` for a list.")


def _refuse_foreign_link(path: Path, scope: Scope, project: Path) -> None:
    refuse_foreign_link(path, project if scope == "project" else None)


def _edited_again(
    part: str, scope: Scope, path: Path, now: bytes | None, claude: ClaudeFolders
) -> bytes | None:
    """Return a settings file after reapplying a later switch to it."""
    if part.startswith("hook:"):
        removed = _edited(hook_removal(part, path), now)
        if removed != (now or b""):
            return removed
    switch = find_switch(part, scope, claude)
    return _edited(switch, now) if switch is not None else now


def _setting(done: Applied, claude: ClaudeFolders) -> str:
    switch = find_switch(done.part, done.scope, _in_project(claude, done.project))
    return switch.setting if switch is not None else done.part


def _in_project(claude: ClaudeFolders, project: str) -> ClaudeFolders:
    return ClaudeFolders(claude.config, claude.state, Path(project))


def _key(done: Applied) -> tuple[str, str, str]:
    return (done.part, done.scope, done.project)


def _edited(switch: Switch, before: bytes | None) -> bytes:
    try:
        text = (before or b"").decode("utf-8")
        return switch.edit(text).encode("utf-8")
    except (JsonError, UnicodeDecodeError) as error:
        raise BadArguments(f"{switch.path} is not valid JSON: {error}.", "Fix the file first.") from None


def _restore(path: Path, data: bytes | None) -> None:
    if data is not None:
        replace_file(path, data)
        return
    path.unlink(missing_ok=True)
    with contextlib.suppress(OSError):  # not empty, or not from this app: keep the file
        path.parent.rmdir()


def _read(path: Path) -> bytes | None:
    try:
        return path.read_bytes()
    except FileNotFoundError:
        return None


def _packed(data: bytes | None) -> str | None:
    return None if data is None else base64.b64encode(data).decode()


def _unpacked(text: str | None) -> bytes | None:
    return None if text is None else base64.b64decode(text)


def _records(folders: Folders) -> dict[str, Any]:
    data = _read(folders.state / RECORD)
    records: dict[str, Any] = json.loads(data) if data else {}
    return records


def _write_records(records: dict[str, Any], folders: Folders) -> None:
    make_folder(folders.state)
    replace_file(folders.state / RECORD, json.dumps(records).encode(), mode=PRIVATE)
