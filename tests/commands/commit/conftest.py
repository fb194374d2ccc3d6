"""One hub per test module, and a new repository per test."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.commands.commit.repo import Engine, Repo
from tests.hub_process import start_hub
from tests.standins.ollama import OllamaStandIn

NO_LIMIT = 'version: "1"\ndefault: allow\ntools: {}\n'
"""The default policy allows 30 tasks a minute; a fast machine runs more tests."""


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Engine]:
    home = tmp_path_factory.mktemp("hub")
    (home / "policy.yaml").write_text(NO_LIMIT)
    with OllamaStandIn() as ollama, start_hub(home, TOKEN_SAVER_BACKEND__URL=ollama.url) as hub:
        yield Engine(hub, ollama)


@pytest.fixture
def engine(running: Engine) -> Engine:
    running.say("Change something")
    return running


@pytest.fixture
def repo(engine: Engine, tmp_path: Path) -> Repo:
    return Repo(tmp_path / "project", engine.hub.environ)
