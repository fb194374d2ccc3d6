"""Programs and their places, and child processes that run to their end."""

import asyncio
import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path

TAIL = 2_000
"""Maximum number of characters kept from a child's error output."""

if sys.platform == "win32":
    NO_WINDOW = subprocess.CREATE_NO_WINDOW
else:
    NO_WINDOW = 0


def find_program(name: str) -> str | None:
    """Return the path of a program, or None if it is missing. A name is looked up on ``PATH``; a path is
    returned as is.

    Relative entries and the working directory, which Windows searches first, are skipped. Both may point into
    the user's project, whose files must not be run unasked.
    """
    if os.path.dirname(name):  # noqa: PTH120 - Path drops "./"
        return name if Path(name).is_file() and os.access(name, os.X_OK) else None
    endings = os.environ.get("PATHEXT", ".EXE").split(os.pathsep) if sys.platform == "win32" else [""]
    for folder in map(Path, os.environ.get("PATH", os.defpath).split(os.pathsep)):
        for ending in endings if folder.is_absolute() else ():
            program = folder / (name if name.lower().endswith(ending.lower()) else name + ending)
            if program.is_file() and os.access(program, os.X_OK):
                return str(program)
    return None


def run_command(
    command: Sequence[str], environ: Mapping[str, str], seconds: float, folder: Path | None = None
) -> "subprocess.CompletedProcess[str]":
    """Run a program without input, and return its status and output.

    Raises:
        OSError: the program cannot be started.
        subprocess.TimeoutExpired: it took longer than ``seconds`` and was killed.
    """
    return subprocess.run(
        command,
        env={**os.environ, **environ},
        cwd=folder,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        encoding="utf-8",
        errors="replace",
        check=False,
        timeout=seconds,
        creationflags=NO_WINDOW,
    )


async def run_module(module: str, arguments: Sequence[str], environ: Mapping[str, str]) -> tuple[int, str]:
    """Run ``python -m module`` and return its exit status and the end of its error output.

    The child ends with this process (see ``parent_death``), and cancellation kills it. ``-P`` prevents
    imports from the working directory.
    """
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-P",
        "-m",
        "server.common.parent_death",
        module,
        *arguments,
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        env={**os.environ, **environ},
        creationflags=NO_WINDOW,
    )
    assert process.stderr is not None
    try:
        # communicate() would close standard input, and the child would conclude that this process has ended.
        errors = await process.stderr.read()
        status = await process.wait()
    finally:
        if process.returncode is None:
            with suppress(ProcessLookupError):
                process.kill()
            await process.wait()
    return status, errors.decode("utf-8", "replace")[-TAIL:].strip()


def last_line(errors: str, status: int) -> str:
    """Return the last line of a child's error output, worded to fit into a sentence."""
    lines = errors.splitlines()
    return lines[-1].removeprefix("ERROR: ").rstrip(".") if lines else f"it ended with status {status}"
