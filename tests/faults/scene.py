"""Scene of the fault campaign: an engine, a hub started by bridges, a project, and clients."""

import contextlib
import json
import os
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil

from server.bridge.discovery import read_hub_file
from tests.bridge_client import BRIDGE, CLIENT, LEGACY
from tests.faults.engine import EngineProcess
from tests.faults.network import Network
from tests.hub_process import hub_environ

CALL_SECONDS = 120.0
SILENCE_SECONDS = 4
"""``[backend] silence_timeout`` of the scene's hub; short, because a silent engine blocks the campaign."""
CLOCK = Path(__file__).parent / "clock"
"""The folder that makes Python processes read their clock shift from a file."""


@dataclass(frozen=True)
class Reply:
    """A client's answer. ``lost``: it got none, because its bridge or the client was killed."""

    text: str = ""
    is_error: bool = False
    lost: bool = False

    @property
    def delivered(self) -> bool:
        """Whether the answer says that the work is done."""
        return not (self.lost or self.is_error or self.text.startswith("Handed back"))


@dataclass
class FaultScene:
    """Everything that faults can hit. ``bridges`` are the running processes."""

    home: Path
    project: Path
    engine: EngineProcess
    network: Network
    environ: dict[str, str]
    bridges: list["subprocess.Popen[bytes]"] = field(default_factory=list)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def call(self, tool: str, arguments: dict[str, Any]) -> Reply:
        """Start a bridge as a client does, call the tool, and end the bridge."""
        process = subprocess.Popen(
            BRIDGE,
            env=self.environ,
            cwd=self.project,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
        )
        with self.lock:
            self.bridges.append(process)
        watch = threading.Timer(CALL_SECONDS, process.kill)
        watch.start()
        try:
            return _converse(process, tool, arguments)
        except (OSError, ValueError):
            return Reply(lost=True)
        finally:
            watch.cancel()
            with self.lock:
                self.bridges.remove(process)
            _end(process)

    def hub(self) -> psutil.Process | None:
        """Return the running hub, None between two hubs."""
        info = read_hub_file(str(self.home))
        if info is None:
            return None
        with contextlib.suppress(psutil.NoSuchProcess):
            return psutil.Process(info.pid)
        return None


@contextmanager
def open_scene(folder: Path) -> Iterator[FaultScene]:
    """Provide the scene within the ``with`` block, and end the running hub after it."""
    home, project = folder / "home", folder / "project"
    home.mkdir(parents=True)
    project.mkdir()
    # Without the shipped limit of 30 calls a minute, which would refuse most calls.
    (home / "policy.yaml").write_text('version: "1"\ndefault: allow\ntools: {}\n')
    (home / "clock").write_text("+0")
    engine = EngineProcess()
    try:
        with Network(engine.port) as network:
            settings = {
                "TOKEN_SAVER_BACKEND__URL": f"http://127.0.0.1:{network.port}",
                "TOKEN_SAVER_BACKEND__SILENCE_TIMEOUT": str(SILENCE_SECONDS),
                "TOKEN_SAVER_ROOTS": json.dumps([str(project)]),
            }
            environ = {**hub_environ(home, **settings), **_clock(home)}
            scene = FaultScene(home, project, engine, network, environ)
            try:
                yield scene
            finally:
                hub = scene.hub()
                if hub is not None:
                    hub.terminate()
                    hub.wait(120)
    finally:
        engine.kill()


def _clock(home: Path) -> dict[str, str]:
    """Return the variables that make the hub's clock follow the file ``clock``."""
    path = os.pathsep.join(filter(None, (str(CLOCK), os.environ.get("PYTHONPATH"))))
    return {"PYTHONPATH": path, "TOKEN_SAVER_TEST_CLOCK": str(home / "clock")}


def _converse(process: "subprocess.Popen[bytes]", tool: str, arguments: dict[str, Any]) -> Reply:
    _send(process, 1, "initialize", {"protocolVersion": LEGACY, "capabilities": {}, "clientInfo": CLIENT})
    _receive(process, 1)
    _send(process, None, "notifications/initialized", {})
    _send(process, 2, "tools/call", {"name": tool, "arguments": arguments})
    answer = _receive(process, 2)
    if "error" in answer:
        return Reply(str(answer["error"]["message"]), is_error=True)
    result = answer["result"]
    return Reply(result["content"][0]["text"], bool(result.get("isError")))


def _send(
    process: "subprocess.Popen[bytes]", number: int | None, method: str, params: dict[str, Any]
) -> None:
    assert process.stdin is not None
    message = {"jsonrpc": "2.0", "method": method, "params": params}
    process.stdin.write(json.dumps(message if number is None else {**message, "id": number}).encode() + b"\n")
    process.stdin.flush()


def _receive(process: "subprocess.Popen[bytes]", number: int) -> dict[str, Any]:
    assert process.stdout is not None
    while line := process.stdout.readline():
        message: dict[str, Any] = json.loads(line)
        if message.get("id") == number and "method" not in message:
            return message
    raise OSError("the bridge is gone")


def _end(process: "subprocess.Popen[bytes]") -> None:
    for pipe in (process.stdin, process.stdout):
        assert pipe is not None
        with contextlib.suppress(OSError):
            pipe.close()
    try:
        process.wait(15)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
