"""A process that has imported the app and forks a copy of itself for each start of ``token-saver``.

Most of the CPU time of a start goes into imports. The copy gets the arguments, the environment, the folder
and the standard streams of the start, then runs the function that the installed command runs.

The test process sends one message a start over a socket: JSON and four descriptors, the standard streams and
a pipe. This process writes the copy's process ID to the pipe, and its exit status when it has ended.
"""

import atexit
import contextlib
import gc
import importlib
import json
import locale
import os
import select
import signal
import socket
import sys
import threading
import time
import traceback
from pathlib import Path
from typing import Any, NoReturn

MOST_BYTES = 1 << 17
"""Size of a message, bytes."""
MODULES = (
    "tray.main",
    "dashboard.app",
    "server.commands.welcome",
    "server.commands.terminal.page",
    "server.web.log_file",
    "server.web.serve",
    "server.digests.registry",
    "detect_secrets.plugins.aws",
    "uvicorn.lifespan.on",
    "uvicorn.loops.auto",
    "uvicorn.protocols.http.httptools_impl",
    "uvicorn.protocols.websockets.auto",
)
"""The modules that the app imports at its start, or with its first page, digest or redaction."""


def serve(channel: socket.socket) -> None:
    """Start programs until the test process closes the ``channel``."""
    gc.disable()  # imports leave nothing to free
    for module in MODULES:
        importlib.import_module(module)
    threads = len(list(Path("/proc/self/task").iterdir()))
    assert threads == 1, f"a process with threads must not fork; this one has {threads}"
    gc.collect()
    gc.freeze()
    gc.enable()
    ended, wake = os.pipe()
    os.set_blocking(wake, False)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    signal.set_wakeup_fd(wake, warn_on_full_buffer=False)
    pipes: dict[int, int] = {}
    while True:
        ready, _, _ = select.select([channel, ended], [], [])
        if ended in ready:
            os.read(ended, 4096)
            _report_ended(pipes)
        if channel in ready:
            message, descriptors, _, _ = socket.recv_fds(channel, MOST_BYTES, 4)
            if not message:
                return
            *streams, pipe = descriptors
            if (child := os.fork()) == 0:
                for each in (channel.detach(), ended, wake, pipe, *pipes.values()):
                    os.close(each)
                _run(json.loads(message), streams)
            for stream in streams:
                os.close(stream)
            pipes[child] = pipe
            _write(pipe, child)


def _report_ended(pipes: dict[int, int]) -> None:
    """Collect the children that have ended, and report how."""
    for child in list(pipes):
        found, status = os.waitpid(child, os.WNOHANG)
        if found:
            pipe = pipes.pop(child)
            _write(pipe, os.waitstatus_to_exitcode(status))
            os.close(pipe)


def _write(pipe: int, number: int) -> None:
    with contextlib.suppress(BrokenPipeError):  # the test may end without waiting for the program
        os.write(pipe, number.to_bytes(4, "big", signed=True))


def _run(start: dict[str, Any], streams: list[int]) -> NoReturn:
    """Become ``python -P -m tray.main`` with the arguments, and exit as Python does."""
    signal.set_wakeup_fd(-1)
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    if start["new_session"]:
        os.setsid()
    for target, stream in enumerate(streams):
        os.dup2(stream, target)
        os.close(stream)
    os.environ.clear()
    os.environ.update(start["environ"])
    os.chdir(start["folder"])
    with contextlib.suppress(locale.Error):
        locale.setlocale(locale.LC_CTYPE, "")
    time.tzset()
    sys.stdin = sys.__stdin__ = open(0, encoding="utf-8", errors="surrogateescape")  # noqa: SIM115
    sys.stdout = sys.__stdout__ = _writable(1, "surrogateescape", line_buffering=os.isatty(1))
    sys.stderr = sys.__stderr__ = _writable(2, "backslashreplace", line_buffering=True)
    program = sys.modules["__main__"] = importlib.import_module("tray.main")
    sys.argv = [str(program.__file__), *start["arguments"]]
    sys.orig_argv = [sys.executable, "-P", "-m", "tray.main", *start["arguments"]]
    _exit(_status_of(program.main))


def _writable(descriptor: int, errors: str, *, line_buffering: bool) -> Any:
    return open(descriptor, "w", encoding="utf-8", errors=errors, buffering=8192 if not line_buffering else 1)


def _status_of(main: Any) -> int:
    """Run ``main`` and return the exit status that Python would give."""
    try:
        main()
    except SystemExit as end:
        if end.code is None or isinstance(end.code, int):
            return end.code or 0
        print(end.code, file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        traceback.print_exc()
        signal.signal(signal.SIGINT, signal.SIG_DFL)
        sys.stdout.flush()
        os.kill(os.getpid(), signal.SIGINT)
    except BaseException:  # noqa: BLE001 - Python's own handler
        traceback.print_exc()
        return 1
    return 0


def _exit(status: int) -> NoReturn:
    """Do what the interpreter does at its end, but for freeing memory."""
    threading._shutdown()  # type: ignore[attr-defined]
    atexit._run_exitfuncs()
    try:
        sys.stdout.flush()
    except BrokenPipeError:
        status = 120
    os._exit(status)


if __name__ == "__main__":
    serve(socket.socket(fileno=int(sys.argv[1])))
