"""The command for a project's check. Its program is found without searching the project's own PATH."""

import os
import shutil
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from server.execution.project_checks.values import ProjectCheck

_RUNNERS = frozenset({"uv", "poetry", "pipenv"})
"""Programs that look for the project's environment and may download one."""
_SYSTEM = ("/usr/", "/bin/")


@dataclass(frozen=True)
class Command:
    """A command line starting with an absolute path, and the folders its interpreter needs."""

    words: tuple[str, ...]
    readable: tuple[Path, ...] = ()


def sandboxed_command(check: ProjectCheck, words: tuple[str, ...]) -> Command | str:
    """Return the command to run in the sandbox, or the reason it cannot run there."""
    if words[0] in _RUNNERS and words[1:2] == ("run",):
        words = words[2:]
        if words[:1] == ("python",) and project_python(check.folder) is None:
            return "the project has no environment in .venv"
    if words[0] == "python":
        python = project_python(check.folder) or _system_python()
        if python is None:
            return "there is no Python for it"
        if not _is_installation(python.resolve().parents[1], check.folder):
            return f"{python} does not belong to an installation of Python"
        return Command((str(python), *words[1:]), tuple(_interpreter_folders(python)))
    local = check.folder / "node_modules" / ".bin" / words[0]
    found = str(local) if local.exists() else shutil.which(words[0], path="/usr/local/bin:/usr/bin:/bin")
    if words[0].startswith("./"):
        found = str(check.folder / words[0])
    if found is None or not (Path(found).is_relative_to(check.folder) or found.startswith(_SYSTEM)):
        return f"`{words[0]}` is not an installed program"
    return Command((found, *words[1:]))


def project_python(folder: Path) -> Path | None:
    """Return the interpreter from the project's own environment, if it has one."""
    name = "Scripts/python.exe" if sys.platform == "win32" else "bin/python"
    places = (folder / environment / name for environment in (".venv", "venv"))
    return next((each for each in places if os.access(each, os.X_OK)), None)


def _is_installation(prefix: Path, project: Path) -> bool:
    """Return whether a folder is an installation of Python outside the project. A project can link its
    ``python`` to any place, and the sandbox makes the folder around it readable.
    """
    around = any(each.is_relative_to(prefix) for each in (project.resolve(), Path.home().resolve()))
    return (prefix == Path("/usr") or not around) and any(prefix.glob("lib/python3*/os.py"))


def _interpreter_folders(python: Path) -> Iterator[Path]:
    """Yield the interpreter's own folder and, if it is linked from an environment, that environment's
    folder.
    """
    yield python.resolve().parents[1]
    environment = python.parents[1].resolve()
    if (environment / "pyvenv.cfg").is_file():
        yield environment


def _system_python() -> Path | None:
    found = shutil.which("python3", path="/usr/local/bin:/usr/bin:/bin")
    return Path(found) if found else None
