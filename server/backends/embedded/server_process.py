"""The embedded engine's process: llama.cpp's HTTP server, which exits along with its parent.

The first line of standard input is the order as JSON. The order includes the API key, which therefore never
appears on a command line. The address and process ID are written to standard output as a line of JSON. If
the order has a ``program``, this process starts that ``llama-server`` and supervises it.
"""

import json
import os
import signal
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from typing import Any, TextIO

import psutil

from server.backends.embedded.arguments import (
    KEY_VARIABLE,
    VERBOSITY,
    VERBOSITY_VARIABLE,
    command_line,
    library_parameters,
)
from server.common.parent_death import die_with_parent, end_with_parent
from server.common.processes import NO_WINDOW

POLL_SECONDS = 0.1


def main() -> None:
    """Serve until the parent stops this process."""
    line = sys.stdin.buffer.readline()
    if not line:
        return
    order = json.loads(line)
    if order["program"]:
        _run_program(order)
        return
    end_with_parent()
    reply = _claim_stdout()
    import xllamacpp  # noqa: PLC0415 - after the watch on the parent has started

    server = xllamacpp.Server(library_parameters(order))
    _answer(reply, server.listening_address, os.getpid())
    threading.Event().wait()


def _answer(reply: TextIO, url: str, pid: int) -> None:
    print(json.dumps({"url": url, "pid": pid}), file=reply, flush=True)


def _claim_stdout() -> TextIO:
    """Return standard output, redirecting anything that libraries print to the log. The parent reads only one
    line from the pipe, so the pipe would otherwise fill up.
    """
    reply = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    return reply


def _run_program(order: dict[str, Any]) -> None:
    """Run the program, reply once it is ready, and exit with the program's status."""
    reply = _claim_stdout()
    process = subprocess.Popen(
        command_line(order),
        stdin=subprocess.DEVNULL,
        stdout=2,
        stderr=2,
        env={
            **os.environ,
            **order["environ"],
            VERBOSITY_VARIABLE: str(VERBOSITY),
            KEY_VARIABLE: order["api_key"],
        },
        creationflags=NO_WINDOW,
        preexec_fn=_die_with_this(),  # noqa: PLW1509 - no other thread runs yet
    )

    def stop() -> None:
        process.kill()
        process.wait()

    end_with_parent(stop)
    url = _ready(process, order["api_key"])
    if url:
        _answer(reply, url, process.pid)
    status = process.wait()
    if status < 0 and sys.platform != "win32":
        signal.signal(-status, signal.SIG_DFL)
        os.kill(os.getpid(), -status)
    sys.exit(status)


def _die_with_this() -> Callable[[], None] | None:
    return die_with_parent if sys.platform == "linux" else None


def _ready(process: subprocess.Popen[bytes], api_key: str) -> str:
    """Return the program's address once its model is loaded; empty if the program exits first."""
    while process.poll() is None:
        url = _address(process.pid)
        if url and _is_healthy(url, api_key):
            return url
        time.sleep(POLL_SECONDS)
    return ""


def _address(pid: int) -> str:
    """Return the address the program listens on. The program chose the port itself."""
    try:
        connections = psutil.Process(pid).net_connections(kind="tcp4")
    except psutil.Error:
        return ""
    ports = [each.laddr.port for each in connections if each.status == psutil.CONN_LISTEN]
    return f"http://127.0.0.1:{ports[0]}" if ports else ""


def _is_healthy(url: str, api_key: str) -> bool:
    request = urllib.request.Request(f"{url}/health", headers={"Authorization": f"Bearer {api_key}"})  # noqa: S310
    try:
        with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(request, timeout=5) as answer:
            return bool(answer.status == 200)
    except (urllib.error.URLError, OSError):
        return False  # it is still loading the model


if __name__ == "__main__":
    main()
