"""Reads a project's own files: limited in size and number, never following links."""

import configparser
import json
import os
import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from server.common.regular_files import read_regular

MOST_BYTES = 1 << 20
DEEPEST = 3
MOST_FOLDERS = 2_000
_SKIPPED = frozenset(
    {
        *("node_modules", "vendor", "target", "dist", "build", "out", "bin", "obj", "venv", "env"),
        *("site-packages", "__pycache__", "coverage", "third_party", "bower_components"),
    }
)
"""Folders of installed or built files, which are not the project's own."""


class Folder:
    """One folder in a project: its entries and the contents of its files, each read only once.

    Attributes:
        path: absolute.
        root: the project's root folder.
        unreadable: gets a line for each file that cannot be read or parsed.
    """

    def __init__(self, path: Path, root: Path, unreadable: list[str]) -> None:
        self.path, self.root, self.unreadable = path, root, unreadable
        self.files, self.folders = _entries(path)
        self._texts: dict[str, str | None] = {}

    def has(self, *names: str) -> str | None:
        """Return the first of these files that exists."""
        return next((name for name in names if name in self.files), None)

    def text(self, name: str) -> str | None:
        """Return a file's text; None if it is missing, a link, too large or not UTF-8."""
        if name not in self._texts:
            self._texts[name] = self._read(name) if name in self.files else None
        return self._texts[name]

    def toml(self, name: str) -> Mapping[str, Any]:
        """Return the contents of a TOML file; empty if it is missing or unreadable."""
        if not (text := self.text(name)):
            return {}
        try:
            return tomllib.loads(text)
        except tomllib.TOMLDecodeError as error:
            self._note(name, str(error))
            return {}

    def json(self, name: str) -> Mapping[str, Any]:
        """Return the contents of a JSON object; empty if the file is missing or unreadable."""
        if not (text := self.text(name)):
            return {}
        try:
            found = json.loads(text)
        except (ValueError, RecursionError) as error:
            self._note(name, str(error))
            return {}
        return found if isinstance(found, dict) else {}

    def ini_sections(self, name: str) -> frozenset[str]:
        """Return the section names of an INI file."""
        if not (text := self.text(name)):
            return frozenset()
        parser = configparser.RawConfigParser(strict=False, allow_no_value=True)
        try:
            parser.read_string(text)
        except configparser.Error as error:
            self._note(name, str(error).splitlines()[0])
        return frozenset(parser.sections())

    def shown(self, name: str) -> str:
        """Return a file's name as the user knows it: relative to the project root."""
        return (self.path / name).relative_to(self.root).as_posix()

    def _read(self, name: str) -> str | None:
        try:
            return read_regular(self.path / name, MOST_BYTES).decode()
        except (OSError, ValueError) as error:
            self._note(name, str(error))
            return None

    def _note(self, name: str, reason: str) -> None:
        line = f"{self.shown(name)}: {reason}"
        if line not in self.unreadable:
            self.unreadable.append(line)


def folders_below(root: Path, unreadable: list[str], *, deepest: int = DEEPEST) -> Iterator[Folder]:
    """Yield a project's folders from the top down, skipping hidden folders and those with installed or built
    files.
    """
    if root in (root.parent, Path.home().resolve()):
        deepest = 0
    waiting = [(root, 0)]
    seen = 0
    while waiting and seen < MOST_FOLDERS:
        path, depth = waiting.pop(0)
        seen += 1
        folder = Folder(path, root, unreadable)
        yield folder
        if depth < deepest:
            waiting += [(path / name, depth + 1) for name in sorted(folder.folders)]


def as_mapping(value: object) -> Mapping[str, Any]:
    """Return the value if it is a mapping, otherwise an empty one: files can contain anything."""
    return value if isinstance(value, Mapping) else {}


def _entries(path: Path) -> tuple[frozenset[str], frozenset[str]]:
    files, folders = set(), set()
    try:
        with os.scandir(path) as entries:
            for entry in entries:
                if entry.is_file(follow_symlinks=False):
                    files.add(entry.name)
                elif (
                    entry.is_dir(follow_symlinks=False)
                    and entry.name not in _SKIPPED
                    and entry.name[0] != "."
                ):
                    folders.add(entry.name)
    except OSError:
        return frozenset(), frozenset()
    return frozenset(files), frozenset(folders)
