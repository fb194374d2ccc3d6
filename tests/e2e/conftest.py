"""A real hub in front of a stand-in for Ollama."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.hub_process import HubProcess, start_hub
from tests.standins.ollama import OllamaStandIn


@dataclass(frozen=True)
class Stage:
    """The hub, the engine behind it, and a project for the client to work in."""

    hub: HubProcess
    ollama: OllamaStandIn
    project: Path


@pytest.fixture
def stage(tmp_path: Path) -> Iterator[Stage]:
    project = tmp_path / "project"
    project.mkdir()
    home = tmp_path / "home"
    with OllamaStandIn() as ollama, start_hub(home, TOKEN_SAVER_BACKEND__URL=ollama.url) as hub:
        yield Stage(hub, ollama, project)
