"""A real hub in its own process and folder, on a free port."""

import contextlib
import http.client
import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil

from server.bridge.discovery import HubInfo, read_hub_file, read_token, wait_for_hub
from tests.forks.program import start

START_SECONDS = 120.0
STOP_SECONDS = 60.0


@dataclass(frozen=True)
class HubProcess:
    """A running hub. ``environ`` lets bridges and commands find it."""

    process: "subprocess.Popen[bytes]"
    home: Path
    environ: dict[str, str]
    info: HubInfo

    @property
    def token(self) -> str:
        """The bearer token."""
        return read_token(str(self.home))

    @property
    def port(self) -> int:
        """The port on 127.0.0.1."""
        return self.info.address[1]

    def get(self, path: str) -> Any:
        """Return the JSON at ``path``, with the token."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=120)
        try:
            connection.request("GET", path, headers={"Authorization": f"Bearer {self.token}"})
            response = connection.getresponse()
            body = response.read()
        finally:
            connection.close()
        assert response.status == 200, (response.status, body)
        return json.loads(body)

    def stop(self) -> int:
        """End it as a session manager would, and return its exit status."""
        if os.name == "nt":
            self.process.send_signal(signal.CTRL_BREAK_EVENT)
        else:
            self.process.terminate()
        return self.process.wait(STOP_SECONDS)


def hub_environ(home: Path, **settings: str) -> dict[str, str]:
    """Return the environment of a hub in ``home``: the minimum that every program needs, and these settings.

    By default no engine is available: the address is dead and the search for others is off.
    """
    kept = {
        name: value
        for name, value in os.environ.items()
        if name
        in ("PATH", "PYTHONPATH", "HOME", "LANG", "SYSTEMROOT", "TEMP", "TMP", "TMPDIR", "VIRTUAL_ENV")
    }
    # Probing the sandbox takes two seconds a process; the tests of trial runs switch it on.
    unrun = {"TOKEN_SAVER_OFFLOAD__RUN_CODE": "false", "TOKEN_SAVER_OFFLOAD__LEAST_RIGHT_UNRUN": "0"}
    engine = {"TOKEN_SAVER_BACKEND__KIND": "ollama", "TOKEN_SAVER_BACKEND__URL": "http://127.0.0.1:9"}
    # A test's hub must not read the transcripts of this machine's own client.
    client = {"CLAUDE_CONFIG_DIR": str(home / "claude")}
    own = {"TOKEN_SAVER_HOME": str(home), "TOKEN_SAVER_PORT": "0"}
    return {**kept, **own, **unrun, **client, **engine, **settings}


@contextmanager
def start_hub(home: Path, program: tuple[str, ...] = (), **settings: str) -> Iterator[HubProcess]:
    """Run ``token-saver serve``, or another ``program`` of Python, within the ``with`` block."""
    environ = hub_environ(home, **settings)
    home.mkdir(parents=True, exist_ok=True)
    with (home / "output.log").open("wb") as output:
        if program:
            process = subprocess.Popen(
                [sys.executable, "-P", *program],
                env=environ,
                cwd=home,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                creationflags=subprocess.CREATE_NEW_PROCESS_GROUP if sys.platform == "win32" else 0,
            )
        else:
            process = start("serve", env=environ, cwd=home, stdout=output, stderr=output)
    try:
        info = wait_for_hub(str(home), process, START_SECONDS)
        assert info is not None, (home / "output.log").read_text(errors="replace")
        yield HubProcess(process, home, environ, info)
    finally:
        if process.poll() is None:
            process.terminate()
            try:
                process.wait(STOP_SECONDS)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def end_hub(home: Path) -> None:
    """End the hub that a bridge started in ``home``, and wait until it has ended."""
    info = read_hub_file(str(home))
    if info is None:
        return
    with contextlib.suppress(psutil.NoSuchProcess):
        process = psutil.Process(info.pid)
        process.terminate()
        process.wait(STOP_SECONDS)
