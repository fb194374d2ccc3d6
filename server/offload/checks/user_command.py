"""The user's named checks from ``[checks]``: commands run without a shell on the written file.

Claude can name a check but not a command. The app does not protect files that the command itself changes. The
pipeline restores the written file unless the check passes.
"""

import asyncio
import contextlib
import errno
import os
import re
import shlex
import signal
import subprocess
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from server.common.errors import BadArguments, SettingsError
from server.common.processes import NO_WINDOW, find_program
from server.execution.job_object import NOT_STARTED
from server.offload.checks import codes
from server.offload.values import Check

LONGEST_OUTPUT = 1_500
"""Number of characters from the end of a failed check's output that are shown to the model."""
MOST_OUTPUT_BYTES = 200_000
ENVIRONMENT = frozenset(
    {
        "PATH", "HOME", "LANG", "LANGUAGE", "TZ", "TMPDIR", "TEMP", "TMP", "SYSTEMROOT",
        "SYSTEMDRIVE", "WINDIR", "COMSPEC", "PATHEXT", "OS", "NUMBER_OF_PROCESSORS",
        "PROCESSOR_ARCHITECTURE", "USERPROFILE", "HOMEDRIVE", "HOMEPATH", "APPDATA", "LOCALAPPDATA",
        "PROGRAMDATA",
    }
)  # fmt: skip
"""Environment variables that every check gets."""
_GRACE_SECONDS = 2.0
_REAP_SECONDS = 10.0
"""Time limit for ending all of a check's processes, in seconds; normally this takes milliseconds."""
_ROOT = str(Path(__file__).parents[3])
REAPS = sys.platform == "linux"
"""Whether a process can adopt a command's orphans in order to end them."""
IN_JOB = sys.platform == "win32"
"""Whether a job object contains everything that a command starts."""
_PLAIN = re.compile(r"[\w./\\:=,@%+{}-]*")
"""Words that no program can interpret as a script: paths, options."""
_JOINS = re.compile(r"(?i)(?:.*[\\/])?(?:cmd|powershell|pwsh)(?:\.exe)?|.*\.(?:bat|cmd)")
"""Windows programs that join all their words into a script, and the batch files they run."""
_ORDERS = re.compile(r"[&|<>^%!\"'`$;(){}]")
"""Characters that these programs do not treat as part of a name."""


def command_of(
    name: str, checks: Mapping[str, str], file: Path, *, windows: bool = os.name == "nt"
) -> tuple[str, ...]:
    """Return the words of the command with ``{file}`` replaced, whether it is a whole word or part of an
    option.

    Raises:
        BadArguments: the check does not exist, or its program could interpret the file's name as a command.
        SettingsError: the command is empty, its quotes do not match, or ``{file}`` is inside a script. The
        script would run a file's name as code.
    """
    command = checks.get(name)
    if command is None:
        known = ", ".join(sorted(checks)) or "none"
        raise BadArguments(
            f"There is no check {name!r}.", f"Checks defined under [checks] in config.toml: {known}."
        )
    try:
        words = _words(command, windows=windows)
    except ValueError as error:
        raise SettingsError(
            f"The check {name!r} cannot be read: {error}.", "Fix it in config.toml."
        ) from None
    if not words:
        raise SettingsError(f"The check {name!r} is empty.", "Fix it in config.toml.")
    if any("{file}" in word and not _PLAIN.fullmatch(word) for word in words):
        raise SettingsError(
            f"The check {name!r} has {{file}} inside a script, so a file's name would run as part of the "
            "script.",
            "Pass it as a separate word, such as `sh -c 'cd src && pytest \"$1\"' sh {file}`.",
        )
    if windows and _JOINS.fullmatch(words[0]) and (found := _ORDERS.search(str(file))):
        raise BadArguments(
            f"The check {name!r} cannot run on {file}: "
            f"{words[0]} would not treat {found[0]} as part of a name.",
            "Choose another name, or omit the check.",
        )
    return tuple(word.replace("{file}", str(file)) for word in words)


async def run_check(
    name: str, command: tuple[str, ...], folder: Path, seconds: float, variables: Iterable[str] = ()
) -> Check:
    """Run the command in ``folder``. The check passes if the command exits with status 0 within the time
    limit.

    The environment contains only ``ENVIRONMENT`` and the user's ``variables``, because the command may run
    the model's code.

    Raises:
        SettingsError: the command cannot be started.
    """
    command = _found(name, command)
    reported, errors = os.pipe()
    if (
        sys.platform == "linux"
    ):  # elsewhere no process writes to the pipe, and Windows has no such pipes before 3.12
        os.set_blocking(reported, False)
    inherited: dict[str, Any] = {"pass_fds": (errors,)} if REAPS else {}
    try:
        process, output = await asyncio.get_running_loop().subprocess_exec(
            _Output,
            *_reaped(command, errors),
            cwd=folder,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            env=check_environ(variables),
            start_new_session=os.name != "nt",
            creationflags=NO_WINDOW,
            **inherited,
        )
    except OSError as error:
        os.close(reported)
        raise _not_started(name, error.strerror or str(error)) from None
    finally:
        os.close(errors)
    reason = ""
    try:
        async with asyncio.timeout(seconds):
            await output.ended.wait()
    except TimeoutError:
        return failed(name, f"It did not end within {seconds:g} s.")
    finally:
        await _end(process, output)
        # A process that the command left in another session can keep its output open forever.
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_GRACE_SECONDS):
                await output.complete.wait()
                await output.ended.wait()
        process.close()
        with contextlib.suppress(BlockingIOError), os.fdopen(reported, "rb") as pipe:
            reason = (pipe.read(1000) or b"").decode(errors="replace")
    if reason:
        raise _not_started(name, reason)
    if (status := process.get_returncode()) == 0:
        return passed(name)
    if IN_JOB and status == NOT_STARTED:
        raise _not_started(name, output.kept.decode(errors="replace").strip())
    text = output.kept.decode(errors="replace").strip()[-LONGEST_OUTPUT + 30 :]
    return failed(name, f"Exit status {status}:\n{text}")


def passed(name: str) -> Check:
    """Return the finding for a passed check."""
    return Check(_shown(name), passed=True)


def failed(name: str, message: str) -> Check:
    """Return the finding for a failed check. Only the end of a long message is kept."""
    return Check(_shown(name), passed=False, message=message[-LONGEST_OUTPUT:], code=codes.CHECK_FAILED)


def check_environ(variables: Iterable[str]) -> dict[str, str]:
    """Return the environment for a check."""
    wanted = ENVIRONMENT | {name.upper() for name in variables}
    return {
        name: value
        for name, value in os.environ.items()
        if name.upper() in wanted or name.upper().startswith("LC_")
    }


class _Output(asyncio.SubprocessProtocol):
    """The end of a command's output, and whether the command has ended."""

    def __init__(self) -> None:
        self.kept = bytearray()
        self.ended = asyncio.Event()
        self.complete = asyncio.Event()

    def pipe_data_received(self, _fd: int, data: bytes) -> None:
        self.kept += data
        del self.kept[:-MOST_OUTPUT_BYTES]

    def pipe_connection_lost(self, _fd: int, _error: Exception | None) -> None:
        self.complete.set()

    def process_exited(self) -> None:
        self.ended.set()


def _words(command: str, *, windows: bool) -> list[str]:
    """Split a command the way the system's own shell would. On Windows, a backslash is part of a path."""
    if not windows:
        return shlex.split(command)
    words = shlex.split(command, posix=False)
    return [
        word[1:-1] if len(word) > 1 and word[0] == word[-1] and word[0] in "\"'" else word for word in words
    ]


def _found(name: str, command: tuple[str, ...]) -> tuple[str, ...]:
    """Return the command with its program's full path, searching only absolute folders.

    On Windows, the name is left unchanged if it matches only a batch file: ``cmd`` would treat the words as a
    script.
    """
    if os.path.dirname(command[0]):  # noqa: PTH120 - Path drops "./"
        return command
    program = find_program(command[0])
    if program is None:
        raise _not_started(name, os.strerror(errno.ENOENT))
    return command if os.name == "nt" and not program.lower().endswith(".exe") else (program, *command[1:])


def _reaped(command: tuple[str, ...], errors: int) -> tuple[str, ...]:
    """Wrap the command in a process that ends all descendants, on systems where this is possible."""
    if not (REAPS or IN_JOB):
        return command
    module = "reaper" if REAPS else "job_object"
    start = f"import sys; sys.path.insert(0, {_ROOT!r}); from server.execution.{module} import main; main()"
    options = ("-I", "-S", "-B", "-X", "utf8", "-c", start)
    numbers = (os.getpid(), errors) if REAPS else (os.getpid(),)
    return (sys.executable, *options, *map(str, numbers), *command)


def _not_started(name: str, reason: str) -> SettingsError:
    return SettingsError(f"The check {name!r} cannot be started: {reason}.", "Fix it in config.toml.")


async def _end(process: asyncio.SubprocessTransport, output: _Output) -> None:
    """End the command and every process it started: in any session on Linux, in its process group on macOS,
    in its job on Windows.
    """
    if REAPS and process.get_returncode() is None:
        process.send_signal(signal.SIGTERM)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_REAP_SECONDS):
                await output.ended.wait()
    if sys.platform == "win32":
        if process.get_returncode() is None:
            process.kill()  # this process has the job's only handle
    else:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(process.get_pid(), signal.SIGKILL)


def _shown(name: str) -> str:
    return f"check {name}"
