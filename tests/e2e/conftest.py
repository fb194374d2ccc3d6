"""Fixtures: a real hub in front of a stand-in for Ollama."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.hub_process import HubProcess, start_hub
from tests.standins.answers import Answers
from tests.standins.ollama import CODER, OllamaStandIn, StandInModel


@dataclass(frozen=True)
class ClientHarness:
    """The hub, the engine behind it, and a project for the client to work in."""

    hub: HubProcess
    ollama: OllamaStandIn
    project: Path


@pytest.fixture(scope="session")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[HubProcess, OllamaStandIn]]:
    home = tmp_path_factory.mktemp("hub-with-engine")
    with OllamaStandIn() as ollama, start_hub(home, TOKEN_SAVER_BACKEND__URL=ollama.url) as hub:
        yield hub, ollama


@pytest.fixture
def stage(running: tuple[HubProcess, OllamaStandIn], tmp_path: Path) -> ClientHarness:
    """A hub shared by all tests, with a new engine and project; tests leave the hub running."""
    hub, ollama = running
    ollama.answers = Answers()
    ollama.requests.clear()
    ollama.models = {CODER: StandInModel()}
    ollama.loaded.clear()
    project = tmp_path / "project"
    project.mkdir()
    return ClientHarness(hub, ollama, project)


@pytest.fixture
def own_stage(tmp_path: Path) -> Iterator[ClientHarness]:
    """A hub for one test, which may stop or change it."""
    project = tmp_path / "project"
    project.mkdir()
    home = tmp_path / "home"
    with OllamaStandIn() as ollama, start_hub(home, TOKEN_SAVER_BACKEND__URL=ollama.url) as hub:
        yield ClientHarness(hub, ollama, project)
