"""Project-wide globs with ``**``, ``*``, ``?``, ``[…]`` and ``{a,b}``. Files ignored by git are left out."""

import os
import re
import stat
import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from pathspec import GitIgnoreSpec

from server.common.errors import BadArguments

MOST_ENTRIES = 200_000
"""Maximum number of files and folders visited for the patterns in one call."""
MOST_IGNORE_BYTES = 1 << 20
"""Maximum number of bytes read from a ``.gitignore``."""
_READ = os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)
NEVER_ENTERED = frozenset({".git", ".hg", ".svn"})
_MAGIC = re.compile(r"[*?\[{]")


def is_pattern(given: str) -> bool:
    """Return whether ``given`` contains glob characters."""
    return _MAGIC.search(given) is not None


def split(given: str) -> tuple[str, str]:
    """Return the folder before the first glob character (may be empty), and the pattern below that folder."""
    parts = given.replace("\\", "/").split("/")
    count = next(i for i, part in enumerate(parts) if is_pattern(part))
    folder = "/".join(parts[:count])
    return (folder or "/" if given.startswith("/") else folder), "/".join(parts[count:])


@dataclass(frozen=True)
class Entry:
    """A file found by a walk. ``names`` are the parts of its path relative to the walk's start."""

    path: Path
    names: tuple[str, ...]


class SearchStopped(Exception):
    """The call was cancelled while it was still searching for files."""


class Walker:
    """The walks for one call. Each folder is walked once for all patterns that start in it. Blocks.

    All walks together visit at most ``MOST_ENTRIES`` files and folders. ``stop`` ends a walk from another
    thread.
    """

    def __init__(self) -> None:
        self._stopped = threading.Event()
        self._walks: dict[Path, tuple[Entry, ...]] = {}
        self._left = MOST_ENTRIES

    def stop(self) -> None:
        """Stop a walk in progress and prevent any more."""
        self._stopped.set()

    def check(self) -> None:
        """Check that the call is still waiting for its files.

        Raises:
            SearchStopped: ``stop`` was called.
        """
        if self._stopped.is_set():
            raise SearchStopped

    def find(self, start: Path, pattern: str, roots: Sequence[Path]) -> Iterator[Path]:
        """Yield the matching files below ``start``, sorted. Links to folders are not followed. Non-UTF-8
        names are skipped, because neither the history nor the client's JSON can hold them.

        Raises:
            SearchStopped: ``stop`` was called.
            BadArguments: there are too many files.
        """
        globs = [_parts(each) for each in _alternatives(pattern)]
        for entry in self._walk(start, roots):
            self.check()
            if any(_matches(glob, entry.names) for glob in globs):
                yield entry.path

    def _walk(self, start: Path, roots: Sequence[Path]) -> tuple[Entry, ...]:
        if start not in self._walks:
            entries: list[Entry] = []
            for found in _walk(start, _Ignored(_top(start, roots))):
                self.check()
                self._left -= 1
                if self._left < 0:
                    raise BadArguments(
                        f"The patterns cover more than {MOST_ENTRIES:,} files and folders.",
                        "Start the patterns with a folder that contains fewer files.",
                    )
                if found is not None:
                    entries.append(found)
            self._walks[start] = tuple(sorted(entries, key=lambda entry: entry.path))
        return self._walks[start]


def _walk(start: Path, ignored: "_Ignored") -> Iterator[Entry | None]:
    """Yield the files below ``start``, with None for each folder and each file ignored by git."""
    for folder, names, files in os.walk(start, followlinks=False):
        yield None
        here = Path(folder)
        inside = here.relative_to(start).parts
        names[:] = sorted(
            n
            for n in names
            if n not in NEVER_ENTERED and _is_utf8(n) and not ignored.matches(here / n, folder=True)
        )
        for name in filter(_is_utf8, files):
            path = here / name
            yield None if ignored.matches(path, folder=False) else Entry(path, (*inside, name))


def _is_utf8(name: str) -> bool:
    try:
        name.encode()
    except UnicodeEncodeError:
        return False
    return True


class _Ignored:
    """The rules from all ``.gitignore`` files in a project. The deepest file with a matching rule decides."""

    def __init__(self, top: Path) -> None:
        self._top = top
        self._specs: dict[Path, GitIgnoreSpec | None] = {}

    def matches(self, path: Path, folder: bool) -> bool:
        at = path.parent
        while True:
            spec = self._spec(at)
            if spec is not None:
                name = path.relative_to(at).as_posix() + ("/" if folder else "")
                decided = spec.check_file(name).include
                if decided is not None:
                    return decided
            if at in (self._top, at.parent):
                return False
            at = at.parent

    def _spec(self, folder: Path) -> GitIgnoreSpec | None:
        if folder not in self._specs:
            names = [folder / ".gitignore"]
            if folder == self._top:
                names.append(folder / ".git" / "info" / "exclude")
            lines = [line for name in names for line in _lines(name)]
            self._specs[folder] = GitIgnoreSpec.from_lines(lines) if lines else None
        return self._specs[folder]


def _lines(path: Path) -> list[str]:
    try:
        # Like git, follow no link, because it could lead to a device or a pipe that never ends.
        descriptor = os.open(path, _READ)
    except OSError:
        return []  # most folders have no such file
    try:
        ordinary = stat.S_ISREG(os.fstat(descriptor).st_mode)
        data = os.read(descriptor, MOST_IGNORE_BYTES) if ordinary else b""
    except OSError:
        data = b""
    finally:
        os.close(descriptor)
    return data.decode("utf-8", "replace").splitlines()


def _top(start: Path, roots: Sequence[Path]) -> Path:
    """Return the nearest folder with a ``.git``, or else the root that contains ``start``."""
    for folder in (start, *start.parents):
        if (folder / ".git").exists():
            return folder
    inside = [real for root in roots if start.is_relative_to(real := root.resolve())]
    return max(inside, key=lambda root: len(root.parts), default=start)


def _alternatives(pattern: str) -> list[str]:
    """Return the pattern with every ``{a,b}`` expanded."""
    match = re.search(r"\{([^{}]*)\}", pattern)
    if match is None or pattern.count("{") > 3 or pattern.count(",") > 30:
        return [pattern]
    before, after = pattern[: match.start()], pattern[match.end() :]
    return [whole for choice in match.group(1).split(",") for whole in _alternatives(before + choice + after)]


_Glob = tuple[re.Pattern[str] | None, ...]
"""The slash-separated parts of a pattern. None stands for ``**``, which matches any number of folders."""


def _parts(pattern: str) -> _Glob:
    # `**.py` means `**/*.py`. As in Git, other runs of stars count as one star.
    whole = re.sub(r"(?<![^/])\*\*(?=[^/*])", "**/*", pattern)
    return tuple(None if part == "**" else re.compile(_translate(part)) for part in whole.split("/"))


def _matches(glob: _Glob, names: Sequence[str]) -> bool:
    """Return whether the pattern matches a path, given as a list of names. Takes parts × names steps."""
    at = {0}
    for part in glob:
        if part is None:
            at = set(range(min(at), len(names) + 1))
        else:
            at = {i + 1 for i in at if i < len(names) and part.fullmatch(names[i])}
        if not at:
            return False
    return len(names) in at


def _translate(part: str) -> str:
    """Return the regular expression for one part of a pattern.

    The text between two stars is an atomic group that matches at its first occurrence. Otherwise, a pattern
    with many stars would try every way of dividing a name among them.
    """
    out = [""]
    while part:
        if part[0] == "*":
            out, part = [*out, ""], part.lstrip("*")
        elif part[0] == "?":
            out[-1], part = f"{out[-1]}.", part[1:]
        elif (charset := re.match(r"\[(!?)([^]]+)\]", part)) is not None:
            out[-1], part = out[-1] + _charset(charset[2], bool(charset[1])), part[charset.end() :]
        else:
            out[-1], part = out[-1] + re.escape(part[0]), part[1:]
    first, *rest = out
    if not rest:
        return f"(?s:{first})"
    *middle, last = rest
    return f"(?s:{first}{''.join(f'(?>.*?{each})' for each in middle)}.*{last})"


def _charset(inner: str, excluded: bool) -> str:
    escaped = inner.replace("\\", r"\\").replace("[", r"\[").replace("^", r"\^")
    try:
        re.compile(found := f"[{'^' if excluded else ''}{escaped}]")
    except re.error:  # not a range, such as `z-a`
        return re.escape(f"[{'!' if excluded else ''}{inner}]")
    return found
