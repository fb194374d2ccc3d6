"""Writes a checked result, and takes it back: what changed, atomically, with a way back at any moment."""

import difflib
from dataclasses import dataclass
from pathlib import Path

from server.common.errors import FileChanged, PathOutsideRoots
from server.offload.asking.plan import Plan
from server.offload.code.languages import language_of
from server.offload.code.syntax import definitions
from server.offload.delivery import atomic
from server.offload.delivery.rescue_copies import RescueCopies
from server.offload.files.textfile import apply_edits, decode, encode
from server.offload.files.workspace import Workspace, digest_of
from server.offload.values import Delivery, Target, Verdict

MOST_NAMES = 40


@dataclass(frozen=True)
class FileChange:
    """A file before and after. ``before`` is None where there is none."""

    path: Path
    shown: str
    before: bytes | None
    after: bytes
    created: tuple[Path, ...] = ()

    @property
    def before_digest(self) -> str | None:
        """SHA-256 of the file before, in hex, None where there is none."""
        return None if self.before is None else digest_of(self.before)

    @property
    def after_digest(self) -> str:
        """SHA-256 of the file after, in hex."""
        return digest_of(self.after)


def plan_change(workspace: Workspace, plan: Plan, target: Target, verdict: Verdict) -> FileChange:
    """Return what is to be written, from the file as it is now; blocks, writes nothing.

    Raises:
        FileChanged: the file, or an edited input, is not what was read.
        WorkspaceError: the path leads elsewhere by now, or the text does not fit the file's encoding.
    """
    _require_same_place(workspace, target)
    before = _current(target)
    if plan.in_place and before is not None and verdict.edits:
        after = apply_edits(before, verdict.edits, target.shown)
    else:
        after = encode(verdict.text, target.encoding, target.bom, target.newline, target.shown)
    return FileChange(target.path, target.shown, before, after)


def apply(change: FileChange) -> FileChange:
    """Write the change; blocks. Returns it with the folders that were created for it.

    Raises:
        WorkspaceError: as ``atomic.write``; then nothing was changed.
    """
    created = atomic.write(change.path, change.after, change.before_digest)
    return FileChange(change.path, change.shown, change.before, change.after, created)


def revert(change: FileChange, rescue_copies: RescueCopies) -> Path | None:
    """Put the old bytes back, whatever became of the file meanwhile; blocks.

    What was there is kept first where nobody else has it: its check or the user changed what was written.
    Returns the file that it is kept in, None where there was nothing to keep.

    Raises:
        FileChanged: there is no ordinary file any more, or it changes now; it was left alone.
        WorkspaceError: it cannot be written, or what is there cannot be kept; it was left alone.
    """
    try:
        found = atomic.read(change.path)
    except OSError:
        raise _no_file(change) from None
    kept = None
    if found != change.before:
        if found is not None and found != change.after:
            kept = rescue_copies.save(change.path.name, found)
        restore(change.path, change.before, None if found is None else digest_of(found))
    atomic.remove_folders(change.created)
    return kept


def content_of(change: FileChange) -> bytes:
    """Return what the changed file holds by now; blocks.

    Raises:
        FileChanged: there is no ordinary file any more. What a link in its place leads to is not read.
    """
    try:
        data = atomic.read(change.path)
    except OSError:
        data = None
    if data is None:
        raise _no_file(change)
    return data


def restore(path: Path, before: bytes | None, expected: str | None) -> None:
    """Put ``before`` back (None: remove the file) if the file has the digest ``expected``; blocks.

    Raises:
        FileChanged: it has another; it was left alone.
        WorkspaceError: as ``atomic.write``.
    """
    if before is not None:
        atomic.write(path, before, expected)
    elif expected is not None:
        atomic.remove(path, expected)


def to_delivery(change: FileChange) -> Delivery:
    """Return the change as people see it: its diff, its size, the names that it adds or changes."""
    before = decode(change.before, change.shown).text if change.before is not None else ""
    after = decode(change.after, change.shown).text
    diff = unified_diff(before, after, change.shown, new=change.before is None)
    body = diff.split("\n")[2:]
    return Delivery(
        path=change.path,
        shown=change.shown,
        before=change.before,
        after_digest=change.after_digest,
        diff=diff,
        added=sum(1 for line in body if line.startswith("+")),
        removed=sum(1 for line in body if line.startswith("-")),
        names=_changed_names(before, after, change.path.name),
    )


def unified_diff(before: str, after: str, shown: str, new: bool = False) -> str:
    """Return a unified diff that ``git apply`` takes, empty if nothing changed."""
    name = shown.lstrip("/")
    tail = "\t" if " " in name else ""
    lines = difflib.unified_diff(
        _lines(before),
        _lines(after),
        fromfile="/dev/null" if new else f"a/{name}{tail}",
        tofile=f"b/{name}{tail}",
    )
    return "".join(
        line if line.endswith("\n") else f"{line}\n\\ No newline at end of file\n" for line in lines
    )


def _no_file(change: FileChange) -> FileChanged:
    return FileChanged(
        f"{change.shown} is no ordinary file any more; it was left as it is.", "Look at what is there."
    )


def _lines(text: str) -> list[str]:
    parts = text.split("\n")
    return [f"{part}\n" for part in parts[:-1]] + ([parts[-1]] if parts[-1] else [])


def _require_same_place(workspace: Workspace, target: Target) -> None:
    if workspace.confine(str(target.path)) != target.path:
        raise PathOutsideRoots(f"{target.shown} leads elsewhere by now.", "Call again.")


def _current(target: Target) -> bytes | None:
    try:
        data = atomic.read(target.path)
    except OSError:
        data = b""
    if (None if data is None else digest_of(data)) != target.digest:
        raise FileChanged(
            f"{target.shown} changed while the model worked; it was left as it is.",
            "Call again to work on the new state.",
        )
    return data


def _changed_names(before: str, after: str, file_name: str) -> tuple[str, ...]:
    language = language_of(file_name)
    if language is None:
        return ()
    old = {each.name: before[each.start : each.end] for each in definitions(before, language)}
    names = [
        each.name
        for each in definitions(after, language)
        if old.get(each.name) != after[each.start : each.end]
    ]
    inner = [name for name in names if not any(other.startswith(f"{name}.") for other in names)]
    return tuple(dict.fromkeys(inner))[:MOST_NAMES]
