"""Fixtures: a policy gate over a real database in a temporary folder."""

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from server.common.events import Event, EventBus
from server.config.folders import Folders
from server.policy.approvals import Approvals
from server.policy.gate import Gate
from server.policy.rules.policy_file import PolicyFile
from server.policy.trail import Trail
from server.store.database import open_database
from tests.new_database import copy_new_database


class Clock:
    """A clock that stands still until it is set."""

    def __init__(self, now: float = 1_800_000_000.0) -> None:
        self.now = now

    def __call__(self) -> float:
        return self.now


class GateHarness:
    """A folder with the app's state; ``gate`` opens it as the app does at its start."""

    def __init__(self, root: Path) -> None:
        self.folders = Folders(config=root, data=root, state=root, cache=root / "cache")
        self.clock = Clock()
        self.events: list[Event] = []

    @property
    def head_file(self) -> Path:
        return self.folders.state / "trail.head"

    def write_policy(self, text: str) -> None:
        self.folders.policy_file.write_text(text, encoding="utf-8")

    @asynccontextmanager
    async def gate(self) -> AsyncIterator[Gate]:
        copy_new_database(self.folders.database)
        database = await asyncio.to_thread(open_database, self.folders.database)
        bus = EventBus()
        bus.subscribe(self.events.append)
        trail = Trail(database, self.head_file)
        gate = Gate(PolicyFile(self.folders, bus), Approvals(bus), trail, database, self.clock)
        try:
            await trail.open()
            yield gate
        finally:
            await gate.close()
            await trail.close()
            await database.close()


@pytest.fixture
def harness(tmp_path: Path) -> GateHarness:
    return GateHarness(tmp_path)


Run = Callable[[Coroutine[Any, Any, Any]], Any]


@pytest.fixture
def run() -> Run:
    return asyncio.run
