"""Reads what a task names: paths, globs and selections, inside the caller's roots, with their digests."""

import hashlib
import os
import re
from dataclasses import dataclass, field
from pathlib import Path

from server.common.errors import (
    BadArguments,
    FileTooLarge,
    NotAFile,
    PathNotFound,
    PathOutsideRoots,
    PathProtected,
)
from server.config.folders import Folders
from server.config.settings import Settings
from server.offload.files import globs, selection
from server.offload.files.textfile import Decoded, decode
from server.offload.values import Caller, Source, Target, Task
from server.policy.files import paths
from server.policy.files.safe_open import open_for_reading

MOST_FILES = 500
"""Files of one task, globs expanded; more would fit no model's context."""
MOST_CHARACTERS = 4_000_000
"""Characters that one task selects: some million tokens, which is more than any model reads."""
PLACEHOLDERS = ("path", "dir", "name", "stem", "ext")
"""What stands for the parts of an input's path in the output pattern of a batch."""
_FILLED = re.compile(rf"(?<!\{{)\{{(?:{'|'.join(PLACEHOLDERS)})\}}(?!\}})")
_LINES = re.compile(r"(?P<path>.+?):(?P<range>\d+(?:-\d+)?)")


@dataclass(frozen=True)
class Workspace:
    """Where one caller may read and write, and how large a file may be (bytes).

    Open one for each call: it keeps the files that each glob named, so that what the policy judged is what
    the tool reads.
    """

    caller: Caller
    max_file_bytes: int
    protected: tuple[Path, ...] = ()
    readable: tuple[str, ...] = ()
    expanded: dict[str, tuple[str, ...]] = field(default_factory=dict, compare=False, repr=False)

    def confine(self, given: str) -> Path:
        """Return the absolute path that ``given`` means; see ``policy.paths.confine``."""
        return paths.confine(given, self.caller.project, self.caller.roots, self.protected, self.readable)

    def confine_to_read(self, given: str) -> Path:
        """Return what ``confine`` does, if the file there may be read; one may be written that may not."""
        path = self.confine(given)
        paths.refuse_environment(path, given, self.readable)
        return path

    def shown(self, path: Path) -> str:
        """Return the path relative to the project where it lies in there."""
        return paths.shown(path, self.caller.project)


def open_workspace(caller: Caller, settings: Settings, folders: Folders) -> Workspace:
    """Return where this caller may read and write by these settings: nowhere in the app's own folders."""
    own = (folders.config, folders.data, folders.state, folders.cache)
    return Workspace(caller, settings.offload.max_file_bytes, own, settings.paths.read)


@dataclass(frozen=True)
class Reading:
    """What a task reads and where it writes."""

    sources: tuple[Source, ...]
    target: Target | None


def read_task(workspace: Workspace, task: Task) -> Reading:
    """Read all inputs and look at the output's place; blocks.

    Raises:
        WorkspaceError: a path is not allowed, missing, no text, too large, or selects nothing.
        BadArguments: too many files.
    """
    sources: dict[tuple[Path, int, int], Source] = {}
    left = MOST_CHARACTERS
    for name in (name for given in task.files for name in expand(workspace, given)):
        source = read_source(workspace, name)
        if (source.path, source.start, source.end) in sources:
            continue
        sources[source.path, source.start, source.end] = source
        left -= source.end - source.start
        if len(sources) > MOST_FILES:
            raise BadArguments(
                f"files names more than {MOST_FILES} files.", "Use batch_offload, one item for each file."
            )
        if left < 0:
            raise FileTooLarge(
                f"files holds more than {MOST_CHARACTERS:,} characters, which no model reads at once.",
                "Use batch_offload, one item for each file, or compress_context.",
            )
    target = read_target(workspace, task.output) if task.output else None
    return Reading(tuple(sources.values()), target)


def expand(workspace: Workspace, given: str) -> tuple[str, ...]:
    """Return the paths (relative to the project where they can be) that a path or glob names, sorted.

    A path, also one with a selection, is returned as it is. Of globs, files that git ignores and those that
    may not be read are left out, as are names that are not UTF-8, and ``.git`` is never entered.

    Raises:
        WorkspaceError: the pattern leads outside the roots, or matches nothing.
    """
    if not globs.is_pattern(given) or _exists(workspace, given):
        return (given,)
    if given not in workspace.expanded:
        workspace.expanded[given] = _found(workspace, given)
    return workspace.expanded[given]


def _found(workspace: Workspace, given: str) -> tuple[str, ...]:
    folder, pattern = globs.split(given)
    start = workspace.confine(folder or ".")
    found = globs.find(start, pattern, workspace.caller.roots)
    allowed = [path for path in found if _allowed(workspace, path)]
    if not allowed:
        raise PathNotFound(
            f"{given} matches no file.",
            "Check the pattern; what git ignores, and names that are not UTF-8, are left out.",
        )
    return tuple(workspace.shown(path) for path in allowed)


def read_source(workspace: Workspace, given: str) -> Source:
    """Read one file, whole or the part that ``path::name`` or ``path:10-40`` selects.

    Raises:
        WorkspaceError: as ``read_task``.
    """
    name, part = split_selection(workspace, given)
    path = workspace.confine_to_read(name)
    data = _read_bytes(path, name, workspace.max_file_bytes)
    shown = workspace.shown(path)
    decoded = decode(data, shown)
    start, end = selection.find(decoded.text, path.name, part, shown) if part else (0, len(decoded.text))
    return Source(
        path=path,
        shown=shown,
        text=decoded.text,
        digest=digest_of(data),
        start=start,
        end=end,
        selection=part,
    )


def read_target(workspace: Workspace, given: str) -> Target:
    """Look at the place of the output, which need not exist; a selection after it is dropped.

    Raises:
        BadArguments: it is a pattern.
        WorkspaceError: it may not be written, is a directory, or is no text that could be replaced.
    """
    name, _ = split_selection(workspace, given)
    path = confine_target(workspace, name)
    shown = workspace.shown(path)
    if os.path.lexists(path):
        workspace.confine_to_read(name)
    try:
        data = _read_bytes(path, name, workspace.max_file_bytes)
    except PathNotFound:
        if path.parent.exists() and not path.parent.is_dir():
            raise
        return Target(path, shown)
    decoded: Decoded = decode(data, shown)
    return Target(path, shown, digest_of(data), decoded.text, decoded.encoding, decoded.bom, decoded.newline)


def confine_target(workspace: Workspace, given: str) -> Path:
    """Return the absolute path of an output; a selection after it is dropped.

    Raises:
        BadArguments: it is a pattern, and no file has that very name.
        WorkspaceError: it may not be written, or is a folder.
    """
    name, _ = split_selection(workspace, given)
    if not _exists(workspace, name):
        _refuse_pattern(name)
    path = workspace.confine(name)
    if os.path.isdir(path) or (name.endswith(("/", os.sep)) and not os.path.lexists(path)):  # noqa: PTH112 - never raises
        folder = name.rstrip("/" + os.sep)
        raise NotAFile(f"{name} names a folder.", f"Name a file in it, such as {folder}/notes.md.")
    return path


def _refuse_pattern(output: str) -> None:
    # Brackets and other braces are part of names: `[id].tsx`, `{{name}}.py`.
    if found := _FILLED.search(output):
        raise BadArguments(
            f"output has {found[0]} in it, which only batch_offload with each fills in.",
            'Name the file itself, or use batch_offload with each=["src/*.py"] and output="{path}".',
        )
    if "*" in output or "?" in output:
        raise BadArguments(
            f"output is one file's path, and {output} is a pattern.",
            'Name one file; for many use batch_offload with each=["src/*.py"] and output="{path}".',
        )


def split_selection(workspace: Workspace, given: str) -> tuple[str, str]:
    """Return the path and the selection behind it (``Class.method``, ``10-40``), empty if there is none."""
    if _exists(workspace, given):
        return given, ""
    name, found, part = given.partition("::")
    if found and name and part.strip():
        return name, part.strip()
    lines = _LINES.fullmatch(given)
    return (lines["path"], lines["range"]) if lines else (given, "")


def digest_of(data: bytes) -> str:
    """Return the SHA-256 in hex."""
    return hashlib.sha256(data).hexdigest()


def _read_bytes(path: Path, given: str, limit: int) -> bytes:
    status = paths.require_file(path, given)
    if status.st_size > limit:
        raise _too_large(given, status.st_size, limit)
    try:
        with os.fdopen(open_for_reading(path, given), "rb") as file:
            data = file.read(limit + 1)
    except OSError as error:
        raise PathNotFound(f"{given} cannot be read: {error.strerror}.", "Check its permissions.") from None
    if len(data) > limit:
        raise _too_large(given, len(data), limit)
    return data


def _too_large(given: str, size: int, limit: int) -> FileTooLarge:
    return FileTooLarge(
        f"{given} has {size:,} bytes; the limit is {limit:,}.",
        "Select a part (path::name or path:10-40), use compress_context, or raise [offload] max_file_bytes.",
    )


def _exists(workspace: Workspace, given: str) -> bool:
    base = workspace.caller.project or next(iter(workspace.caller.roots), None)
    try:
        return base is not None and "\0" not in given and os.path.lexists(base / given)
    except (OSError, ValueError):
        return False


def _allowed(workspace: Workspace, path: Path) -> bool:
    """Whether a file that a glob found may be read: links out and credentials are passed over."""
    try:
        return paths.require_file(workspace.confine_to_read(str(path)), str(path)).st_size >= 0
    except (PathNotFound, PathOutsideRoots, PathProtected, NotAFile):
        return False
