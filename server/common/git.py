"""Git calls that never run a program named by the repository: no hook, monitor, filter, pager or transport.

A repository's own configuration can name programs. A clone never brings such a configuration in ``.git``, but
its files can form a bare repository that has one, and git would use it when run in their folder.
"""

import os
import subprocess
from collections.abc import Mapping
from pathlib import Path

from server.common.errors import NotFound
from server.common.processes import NO_WINDOW, find_program

NO_BARE = ("-c", "safe.bareRepository=explicit")
"""Options for every command: ignore bare repositories formed by a project's files (git 2.38 and newer)."""
_NO_PROGRAMS = (
    *("--no-pager", "-c", "core.fsmonitor=false", "-c", f"core.hooksPath={os.devnull}"),
    *("-c", "protocol.allow=never", "-c", "log.showSignature=false"),
)
_VARIABLES = {"GIT_TERMINAL_PROMPT": "0", "GIT_OPTIONAL_LOCKS": "0", "GIT_NO_LAZY_FETCH": "1"}


def ask_git(folder: Path, *arguments: str, seconds: float) -> "subprocess.CompletedProcess[bytes]":
    """Return git's output for a command about a folder's repository.

    Raises:
        NotFound: git is not installed.
        OSError: git cannot be started.
        TimeoutExpired: git takes longer than ``seconds``.
    """
    return run_git(folder, *_NO_PROGRAMS, *arguments, seconds=seconds, variables=_VARIABLES)


def starts_with(folder: Path, *arguments: str, most: int) -> bytes:
    """Return the first bytes of git's output without waiting for the rest.

    Raises:
        NotFound: git is not installed.
        OSError: git cannot be started.
    """
    command, environ = _command(*_NO_PROGRAMS, *arguments), {**os.environ, **_VARIABLES}
    with subprocess.Popen(
        command,
        cwd=folder,
        env=environ,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        creationflags=NO_WINDOW,
    ) as process:
        assert process.stdout is not None
        try:
            return process.stdout.read(most)
        finally:
            process.kill()


def run_git(
    folder: Path, *arguments: str, seconds: float, variables: Mapping[str, str], given: bytes = b""
) -> "subprocess.CompletedProcess[bytes]":
    """Run a git command for the user, including any hooks and filters configured in the repository.

    Raises:
        NotFound: git is not installed.
        OSError: git cannot be started.
        TimeoutExpired: git takes longer than ``seconds``.
    """
    return subprocess.run(
        _command(*arguments),
        cwd=folder,
        env={**os.environ, **variables},
        input=given,
        capture_output=True,
        timeout=seconds,
        check=False,
        creationflags=NO_WINDOW,
    )


def _command(*arguments: str) -> list[str]:
    program = find_program("git")
    if program is None:
        raise NotFound("git is not installed.", "Install git.")
    return [program, *NO_BARE, *arguments]
