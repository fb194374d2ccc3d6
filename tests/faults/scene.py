"""Scene of the fault campaign: an engine, a hub started by bridges, a project, and clients."""

import contextlib
import json
import shutil
import subprocess
import sys
import sysconfig
import threading
import venv
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil

from server.bridge.discovery import read_hub_file
from tests.bridge_client import CLIENT, LEGACY
from tests.faults.engine import EngineProcess
from tests.faults.network import Network
from tests.hub_process import hub_environ

CALL_SECONDS = 120.0
SILENCE_SECONDS = 4
"""``[backend] silence_timeout`` of the scene's hub; short, because a silent engine blocks the campaign."""
SECRET = "secret-of-another-project"
CLOCK = Path(__file__).parent / "clock"
"""The folder that makes Python processes read their clock shift from a file."""
CONFIG = f"""
[checks]
attack = '"{Path(sys.executable).resolve()}" {{file}}'

[offload]
check_sandbox = "always"
repair_rounds = 0
"""
"""The check runs what the model wrote. Answers of the stand-in need no repair."""


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
    """Everything that faults can hit. ``bridges`` are the running processes; ``attacks`` has what the engine
    answers to a task that asks for an attack."""

    home: Path
    project: Path
    attacks: Path
    engine: EngineProcess
    network: Network
    environ: dict[str, str]
    python: str
    bridges: list["subprocess.Popen[bytes]"] = field(default_factory=list)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def call(self, tool: str, arguments: dict[str, Any]) -> Reply:
        """Start a bridge as a client does, call the tool, and end the bridge."""
        process = subprocess.Popen(
            [self.python, "-P", "-m", "server.bridge"],
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
    attacks = folder / "attacks"
    for each in (home, attacks, folder / "other", project / ".git" / "hooks", project / ".claude"):
        each.mkdir(parents=True)
    (folder / "other" / ".env").write_text(f"KEY={SECRET}\n")
    (project / ".git" / "config").write_text("[core]\n")
    (project / ".claude" / "settings.json").write_text("{}")
    (home / "config.toml").write_text(CONFIG)
    # Without the shipped limit of 30 calls a minute, which would refuse most calls.
    (home / "policy.yaml").write_text('version: "1"\ndefault: allow\ntools: {}\n')
    (home / "clock").write_text("+0")
    engine = EngineProcess(attacks)
    try:
        with Network(engine.port) as network:
            settings = {
                "TOKEN_SAVER_BACKEND__URL": f"http://127.0.0.1:{network.port}",
                "TOKEN_SAVER_BACKEND__SILENCE_TIMEOUT": str(SILENCE_SECONDS),
                "TOKEN_SAVER_ROOTS": json.dumps([str(project)]),
            }
            environ = {**hub_environ(home, **settings), "TOKEN_SAVER_TEST_CLOCK": str(home / "clock")}
            python = _python(folder / "python")
            scene = FaultScene(home, project, attacks, engine, network, environ, python)
            try:
                yield scene
            finally:
                hub = scene.hub()
                if hub is not None:
                    hub.terminate()
                    hub.wait(120)
    finally:
        engine.kill()


def _python(folder: Path) -> str:
    """Make an environment whose Python takes its clock from the file ``clock``, and return that Python.

    A bridge hands few variables to the hub that it starts, so that the clock cannot come by PYTHONPATH.
    """
    venv.create(folder, symlinks=True)
    packages = Path(sysconfig.get_path("purelib", vars={"base": str(folder)}))
    root = Path(__file__).parents[2]
    (packages / "scene.pth").write_text(f"{root}\n{sysconfig.get_path('purelib')}\n")
    shutil.copy(CLOCK / "sitecustomize.py", packages)
    return str(folder / "bin" / "python")


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
