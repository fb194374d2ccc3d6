"""Connects and disconnects a client with a single change to one file: planned, shown, applied, undone.

The state folder stores the file's previous content and a digest of what was written. If the file has not
changed since, ``disconnect`` restores the original bytes. If it was edited, ``disconnect`` removes only the
entry.
"""

import base64
import difflib
import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from server.bridge.own_folders import make_folder
from server.clients.config_files import SERVER_NAME, Place
from server.clients.former_name import former_entries
from server.clients.project_links import refuse_foreign_link
from server.common.atomic_write import PRIVATE, replace_file
from server.common.errors import BadArguments
from server.config.folders import Folders
from server.config.textedit.jsonc import JsonError, get_member, remove_member, set_member
from server.config.textedit.toml import TomlError, get_table, remove_table, set_table

BOM = "\ufeff"


@dataclass(frozen=True)
class ConfigChange:
    """A file's content before and after a change; None where the file does not exist. ``place`` identifies
    the client's file. With ``keeps_backup``, ``disconnect`` keeps the previous content because other parts
    stay in the file.
    """

    place: Place
    before: bytes | None
    after: bytes | None
    keeps_backup: bool = False

    @property
    def needed(self) -> bool:
        """Return whether the change has any effect."""
        return self.before != self.after

    def diff(self) -> str:
        """Return the change as a unified diff; empty if nothing changes."""
        old, new = (_lines(side) for side in (self.before, self.after))
        name = str(self.place.path)
        source = name if self.before is not None else "/dev/null"
        target = name if self.after is not None else "/dev/null"
        return "".join(difflib.unified_diff(old, new, source, target))


def plan_connect(place: Place) -> ConfigChange:
    """Return the change that adds the entry and removes entries under the app's former name.

    Raises:
        BadArguments: the file is broken, or cannot be edited safely.
    """
    before = _read_own(place)
    text = _decode(before or b"", place)
    try:
        found = _present(text, place)
        if isinstance(found, dict):
            place = replace(place, entry=_merged(found, place.entry))
        after = _without_former(text, place)
        if place.entry != found:
            setter = set_table if place.format == "toml" else set_member
            after = setter(after, place.keys, place.entry)
    except (JsonError, TomlError) as error:
        raise _broken(place, error) from None
    return ConfigChange(place, before, before if after == text else after.encode())


def plan_disconnect(place: Place, folders: Folders) -> ConfigChange:
    """Return the change that undoes ``connect``.

    Raises:
        BadArguments: the file is broken, or cannot be edited safely.
    """
    return plan_undo(place, folders, lambda text: _remove(_without_former(text, place), place, SERVER_NAME))


def plan_undo(place: Place, folders: Folders, take_out: Callable[[str], str]) -> ConfigChange:
    """Return the change that restores the backup or, after a later edit, removes only the app's part.

    ``take_out`` returns text without the app's part. The backup can contain this part too, from before the
    user's edit or entered by hand.

    Raises:
        BadArguments: the file is broken, or cannot be edited safely.
    """
    before, record = _read_own(place), _record(place, folders)
    edited = _edited(place, before, before, take_out)
    if before is None or record is None:
        return edited
    old = record["before"]
    restored = _edited(place, before, None if old is None else base64.b64decode(old), take_out)
    is_as_left = record["digest"] == _digest(before)
    return restored if is_as_left or _is_same_json(edited.after, restored.after) else edited


def _is_same_json(one: bytes | None, other: bytes | None) -> bool:
    """Return whether two files differ only in formatting, as they do after a client rewrites its settings.

    JSON with comments is considered different, because the comments would be lost.
    """
    try:
        return bool(json.loads(one or b"{}") == json.loads(other or b"{}"))
    except ValueError:
        return False


def as_left(place: Place, folders: Folders) -> bool:
    """Return whether the file has not changed since the last write."""
    now, record = _read(place.path), _record(place, folders)
    return now is not None and record is not None and record["digest"] == _digest(now)


def plan_edit(place: Place, edit: Callable[[str], str]) -> ConfigChange:
    """Return the change that ``edit`` makes to the file's text. A missing file is treated as empty.

    Raises:
        BadArguments: the file is broken, or cannot be edited safely.
    """
    before = _read_own(place)
    return _edited(place, before, before, edit)


def connect(change: ConfigChange, folders: Folders) -> Path | None:
    """Write the change and back up the old content. Return the backup's path; None if nothing changed.

    Raises:
        BadArguments: the path follows a link out of its project.
        OSError: the file or the backup cannot be written. The file is unchanged.
    """
    if not change.needed or change.after is None:
        return None
    refuse_foreign_link(change.place.path, change.place.project)
    backup = keep(change, folders)
    change.place.path.parent.mkdir(parents=True, exist_ok=True)
    write(change.place.path, change.after)
    return backup


def keep(change: ConfigChange, folders: Folders) -> Path:
    """Back up the file's content before ``change`` for ``disconnect``. Return the backup's path.

    Raises:
        OSError: the backup cannot be written.
    """
    path = _record_path(change.place, folders)
    make_folder(path.parent)
    kept = _record(change.place, folders)
    original = None if change.before is None else base64.b64encode(change.before).decode()
    made_folder = not change.place.path.parent.exists()
    if kept is not None and change.before is not None and kept["digest"] == _digest(change.before):
        # Already connected with another command: keep the content from before that connection.
        original, made_folder = kept["before"], kept["made_folder"]
    record = {
        "path": str(change.place.path),
        "digest": _digest(change.after or b""),
        "before": original,
        "made_folder": made_folder,
    }
    # Clients store keys and tokens in such files, so only the user may read the backup.
    replace_file(path, json.dumps(record).encode(), mode=PRIVATE)
    return path


def disconnect(change: ConfigChange, folders: Folders) -> None:
    """Write the change and delete the backup.

    Raises:
        BadArguments: the path follows a link out of its project.
        OSError: the file cannot be written.
    """
    refuse_foreign_link(change.place.path, change.place.project)
    if change.keeps_backup:
        connect(change, folders)
        return
    path = change.place.path
    if change.needed and change.after is None:
        path.resolve().unlink()
        record = _record(change.place, folders)
        if record is not None and record["made_folder"] and _is_empty(path.parent):
            path.parent.rmdir()
    elif change.needed and change.after is not None:
        write(path, change.after)
    forget(change.place, folders)


def write(path: Path, data: bytes) -> None:
    """Replace a client's file. A new file gets the mode that the client itself would use.

    Raises:
        OSError: the file cannot be written. It is unchanged.
    """
    replace_file(path, data, new_mode=0o666)


def forget(place: Place, folders: Folders) -> None:
    """Delete the backup that ``keep`` made."""
    _record_path(place, folders).unlink(missing_ok=True)


def connected(place: Place) -> dict[str, Any] | None:
    """Return the current entry, or None if it is missing or the file cannot be read."""
    try:
        return entry_in(_read(place.path), place)
    except OSError:
        return None


def servers(place: Place) -> dict[str, Any]:
    """Return the client's server table; empty if it is missing or the file cannot be read."""
    try:
        return entry_in(_read(place.path), _table(place)) or {}
    except OSError:
        return {}


def entry_in(data: bytes | None, place: Place) -> dict[str, Any] | None:
    """Return the entry from a file's bytes, or None if it is missing or the bytes are invalid."""
    try:
        found = None if data is None else _present(_decode(data, place), place)
    except (BadArguments, JsonError, TomlError):
        return None
    return found if isinstance(found, dict) else None


def _merged(found: dict[str, Any], entry: dict[str, Any]) -> dict[str, Any]:
    """Return the app's entry merged with the user's additions, such as a timeout or variables."""
    merged = {**found, **entry}
    for key in ("env", "environment"):
        if isinstance(found.get(key), dict) and key in entry:
            merged[key] = {**found[key], **entry[key]}
    return merged


def _without_former(text: str, place: Place) -> str:
    """Return the text without any other entries that start the app under its former name."""
    for name in former_entries(_present(text, _table(place))):
        if name != place.keys[-1]:
            text = _remove(text, place, name)
    return text


def _remove(text: str, place: Place, name: str) -> str:
    remove = remove_table if place.format == "toml" else remove_member
    return remove(text, (*place.keys[:-1], name))


def _table(place: Place) -> Place:
    return replace(place, keys=place.keys[:-1])


def _edited(
    place: Place, before: bytes | None, base: bytes | None, edit: Callable[[str], str]
) -> ConfigChange:
    """Return the change from ``before`` to the result of applying ``edit`` to ``base``."""
    text = _decode(base or b"", place)
    try:
        after = edit(text)
    except (JsonError, TomlError) as error:
        raise _broken(place, error) from None
    return ConfigChange(place, before, base if after == text else after.encode())


def _present(text: str, place: Place) -> Any:
    return get_table(text, place.keys) if place.format == "toml" else get_member(text, place.keys)


def _read_own(place: Place) -> bytes | None:
    refuse_foreign_link(place.path, place.project)
    return _read(place.path)


def _read(path: Path) -> bytes | None:
    try:
        return path.read_bytes()
    except FileNotFoundError:
        return None


def _decode(data: bytes, place: Place) -> str:
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError:
        raise BadArguments(
            f"{place.path} is not UTF-8 text.", "Save it as UTF-8, then connect again."
        ) from None


def _broken(place: Place, error: Exception) -> BadArguments:
    return BadArguments(
        f"{place.path} cannot be edited: {error}.",
        "The file is unchanged. Fix it, then run the command again.",
    )


def _record(place: Place, folders: Folders) -> dict[str, Any] | None:
    try:
        record = json.loads(_record_path(place, folders).read_bytes())
    except (OSError, ValueError):
        return None
    if not isinstance(record, dict) or not {"digest", "before", "made_folder"} <= record.keys():
        return None
    return record if isinstance(record["before"], str | None) else None


def _record_path(place: Place, folders: Folders) -> Path:
    name = hashlib.sha256(str(place.path).encode()).hexdigest()[:12]
    return folders.state / "clients" / f"{place.client}-{name}.json"


def _digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def _is_empty(folder: Path) -> bool:
    return next(folder.iterdir(), None) is None


def _lines(data: bytes | None) -> list[str]:
    lines = (data or b"").decode("utf-8", errors="replace").removeprefix(BOM).splitlines(keepends=True)
    return [line if line.endswith("\n") else line + "\n" for line in lines]
