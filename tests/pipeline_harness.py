"""A project folder and the real pipeline on a stand-in for Ollama, with a real history and ledger."""

from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from server.common.events import Event, EventBus
from server.config.folders import Folders, find_folders
from server.config.settings import Settings
from server.digests.compress.cache import DigestCache
from server.digests.compress.compress import Compressor
from server.digests.kept import KeptTexts
from server.engine.engine import Engine
from server.ledger.prices import load_prices
from server.ledger.receipt import Ledger
from server.offload.pipeline import Offloader
from server.offload.values import Caller, Outcome, Task
from server.store.history import History
from tests.new_database import copy_new_database
from tests.standins.ollama import OllamaStandIn


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """An empty project folder."""
    folder = tmp_path / "project"
    folder.mkdir()
    return folder


@pytest.fixture
def caller(project: Path) -> Caller:
    return Caller(client="tests", session="s1", project=project, roots=(project,))


@dataclass
class PipelineHarness:
    """The pipeline with its surroundings."""

    offloader: Offloader
    compressor: Compressor
    history: History
    engine: Engine
    caller: Caller
    settings: Settings
    ollama: OllamaStandIn
    events: list[Event] = field(default_factory=list)
    lines: list[str] = field(default_factory=list)

    async def run(self, text: str = "", **arguments: Any) -> Outcome:
        """Run one task and return its outcome."""
        return await self.offloader.run(Task(task=text, **arguments), self.caller, self.report)

    async def report(self, _done: float, _total: float | None, line: str) -> None:
        self.lines.append(line)


OpenPipeline = Callable[..., Awaitable[PipelineHarness]]


@pytest.fixture
async def open_pipeline(caller: Caller, ollama_standin: OllamaStandIn) -> AsyncIterator[OpenPipeline]:
    """Open pipelines with given settings; all are closed at the end."""
    opened_pipelines: list[PipelineHarness] = []

    async def opened(**settings: Any) -> PipelineHarness:
        pipeline = await make_pipeline(caller, ollama_standin, find_folders(), **settings)
        opened_pipelines.append(pipeline)
        return pipeline

    yield opened
    for pipeline in opened_pipelines:
        await pipeline.offloader.close()
        await pipeline.engine.close()
        await pipeline.history.close()


@pytest.fixture
async def pipeline(open_pipeline: OpenPipeline) -> PipelineHarness:
    """The pipeline with default settings."""
    return await open_pipeline()


async def make_pipeline(
    caller: Caller,
    ollama: OllamaStandIn,
    folders: Folders,
    history_type: type[History] = History,
    **settings: Any,
) -> PipelineHarness:
    """Compose the pipeline like the hub; the engine is the stand-in unless the settings name another."""
    folders.create()
    whole = Settings(**{"backend": {"kind": "ollama", "url": ollama.url}, **settings})
    bus = EventBus()
    copy_new_database(folders.database)
    history = await history_type.open(folders.database, whole.history.contents)
    engine = Engine(whole, folders, bus)
    ledger = Ledger(whole.ledger, load_prices(folders.prices_file), 800)
    offloader = Offloader(whole, engine, history, ledger, bus, folders)
    cache = DigestCache(folders.cache / "digests") if history.contents else None
    kept = KeptTexts(folders.kept_texts) if history.contents else None
    compressor = Compressor(offloader, engine, ledger, cache, kept, allow_losing=whole.offload.allow_losing)
    pipeline = PipelineHarness(offloader, compressor, history, engine, caller, whole, ollama)
    bus.subscribe(pipeline.events.append)
    return pipeline
