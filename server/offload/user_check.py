"""The checks that the user named in ``[checks]``: their command, without a shell, on the written file.

Claude can name a check, never a command. The command's own files are the user's business; the written
file is taken back by the pipeline unless the check passes.
"""

import asyncio
import contextlib
import os
import shlex
import signal
import subprocess
from collections.abc import Mapping
from pathlib import Path

from server.errors import BadArguments, SettingsError
from server.offload import reasons
from server.offload.values import Check

LONGEST_OUTPUT = 1_500
"""Characters of a failed check's output that the model is told, from its end."""
MOST_OUTPUT_BYTES = 200_000
_GRACE_SECONDS = 2.0


def command_of(name: str, checks: Mapping[str, str], file: Path) -> tuple[str, ...]:
    """Return the words of the command, ``{file}`` filled in within a word.

    Raises:
        BadArguments: the user named no such check.
        SettingsError: its command is empty or its quotes do not close.
    """
    command = checks.get(name)
    if command is None:
        known = ", ".join(sorted(checks)) or "none"
        raise BadArguments(f"There is no check {name!r}.", f"Those in config.toml's [checks]: {known}.")
    try:
        words = shlex.split(command)
    except ValueError as error:
        raise SettingsError(
            f"The check {name!r} cannot be read: {error}.", "Mend it in config.toml."
        ) from None
    if not words:
        raise SettingsError(f"The check {name!r} is empty.", "Mend it in config.toml.")
    return tuple(word.replace("{file}", str(file)) for word in words)


async def run_check(name: str, command: tuple[str, ...], folder: Path, seconds: float) -> Check:
    """Run the command in ``folder``; it passes with exit status 0 within the time.

    Raises:
        SettingsError: the command cannot be started.
    """
    try:
        process = await asyncio.create_subprocess_exec(
            *command,
            cwd=folder,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            env={key: value for key, value in os.environ.items() if not key.startswith("TOKEN_SAVER_")},
            start_new_session=os.name != "nt",
        )
    except OSError as error:
        raise SettingsError(
            f"The check {name!r} cannot be started: {error.strerror or error}.", "Mend it in config.toml."
        ) from None
    try:
        async with asyncio.timeout(seconds):
            output = await _output(process)
            status = await process.wait()
    except TimeoutError:
        return _failed(name, f"It did not end within {seconds:g} s.")
    finally:
        await _end(process)
    if status == 0:
        return Check(_shown(name), passed=True)
    text = output.decode(errors="replace").strip()[-LONGEST_OUTPUT:]
    return _failed(name, f"Exit status {status}:\n{text}")


async def _output(process: asyncio.subprocess.Process) -> bytes:
    """Read all output and keep its end."""
    kept = b""
    if process.stdout is not None:
        while data := await process.stdout.read(65_536):
            kept = (kept + data)[-MOST_OUTPUT_BYTES:]
    return kept


async def _end(process: asyncio.subprocess.Process) -> None:
    """End the command with everything that it started, also after it ended itself."""
    if os.name == "nt":
        if process.returncode is None:
            process.kill()
    else:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, signal.SIGKILL)
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(_GRACE_SECONDS):
            await process.wait()


def _failed(name: str, message: str) -> Check:
    return Check(_shown(name), passed=False, message=message, code=reasons.CHECK_FAILED)


def _shown(name: str) -> str:
    return f"check {name}"
