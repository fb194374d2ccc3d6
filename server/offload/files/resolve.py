"""Resolves the paths in a call's arguments, so that a policy rule on ``docs/`` applies however the path is
spelled.
"""

import posixpath
from collections.abc import Iterable, Mapping
from typing import Any

from server.common.errors import TokenSaverError
from server.offload.files.workspace import Workspace, expand, split_selection
from server.policy.values import Item


class PathResolver:
    """Resolves and caches paths for one caller. Blocks."""

    def __init__(self, workspace: Workspace) -> None:
        self._workspace = workspace
        self._expanded: dict[str, tuple[str, ...]] = {}
        self._places: dict[str, str] = {}

    def item(self, arguments: Mapping[str, Any]) -> Item:
        """Return a batch task in the form the rules judge, with its files counted as for a single call."""
        read_as = self.of(arguments)
        return Item(arguments, read_as, 1 if read_as.get("output") else len(read_as.get("files", ())))

    def of(self, arguments: Mapping[str, Any]) -> dict[str, Any]:
        """Return the arguments with ``files`` and ``output`` resolved: globs are expanded, links followed and
        selections removed. Paths inside the project become relative to it.
        """
        found = dict(arguments)
        if isinstance(output := arguments.get("output"), str) and output:
            found["output"] = self.place(output)
        if isinstance(files := arguments.get("files"), list):
            names = self.names(each for each in files if isinstance(each, str) and each)
            found["files"] = list(dict.fromkeys(map(self.place, names)))
        return found

    def names(self, given: Iterable[str]) -> tuple[str, ...]:
        """Return the given paths, with globs expanded."""
        return tuple(name for each in dict.fromkeys(given) for name in self._names(each))

    def place(self, given: str) -> str:
        """Return the resolved path. A path that will be refused is merely normalised."""
        if given not in self._places:
            name = split_selection(self._workspace, given)[0]
            try:
                self._places[given] = self._workspace.shown(self._workspace.confine(name))
            except TokenSaverError:
                self._places[given] = posixpath.normpath(name.replace("\\", "/"))
        return self._places[given]

    def _names(self, given: str) -> tuple[str, ...]:
        if given not in self._expanded:
            try:
                self._expanded[given] = expand(self._workspace, given)
            except TokenSaverError:  # no match: the tool reports the error
                self._expanded[given] = (given,)
        return self._expanded[given]
