"""Crowd of the campaign: 64 clients over HTTP, one of which floods the hub while the others wait.

All have the same name, as 64 windows of one program have, and a session each. ``measure`` compares the quiet
clients' waits with and without the flood, in turns, so that the machine's other load cancels out.
"""

import asyncio
import contextlib
import json
import random
import statistics
import threading
import time
from dataclasses import dataclass, field
from typing import Any

import httpx

from server.bridge import wire
from server.bridge.discovery import read_hub_file, read_token
from tests.bridge_client import MODERN
from tests.faults.campaign import Told
from tests.faults.engine import CROWD, value_file
from tests.faults.scene import CALL_SECONDS, FaultScene, Reply

CLIENTS = 64
FLOOD_CALLS = 64
"""Calls that the flooding client keeps open."""
PACE_SECONDS = 16.0
"""Mean pause of a quiet client between two calls."""
DRAIN_SECONDS = 3.0
PHASE_SECONDS = 10.0
LEAST_WAITS = 20
"""Answers without and with the flood from which their medians are compared."""
META = {
    wire.META_VERSION: MODERN,
    wire.META_CLIENT: {"name": "claude-code", "version": "1"},
    wire.META_CAPABILITIES: {},
}
GLOBS = [f"**/*{number}.py" for number in range(20)]


@dataclass
class Waits:
    """Seconds that the quiet clients waited, without and with the flood."""

    alone: list[float] = field(default_factory=list)
    flooded: list[float] = field(default_factory=list)

    @property
    def ratio(self) -> float | None:
        """The median wait during the flood by the one without it; None with too few answers."""
        if min(len(self.alone), len(self.flooded)) < LEAST_WAITS:
            return None
        return statistics.median(self.flooded) / statistics.median(self.alone)


class Crowd:
    """The clients, which work in a thread of their own within a ``with`` block."""

    def __init__(self, scene: FaultScene, told: Told, seed: int, clients: int = CLIENTS) -> None:
        self.waits = Waits()
        self._scene = scene
        self._told = told
        self._seed = seed
        self._quiet = clients - 1
        self._over = threading.Event()
        self._flooding = threading.Event()
        self._flooding.set()
        self._kept: list[float] = []
        self._failed: list[BaseException] = []
        self._thread = threading.Thread(target=self._run)

    def __enter__(self) -> "Crowd":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()
        if self._failed:
            raise self._failed[0]

    def measure(self, turns: int, seconds: float = PHASE_SECONDS) -> None:
        """Measure the waits without the flood and with it, this many times in turns."""
        for _ in range(turns):
            for flooding, waits in ((False, self.waits.alone), (True, self.waits.flooded)):
                (self._flooding.set if flooding else self._flooding.clear)()
                time.sleep(DRAIN_SECONDS)
                self._kept.clear()
                time.sleep(seconds)
                waits.extend(self._kept)

    def _run(self) -> None:
        try:
            asyncio.run(self._work())
        except BaseException as error:  # noqa: BLE001 - raised again at the end of the with block
            self._failed.append(error)

    async def _work(self) -> None:
        limits = httpx.Limits(max_connections=None, max_keepalive_connections=0)
        async with httpx.AsyncClient(timeout=CALL_SECONDS, trust_env=False, limits=limits) as http:
            flood = [self._flood(http, number) for number in range(FLOOD_CALLS)]
            await asyncio.gather(*flood, *(self._wait_in_turn(http, index) for index in range(self._quiet)))

    async def _wait_in_turn(self, http: httpx.AsyncClient, index: int) -> None:
        """Be a quiet client: write a file, pause, and so on."""
        chance = random.Random(self._seed * 1000 + index)
        await self._pause(chance.uniform(0, PACE_SECONDS))
        count = 0
        while not self._over.is_set():
            count += 1
            number = (1000 + index) * 1_000_000 + count
            name = f"q{number}.py"
            self._told.possible[name] = {None, value_file(number)}
            began = time.monotonic()
            task = f"{CROWD} Write a module that holds the value {number}."
            reply = await self._call(http, f"quiet-{index}", {"task": task, "output": name})
            if reply.delivered:
                self._told.promised[name] = value_file(number)
                self._kept.append(time.monotonic() - began)
            self._count("quiet client", reply)
            await self._pause(chance.uniform(0, 2 * PACE_SECONDS))

    async def _flood(self, http: httpx.AsyncClient, number: int) -> None:
        """Be one of the flooding client's calls, with searches and large texts among them."""
        chance = random.Random(self._seed * 7919 + number)
        while not self._over.is_set():
            if not self._flooding.is_set():
                await self._pause(0.1)
                continue
            arguments: dict[str, Any] = {"task": f"{CROWD} What does it do?", "output_format": "explanation"}
            kind = chance.random()
            if kind < 0.1:
                arguments["files"] = GLOBS
            elif kind < 0.15:
                arguments["context"] = "word " * 100_000
            reply = await self._call(http, "flood", arguments)
            self._count("flooding client", reply)
            await self._pause(0.5 if reply.lost or reply.is_error else 0)

    async def _pause(self, seconds: float) -> None:
        deadline = time.monotonic() + seconds
        while not self._over.is_set() and (left := deadline - time.monotonic()) > 0:
            await asyncio.sleep(min(left, 0.2))

    async def _call(self, http: httpx.AsyncClient, session: str, arguments: dict[str, Any]) -> Reply:
        info = read_hub_file(str(self._scene.home))
        if info is None:
            return Reply(lost=True)
        headers = {
            **wire.JSON_HEADERS,
            wire.AUTHORIZATION: wire.bearer(read_token(str(self._scene.home))),
            wire.PROTOCOL_VERSION: MODERN,
            wire.METHOD: "tools/call",
            wire.NAME: "offload_work",
            wire.CLIENT_SESSION: session,
        }
        params = {"name": "offload_work", "arguments": arguments, "_meta": META}
        body = {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": params}
        try:
            answer = await http.post(f"{info.url}{wire.MCP_PATH}", json=body, headers=headers)
            return _reply(answer)
        except (httpx.HTTPError, OSError, ValueError):
            return Reply(lost=True)

    def _count(self, who: str, reply: Reply) -> None:
        outcome = "lost" if reply.lost else "error" if reply.is_error else "answered"
        self._told.calls[f"{who}: {outcome}"] += 1
        if reply.is_error:
            self._told.errors[reply.text.partition(":")[0][:60]] += 1


def _reply(answer: httpx.Response) -> Reply:
    """Return the reply in a response, which is JSON or a stream whose last event is the answer."""
    if answer.status_code >= 500:
        return Reply(lost=True)
    text = answer.text.rpartition("data: ")[2] or answer.text
    message = json.loads(text)
    if "error" in message:
        return Reply(str(message["error"]["message"]), is_error=True)
    result = message["result"]
    with contextlib.suppress(KeyError, IndexError):
        return Reply(str(result["content"][0]["text"]), bool(result.get("isError")))
    return Reply(json.dumps(result), is_error=True)
