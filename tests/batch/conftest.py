"""A hub in this process, in front of a stand-in for Ollama, and a project with files to work on."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from server.batch.plan import plan_each
from server.folders import find_folders
from server.hub import Hub
from server.offload.values import Caller
from server.settings import BackendSettings, Settings
from tests.standins.answers import Answer
from tests.standins.ollama import OllamaStandIn

NOTES = "# Notes\n\nThis file holds one function that returns a number.\n"


@dataclass(frozen=True)
class Desk:
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
async def desk(ollama_standin: OllamaStandIn, tmp_path: Path) -> AsyncIterator[Desk]:
    ollama_standin.answers.default = Answer(NOTES)
    project = tmp_path / "project"
    project.mkdir()
    settings = Settings(backend=BackendSettings(kind="ollama", url=ollama_standin.url))
    hub = Hub(settings, find_folders())
    await hub.start()
    yield Desk(hub, ollama_standin, project)
    await hub.close()
