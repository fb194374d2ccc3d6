"""A task's input and output files, confined to the caller's roots."""

import hashlib
import itertools
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
from server.policy.files.never import Never, never_of
from server.policy.files.safe_open import open_for_reading

MOST_FILES = 500
"""Maximum number of files in one task, after globs are expanded. No model's context holds more."""
MOST_FOUND = 5_000
"""Maximum number of files that one glob may match, unless a batch allows more items. Resolving each file
takes time.
"""
MOST_CHARACTERS = 4_000_000
"""Maximum number of characters selected by one task: about a million tokens, more than any model reads."""
PLACEHOLDERS = ("path", "dir", "name", "stem", "ext")
"""Placeholders for the parts of an input's path in a batch's output pattern."""
_FILLED = re.compile(rf"(?<!\{{)\{{(?:{'|'.join(PLACEHOLDERS)})\}}(?!\}})")
_LINES = re.compile(r"(?P<path>.+?):(?P<range>\d+(?:-\d+)?)")


@dataclass(frozen=True)
class Workspace:
    """The files that one caller can read and write. ``max_file_bytes`` is the file size limit.

    Open a workspace for each call. It caches the files matched by each glob, so that the tool reads exactly
    the files that the policy judged.
    """

    caller: Caller
    max_file_bytes: int
    protected: tuple[Path, ...] = ()
    readable: tuple[str, ...] = ()
    most_found: int = MOST_FOUND
    never: Never = field(default_factory=Never, compare=False, repr=False)
    expanded: dict[str, tuple[str, ...]] = field(default_factory=dict, compare=False, repr=False)
    allowed: dict[Path, bool] = field(default_factory=dict, compare=False, repr=False)
    walker: globs.Walker = field(default_factory=globs.Walker, compare=False, repr=False)

    def confine(self, given: str) -> Path:
        """Return the absolute path of ``given``; see ``policy.files.paths.confine``."""
        return paths.confine(given, self.caller.project, self.caller.roots, self.protected, self.readable)

    def confine_to_read(self, given: str) -> Path:
        """Return the path as ``confine`` does, if the file may be read. Some files may only be written."""
        path = self.confine(given)
        paths.refuse_environment(path, given, self.readable)
        self.never.refuse(self._spellings(path, given), given, writes=False)
        return path

    def confine_to_write(self, given: str) -> Path:
        """Return the path as ``confine`` does, if the file may be written."""
        path = self.confine(given)
        self.never.refuse(self._spellings(path, given), given, writes=True)
        return path

    def _spellings(self, path: Path, given: str) -> tuple[Path, ...]:
        """Return the path with its links resolved, and the path as it was given."""
        base = self.caller.project or next(iter(self.caller.roots), None)
        return (path,) if base is None else (path, Path(os.path.normpath(base / given)))

    def shown(self, path: Path) -> str:
        """Return the path, relative to the project if it is inside it."""
        return paths.shown(path, self.caller.project)


def open_workspace(caller: Caller, settings: Settings, folders: Folders) -> Workspace:
    """Return the workspace for this caller and these settings. The app's own folders are excluded."""
    own = (folders.config, folders.data, folders.state, folders.cache)
    return Workspace(
        caller,
        settings.offload.max_file_bytes,
        own,
        settings.paths.read,
        max(MOST_FOUND, settings.batch.max_items),
        # The user's own calls do not count as Claude's.
        Never()
        if caller.by_user
        else never_of(caller.project, caller.roots, settings.paths.never_read, settings.paths.never_write),
    )


@dataclass(frozen=True)
class Reading:
    """A task's input files, and its output file if there is one."""

    sources: tuple[Source, ...]
    target: Target | None


def read_task(workspace: Workspace, task: Task) -> Reading:
    """Read all inputs and the current state of the output file. Blocks.

    Raises:
        WorkspaceError: a path is not allowed, missing, not text, too large, or its selection is empty.
        BadArguments: there are too many files.
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
                f"`files` names more than {MOST_FILES} files.", "Use batch_offload with one item per file."
            )
        if left < 0:
            raise FileTooLarge(
                f"The files contain more than {MOST_CHARACTERS:,} characters, more than any model reads "
                "at once.",
                "Use batch_offload with one item per file, or compress_context.",
            )
    target = read_target(workspace, task.output) if task.output else None
    return Reading(tuple(sources.values()), target)


def expand(workspace: Workspace, given: str) -> tuple[str, ...]:
    """Return the paths matched by a path or glob, sorted, relative to the project where possible.

    A path is returned unchanged, including its selection. A glob leaves out files ignored by git, files that
    must not be read, and non-UTF-8 names, and never enters ``.git``.

    Raises:
        WorkspaceError: the pattern leads outside the roots or matches no file.
    """
    if not globs.is_pattern(given) or _exists(workspace, given):
        return (given,)
    name, part = split_selection(workspace, given)
    if part and (not globs.is_pattern(name) or _exists(workspace, name)):
        return (given,)  # names of definitions can end with a question mark
    if given not in workspace.expanded:
        workspace.expanded[given] = _found(workspace, given)
    return workspace.expanded[given]


def _found(workspace: Workspace, given: str) -> tuple[str, ...]:
    folder, pattern = globs.split(given)
    start = workspace.confine(folder or ".")
    most = workspace.most_found
    found = workspace.walker.find(start, pattern, workspace.caller.roots)
    allowed = list(itertools.islice((path for path in found if may_be_read(workspace, path)), most + 1))
    if len(allowed) > most:
        raise BadArguments(f"{given} matches more than {most:,} files.", "Narrow the pattern.")
    if not allowed:
        raise PathNotFound(
            f"No file matches {given}.",
            "Check the pattern. Files that git ignores and names that are not UTF-8 are left out.",
        )
    return tuple(workspace.shown(path) for path in allowed)


def read_source(workspace: Workspace, given: str) -> Source:
    """Read one file, or the part selected by ``path::name`` or ``path:10-40``.

    Raises:
        WorkspaceError: as in ``read_task``.
    """
    name, part = split_selection(workspace, given)
    path = workspace.confine_to_read(name)
    data = read_bytes(path, name, workspace.max_file_bytes)
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
        encoding=decoded.encoding,
        guessed=decoded.guessed,
    )


def read_target(workspace: Workspace, given: str) -> Target:
    """Return the output file with its current content, if it exists. Any selection in the path is dropped.

    Raises:
        BadArguments: the path is a pattern.
        WorkspaceError: the file must not be written, is a folder, or is not text.
    """
    name, _ = split_selection(workspace, given)
    path = confine_target(workspace, name)
    shown = workspace.shown(path)
    if os.path.lexists(path):
        workspace.confine_to_read(name)
    try:
        data = read_bytes(path, name, workspace.max_file_bytes)
    except PathNotFound:
        if path.parent.exists() and not path.parent.is_dir():
            raise
        return Target(path, shown)
    decoded: Decoded = decode(data, shown)
    return Target(path, shown, digest_of(data), decoded.text, decoded.encoding, decoded.bom, decoded.newline)


def confine_target(workspace: Workspace, given: str) -> Path:
    """Return the absolute path of an output. Any selection in the path is dropped.

    Raises:
        BadArguments: the path is a pattern, and no file has this exact name.
        WorkspaceError: the file must not be written, or is a folder.
    """
    name, _ = split_selection(workspace, given)
    if not _exists(workspace, name):
        _refuse_pattern(name)
    path = workspace.confine_to_write(name)
    if os.path.isdir(path) or (name.endswith(("/", os.sep)) and not os.path.lexists(path)):  # noqa: PTH112 - never raises
        folder = name.rstrip("/" + os.sep)
        raise NotAFile(f"{name} is a folder.", f"Name a file in it, for example {folder}/notes.md.")
    return path


def _refuse_pattern(output: str) -> None:
    # Brackets and other braces can be part of names: `[id].tsx`, `{{name}}.py`.
    if found := _FILLED.search(output):
        raise BadArguments(
            f"`output` contains {found[0]}, which only batch_offload with `each` fills in.",
            'Name the file itself, or use batch_offload with each=["src/*.py"] and output="{path}".',
        )
    if "*" in output or "?" in output:
        raise BadArguments(
            f"`output` must be the path of one file; {output} is a pattern.",
            'Name one file. For many files use batch_offload with each=["src/*.py"] and output="{path}".',
        )


def split_selection(workspace: Workspace, given: str) -> tuple[str, str]:
    """Return the path and its selection (``Class.method``, ``10-40``), which is empty if there is none."""
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


def read_bytes(path: Path, given: str, limit: int) -> bytes:
    """Return the bytes of a file.

    Raises:
        WorkspaceError: the file is missing, cannot be read, or has more than ``limit`` bytes.
    """
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


def may_be_read(workspace: Workspace, path: Path) -> bool:
    """Return whether a file found by a glob may be read. Credentials and links that lead outside are
    skipped.
    """
    if path not in workspace.allowed:
        workspace.allowed[path] = _judged(workspace, path)
    return workspace.allowed[path]


def _judged(workspace: Workspace, path: Path) -> bool:
    try:
        return paths.require_file(workspace.confine_to_read(str(path)), str(path)).st_size >= 0
    except (PathNotFound, PathOutsideRoots, PathProtected, NotAFile):
        return False
