"""Fixtures of every test: its own folders, and stand-ins for engines on request."""

import dataclasses
import gc
import itertools
import json
import os
import re
import signal
import sys
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest
from hypothesis import HealthCheck, settings
from pydantic import BaseModel

from tests.compiled_tests import compile_tests
from tests.forks.program import allow_forks
from tests.heavy_packages import install_now, install_on_import
from tests.hub_process import HubProcess, start_hub
from tests.standins.ollama import OllamaStandIn
from tests.standins.openai import OpenAIStandIn

install_on_import()
allow_forks()
gc.disable()  # until all tests are collected: imports leave nothing to free

pytest_plugins = ("tests.engine_models", "tests.pipeline_harness", "tests.slow_files")

# A shell makes background programs ignore Ctrl-C, and their children inherit that: a test that interrupts a
# command would wait forever.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

# The suite starts the program hundreds of times. Without compiled modules, each start compiles them again.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
sys.dont_write_bytecode = False

# A slow example shows that the machine is busy; it says nothing about the code.
settings.register_profile(
    "busy machine",
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
    max_examples=int(os.environ.get("TOKEN_SAVER_TEST_EXAMPLES", "40")),
)
settings.load_profile("busy machine")

FAST = "fast"
LONG_TEXT = 50
"""Length from which a text is shortened to its words in a parameter id, characters."""
MOST_WORDS = 6
"""Words of a generated parameter id."""
WORKERS_PER_CORE = 4
"""More than one, because many tests wait for a process or a clock."""
WORKER_BYTES = 3 << 29
"""Memory for a worker with a hub and a browser."""


def pytest_xdist_auto_num_workers(config: pytest.Config) -> int:
    """Run the whole suite and the fast group in parallel, and a few named tests in this process."""
    if config.option.markexpr == FAST:
        return _cores()  # nothing waits there, and each worker imports the app anew
    fitting = psutil.virtual_memory().available // WORKER_BYTES
    return max(2, min(_cores() * WORKERS_PER_CORE, fitting)) if _is_whole(config) else 0


def pytest_xdist_setupnodes(config: pytest.Config) -> None:
    """Install and compile what the workers import, once and before they start."""
    if config.option.markexpr != FAST:
        install_now()
        if _is_whole(config):
            compile_tests(_cores())
    gc.enable()  # this process collects no tests


def pytest_collection_finish() -> None:
    """Free memory again, but never look at modules and tests, which stay to the end."""
    gc.freeze()
    gc.enable()


def pytest_make_parametrize_id(val: object) -> str | None:
    """Name collections and long texts by the words in them; pytest would write ``arguments3``."""
    if isinstance(val, str) and (len(val) > LONG_TEXT or not val.isprintable()):
        text = val
    elif isinstance(val, list | tuple | dict):
        text = json.dumps(val, default=lambda each: type(each).__name__)
    else:
        return type(val).__name__ if dataclasses.is_dataclass(val) or isinstance(val, BaseModel) else None
    return "_".join(re.findall(r"[A-Za-z]{2,}", text)[:MOST_WORDS]) or "empty"


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """With ``-m fast``, import only the modules that contain a fast test."""
    if config.option.markexpr != FAST or not collection_path.name.startswith("test_"):
        return None
    return f"pytest.mark.{FAST}" not in collection_path.read_text(encoding="utf-8") or None


def _is_whole(config: pytest.Config) -> bool:
    return bool(config.args == config.getini("testpaths"))


def _cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


@pytest.fixture(autouse=True)
def token_saver_home(homes: Iterator[Path], monkeypatch: pytest.MonkeyPatch) -> Path:
    """Keep the app's files of a test apart from the user's and other tests' files."""
    home = next(homes)
    monkeypatch.setenv("TOKEN_SAVER_HOME", str(home))
    # Probing the sandbox takes two seconds a process; the tests of trial runs switch it on.
    monkeypatch.setenv("TOKEN_SAVER_OFFLOAD__RUN_CODE", "false")
    # Some stand-ins have the name of a real model that was measured to get unrun code wrong.
    monkeypatch.setenv("TOKEN_SAVER_OFFLOAD__LEAST_RIGHT_UNRUN", "0")
    for variable in ("OLLAMA_HOST", "OLLAMA_NUM_PARALLEL"):
        monkeypatch.delenv(variable, raising=False)
    for variable in ("OLLAMA_MODELS", "LLAMA_CACHE", "HF_HUB_CACHE"):
        monkeypatch.setenv(variable, str(home / "no-cache"))  # the user's own models stay out of tests
    return home


@pytest.fixture(scope="session")
def homes(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Names of folders for the app. Most tests need none, and making one takes longer than a small test."""
    folder = tmp_path_factory.mktemp("homes")
    return (folder / f"token-saver-home-{number}" for number in itertools.count())


@pytest.fixture(scope="session")
def hub(tmp_path_factory: pytest.TempPathFactory) -> Iterator[HubProcess]:
    """A hub without an engine, shared by the tests that use it from outside."""
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
