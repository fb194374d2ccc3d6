"""A hub in this process, in front of a stand-in for Ollama, and a project with files to work on."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from server.batch.plan import plan_each
from server.config.sections import BackendSettings
from server.config.settings import Settings
from server.hub import Hub
from server.offload.values import Caller
from tests.hub_in_process import running_hub
from tests.standins.answers import Answer
from tests.standins.ollama import OllamaStandIn

NOTES = "# Notes\n\nThis file holds one function that returns a number.\n"
LONG = 200.0
ENDLESS = Answer(NOTES, first_delay=600)
"""Keeps a batch from ending while a test looks at it, however slow the machine is."""


@dataclass(frozen=True)
class HubHarness:
    """The hub, its engine and a project."""

    hub: Hub
    ollama: OllamaStandIn
    project: Path

    @property
    def caller(self) -> Caller:
        """A client whose project it is."""
        return Caller("test", "session", self.project, (self.project,))

    def write_files(self, count: int) -> list[str]:
        """Write this many small sources and return their paths."""
        names = [f"mod_{number:03}.py" for number in range(count)]
        for number, name in enumerate(names):
            (self.project / name).write_text(f"def value_{number}():\n    return {number}\n")
        return names

    async def notes_on(self, names: list[str]) -> str:
        """Start a batch that writes notes beside each file; return the job's id."""
        planned = plan_each("Write notes on this file.", names, "{dir}/{stem}.md", {}, cap=1000)
        return await self.hub.batches.submit(planned, self.caller)


@pytest.fixture
async def harness(ollama_standin: OllamaStandIn, tmp_path: Path) -> AsyncIterator[HubHarness]:
    ollama_standin.answers.default = Answer(NOTES)
    project = tmp_path / "project"
    project.mkdir()
    settings = Settings(backend=BackendSettings(kind="ollama", url=ollama_standin.url))
    async with running_hub(settings) as hub:
        yield HubHarness(hub, ollama_standin, project)


async def end(harness: HubHarness, job_id: str) -> dict[str, int]:
    """Return how many items are in each state, once the batch has ended."""
    assert await harness.hub.batches.wait(job_id, LONG), "the batch did not end in time"
    return (await harness.hub.batches.counts(job_id)).by_state


async def some_ended(harness: HubHarness, job_id: str, more_than: int = 0) -> None:
    """Return when more items than these have ended, or all."""
    counts = await harness.hub.batches.counts(job_id)
    while counts.ended <= more_than and counts.ended < counts.total:
        await asyncio.sleep(0.005)
        counts = await harness.hub.batches.counts(job_id)
