"""Starts of ``token-saver``: on Linux as forks of a process that has imported the app already.

Each worker of the tests has one such process. A start is a plain ``python -m tray.main`` on other systems,
outside of a test run, and when it sets a variable of Python's own (``PYTHON…``) that the tests do not have.
"""

import atexit
import functools
import json
import os
import select
import socket
import subprocess
import sys
import tempfile
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import IO, Any

COMMAND = (sys.executable, "-P", "-m", "tray.main")
SERVER = Path(__file__).with_name("server.py")
SECONDS = 180

_allowed = threading.Event()


def allow_forks() -> None:
    """Fork from now on in this process. Measurements of starts do not call this."""
    if sys.platform == "linux":
        _allowed.set()


def start(
    *arguments: str,
    env: Mapping[str, str],
    cwd: Path | None = None,
    stdin: int | IO[Any] = subprocess.DEVNULL,
    stdout: int | IO[Any] = subprocess.DEVNULL,
    stderr: int | IO[Any] = subprocess.DEVNULL,
    new_session: bool = False,
) -> "subprocess.Popen[bytes]":
    """Start ``token-saver`` with ``arguments``; the streams are files or ``subprocess.DEVNULL``."""
    if not _may_fork(env):
        flags = subprocess.CREATE_NEW_PROCESS_GROUP if sys.platform == "win32" else 0
        return subprocess.Popen(
            [*COMMAND, *arguments],
            env=env, cwd=cwd, stdin=stdin, stdout=stdout, stderr=stderr, creationflags=flags,
            start_new_session=new_session,
        )  # fmt: skip
    with open(os.devnull, "r+b", buffering=0) as nothing:  # noqa: PTH123
        streams = [nothing if each == subprocess.DEVNULL else each for each in (stdin, stdout, stderr)]
        numbers = [each if isinstance(each, int) else each.fileno() for each in streams]
        return Fork(arguments, env, cwd or Path.cwd(), numbers, new_session=new_session)


def run(
    *arguments: str,
    env: Mapping[str, str] | None = None,
    cwd: Path | None = None,
    stdin: str = "",
    check: bool = False,
    seconds: float = SECONDS,
) -> "subprocess.CompletedProcess[str]":
    """Run ``token-saver`` with ``arguments`` to its end and return its output as text."""
    with tempfile.TemporaryFile() as given, tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
        given.write(stdin.encode())
        given.seek(0)
        process = start(
            *arguments, env=os.environ if env is None else env, cwd=cwd, stdin=given, stdout=out, stderr=err
        )
        try:
            status = process.wait(seconds)
        finally:
            if process.poll() is None:
                process.kill()
                process.wait()
        texts = []
        for stream in (out, err):
            stream.seek(0)
            texts.append(stream.read().decode().replace("\r\n", "\n"))
    done = subprocess.CompletedProcess(["token-saver", *arguments], status, *texts)
    if check:
        done.check_returncode()
    return done


class Fork(subprocess.Popen[bytes]):
    """A program forked by the server. It is no child of this process, thus a pipe tells its exit status."""

    _child_created = False

    def __init__(
        self,
        arguments: tuple[str, ...],
        environ: Mapping[str, str],
        folder: Path,
        streams: list[int],
        *,
        new_session: bool,
    ) -> None:
        self.args = ["token-saver", *arguments]
        self.stdin = self.stdout = self.stderr = None
        self.returncode = None  # type: ignore[assignment]
        self._pipe, theirs = os.pipe()
        start = {
            "arguments": arguments,
            "environ": dict(environ),
            "folder": str(folder),
            "new_session": new_session,
        }
        try:
            socket.send_fds(_server(), [json.dumps(start).encode()], [*streams, theirs])
        finally:
            os.close(theirs)
        number = self._read()
        assert number is not None, "the server of forks has ended"
        self.pid = number

    def poll(self) -> int | None:
        """Return the exit status, or None while the program runs."""
        return self._await(0)

    def wait(self, timeout: float | None = None) -> int:
        """Wait for the end and return the exit status."""
        status = self._await(timeout)
        if status is None:
            raise subprocess.TimeoutExpired(self.args, timeout or 0)
        return status

    def _await(self, seconds: float | None) -> int | None:
        if self.returncode is None and _readable(self._pipe, seconds):
            status = self._read()
            os.close(self._pipe)
            assert status is not None, "the server of forks has ended"
            self.returncode = status
        return self.returncode

    def _read(self) -> int | None:
        number = os.read(self._pipe, 4)
        return int.from_bytes(number, "big", signed=True) if number else None


def _readable(descriptor: int, seconds: float | None) -> bool:
    poll = select.poll()
    poll.register(descriptor, select.POLLIN)
    return bool(poll.poll(None if seconds is None else seconds * 1000))


def _may_fork(environ: Mapping[str, str]) -> bool:
    return _allowed.is_set() and _of_python(environ).items() <= _of_python(os.environ).items()


def _of_python(environ: Mapping[str, str]) -> dict[str, str]:
    return {name: value for name, value in environ.items() if name.startswith("PYTHON")}


@functools.cache
def _server() -> socket.socket:
    """Start this worker's server on first use."""
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    with theirs:
        server = subprocess.Popen(
            [sys.executable, "-P", str(SERVER), str(theirs.fileno())],
            pass_fds=[theirs.fileno()],
            stdin=subprocess.DEVNULL,
            cwd="/",
        )
    atexit.register(_end, ours, server)
    return ours


def _end(channel: socket.socket, server: "subprocess.Popen[bytes]") -> None:
    channel.close()
    server.wait(10)
