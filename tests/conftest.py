"""What every test gets: folders of its own, and stand-ins for engines on request."""

import importlib.util
import os
import shutil
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

from tests.hub_process import HubProcess, start_hub
from tests.standins.ollama import OllamaStandIn
from tests.standins.openai import OpenAIStandIn

pytest_plugins = ("tests.engine_models", "tests.pipeline_harness")

HEAVY = ("axe_playwright_python", "claude_agent_sdk", "playwright")


def _install_heavy() -> None:
    """Install the group ``e2e`` where it is missing: half a gigabyte that the app does without."""
    uv = os.environ.get("UV") or shutil.which("uv")
    if uv is None or all(importlib.util.find_spec(name) for name in HEAVY):
        return
    # Offline this fails and says so; the tests that need it then fail, and no others.
    project = Path(__file__).parents[1]
    subprocess.run([uv, "sync", "--quiet", "--inexact", "--group", "e2e"], cwd=project, check=False)
    importlib.invalidate_caches()


# A shell lets what it runs in the background ignore Ctrl-C, and every child would inherit that: a test that
# interrupts a command would wait for ever.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

# An example that takes long says that the machine is busy, and nothing of the code.
settings.register_profile("busy machine", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("busy machine")

# Here and not in a hook: `pytest tests/dashboard` imports that folder's conftest before any hook runs.
_install_heavy()


@pytest.fixture(autouse=True)
def token_saver_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Keep the app's files of one test apart from the user's and from other tests'."""
    home = tmp_path / "token-saver-home"
    monkeypatch.setenv("TOKEN_SAVER_HOME", str(home))
    for variable in ("OLLAMA_HOST", "OLLAMA_NUM_PARALLEL"):
        monkeypatch.delenv(variable, raising=False)
    return home


@pytest.fixture(scope="session")
def hub(tmp_path_factory: pytest.TempPathFactory) -> Iterator[HubProcess]:
    """One hub without an engine, shared by the tests of the hub's outside."""
    with start_hub(tmp_path_factory.mktemp("hub")) as running:
        yield running


@pytest.fixture
def anyio_backend() -> str:
    """Run tests marked ``anyio`` in asyncio's event loop, which the app uses."""
    return "asyncio"


@pytest.fixture
def ollama_standin() -> Iterator[OllamaStandIn]:
    """A server that answers as Ollama does, with one model, ``qwen2.5-coder:0.5b``."""
    with OllamaStandIn() as standin:
        yield standin


@pytest.fixture
def openai_standin() -> Iterator[OpenAIStandIn]:
    """A server that answers as llama-server does, with one model, ``qwen2.5-coder-1.5b``."""
    with OpenAIStandIn("llama-server") as standin:
        yield standin
