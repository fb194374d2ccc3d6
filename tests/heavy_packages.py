"""The packages of the dependency group ``e2e``, installed when a run of tests needs one.

They take half a gigabyte: a browser's driver and Claude Code itself. Tests that need neither run without
them.
"""

import importlib
import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec, PathFinder
from pathlib import Path
from types import ModuleType

PACKAGES = frozenset({"axe_playwright_python", "claude_agent_sdk", "playwright"})
PROJECT = Path(__file__).parents[1]


def install_on_import() -> None:
    """Install the group when an import of one of ``PACKAGES`` fails."""
    sys.meta_path.append(_Installer())


def install_now() -> None:
    """Install the group if one of ``PACKAGES`` is missing.

    Workers that run side by side need it before they start: one of them would import a package of which
    another worker's installation has written half.
    """
    if any(PathFinder.find_spec(package) is None for package in PACKAGES):
        _install()


class _Installer(MetaPathFinder):
    """The last finder: Python asks it for modules that no other finder has."""

    def __init__(self) -> None:
        self._tried = False

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        if fullname not in PACKAGES or self._tried:
            return None
        self._tried = True
        _install()
        return PathFinder.find_spec(fullname, path, target)


def _install() -> None:
    """Offline this fails and says so. The import error then names the package."""
    if uv := os.environ.get("UV") or shutil.which("uv"):
        subprocess.run([uv, "sync", "--quiet", "--inexact", "--group", "e2e"], cwd=PROJECT, check=False)
        importlib.invalidate_caches()
