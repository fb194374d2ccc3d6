"""Attacks of the campaign: files that the model writes, whose check tries to leave the sandbox."""

import contextlib
import json
import os
import random
import socket
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import psutil

from tests.escapes import ESCAPES, PRIVATE, script_of
from tests.faults.campaign import Told
from tests.faults.scene import SECRET, FaultScene

CHECK = "attack"
PAUSE_SECONDS = (0.5, 3.0)


class Attacker:
    """A client that asks for one attack after the other within a ``with`` block, each way once before any
    repeats."""

    def __init__(
        self, scene: FaultScene, told: Told, seed: int, ways: Sequence[str] = tuple(ESCAPES)
    ) -> None:
        self.breaches: list[str] = []
        self._scene = scene
        self._told = told
        self._chance = random.Random(seed)
        self._ways = tuple(ways)
        self._over = threading.Event()
        self._failed: list[BaseException] = []
        self._thread = threading.Thread(target=self._run)
        self._marker = f"token-saver-escape-{os.getpid()}-{seed}"
        self._closing = contextlib.ExitStack()

    def __enter__(self) -> "Attacker":
        self._listeners = self._closing.enter_context(_listening(self._scene.home.parent / "u"))
        for number, way in enumerate(ESCAPES):
            script = script_of(
                way,
                project=self._scene.project,
                state=self._scene.home,
                home=Path.home(),
                pid=os.getpid(),
                port=self._listeners[0].getsockname()[1],
                socket=self._scene.home.parent / "u",
                marker=self._marker,
            )
            (self._scene.attacks / f"{number}.txt").write_text(script)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()
        with self._closing:
            self.breaches += self._traces()
        if self._failed:
            raise self._failed[0]

    def every_way_once(self) -> None:
        """Make each attack once, in the calling thread."""
        for way in self._ways:
            self._attack(way)

    def _run(self) -> None:
        try:
            coming: list[str] = []
            while not self._over.wait(self._chance.uniform(*PAUSE_SECONDS)):
                coming = coming or self._chance.sample(self._ways, len(self._ways))
                self._attack(coming.pop())
        except BaseException as error:  # noqa: BLE001 - raised again at the end of the with block
            self._failed.append(error)

    def _attack(self, way: str) -> None:
        number = list(ESCAPES).index(way)
        name = f"attack{number}.txt"
        self._told.possible[name] = {None}
        task = f"Write attack number {number}."
        arguments = {"task": task, "output": name, "output_format": "raw", "check": CHECK}
        reply = self._scene.call("offload_work", arguments)
        outcome = "lost" if reply.lost else "error" if reply.is_error else "handed back"
        self._told.calls[f"attack from a check: {outcome}"] += 1
        if "Exit status" in reply.text or "check attack" in reply.text:
            self._told.attacks[way] += 1
        if reply.delivered:
            self.breaches.append(f"{way}: its check passed: {reply.text}")
        if SECRET in reply.text or ("escaped" in reply.text and way not in PRIVATE):
            self.breaches.append(f"{way}: {reply.text}")

    def _traces(self) -> Iterator[str]:
        """Yield what attacks left outside of the sandbox."""
        for listener in self._listeners:
            with contextlib.suppress(BlockingIOError):
                listener.recv(1) if listener.type == socket.SOCK_DGRAM else listener.accept()
                yield f"something reached {listener}"
        hooks = list((self._scene.project / ".git" / "hooks").iterdir())
        if hooks or self._marker in (self._scene.project / ".git" / "config").read_text():
            yield f"git's folder was changed: {hooks}"
        if json.loads((self._scene.project / ".claude" / "settings.json").read_text()) != {}:
            yield "an agent's settings were changed"
        names = [folder / "token-saver-escape" for folder in (Path.home(), Path("/tmp"), Path("/dev/shm"))]
        for place in (*names, self._scene.project.parent / "escape"):
            if place.exists():
                yield f"{place} was written"
        for process in psutil.process_iter(["cmdline"]):
            if self._marker in (process.info["cmdline"] or []):
                yield f"process {process.pid} was left behind"


@contextmanager
def _listening(path: Path) -> Iterator[tuple[socket.socket, ...]]:
    """Provide a TCP, a UDP and a unix socket that nothing should reach."""
    with (
        socket.create_server(("127.0.0.1", 0)) as tcp,
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as udp,
        socket.socket(socket.AF_UNIX) as unix,
    ):
        udp.bind(tcp.getsockname())
        unix.bind(str(path))
        unix.listen()
        for each in (tcp, udp, unix):
            each.setblocking(False)
        yield tcp, udp, unix
