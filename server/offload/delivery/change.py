"""Applies and reverts a single file change."""

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
    """A file's content before and after. ``before`` is None for a new file."""

    path: Path
    shown: str
    before: bytes | None
    after: bytes
    created: tuple[Path, ...] = ()

    @property
    def before_digest(self) -> str | None:
        """SHA-256 of the old content in hex, or None for a new file."""
        return None if self.before is None else digest_of(self.before)

    @property
    def after_digest(self) -> str:
        """SHA-256 of the new content in hex."""
        return digest_of(self.after)


def plan_change(workspace: Workspace, plan: Plan, target: Target, verdict: Verdict) -> FileChange:
    """Return the change that the verdict makes to the current file. Blocks, but writes nothing.

    Raises:
        FileChanged: the file changed after it was read.
        WorkspaceError: the path now leads elsewhere, or the file's encoding lacks a character.
    """
    _require_same_place(workspace, target)
    before = _current(target)
    if plan.in_place and before is not None and verdict.edits:
        after = apply_edits(before, verdict.edits, target.shown)
    else:
        after = encode(verdict.text, target.encoding, target.bom, target.newline, target.shown)
    return FileChange(target.path, target.shown, before, after)


def apply(change: FileChange) -> FileChange:
    """Write the change. Return it with the folders that had to be created. Blocks.

    Raises:
        WorkspaceError: as in ``atomic.write``. Nothing was changed.
    """
    created = atomic.write(change.path, change.after, change.before_digest)
    return FileChange(change.path, change.shown, change.before, change.after, created)


def revert(change: FileChange, rescue_copies: RescueCopies) -> Path | None:
    """Restore the previous bytes. Blocks.

    If the file was changed after the write, by its check or by the user, save its content as a rescue copy
    first. Return the path of that copy, or None if there is none.

    Raises:
        FileChanged: the path is no longer a regular file, or the file is being changed. It was not touched.
        WorkspaceError: the file or the rescue copy cannot be written. The file was not touched.
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
    """Return the current content of the changed file. Blocks.

    Raises:
        FileChanged: the path is no longer a regular file. A link in its place is never followed.
    """
    try:
        data = atomic.read(change.path)
    except OSError:
        data = None
    if data is None:
        raise _no_file(change)
    return data


def restore(path: Path, before: bytes | None, expected: str | None) -> None:
    """Write ``before`` back (None: remove the file), provided the file's SHA-256 is ``expected``. Blocks.

    Raises:
        FileChanged: the content differs. The file was not touched.
        WorkspaceError: as in ``atomic.write``.
    """
    if before is not None:
        atomic.write(path, before, expected)
    elif expected is not None:
        atomic.remove(path, expected)


def to_delivery(change: FileChange) -> Delivery:
    """Return the change for display: a diff, line counts, and the names it adds or modifies."""
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
    """Return a unified diff that ``git apply`` accepts, or an empty string if nothing changed."""
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
        f"{change.shown} is no longer a regular file, so it was not touched.", "Check the path."
    )


def _lines(text: str) -> list[str]:
    parts = text.split("\n")
    return [f"{part}\n" for part in parts[:-1]] + ([parts[-1]] if parts[-1] else [])


def _require_same_place(workspace: Workspace, target: Target) -> None:
    if workspace.confine(str(target.path)) != target.path:
        raise PathOutsideRoots(f"{target.shown} now points to another place.", "Call again.")


def _current(target: Target) -> bytes | None:
    try:
        data = atomic.read(target.path)
    except OSError:
        data = b""
    if (None if data is None else digest_of(data)) != target.digest:
        raise FileChanged(
            f"{target.shown} changed while the model worked, so it was not written.",
            "Call again to use the new content.",
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
