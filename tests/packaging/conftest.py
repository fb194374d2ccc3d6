"""Wheels and pins that the tests of updates install."""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.packaging.releases import wheels_by_version
from tests.system import require


@pytest.fixture(scope="module")
def wheels(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Wheels of this tree by version."""
    require("uv")
    return wheels_by_version(tmp_path_factory.mktemp("wheels"))


@pytest.fixture(scope="module")
def constraints(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The versions of this environment, so that nothing newer is downloaded."""
    path = tmp_path_factory.mktemp("constraints") / "constraints.txt"
    frozen = ["uv", "pip", "freeze", "--python", sys.executable, "--exclude-editable"]
    path.write_text(subprocess.run(frozen, capture_output=True, text=True, check=True).stdout)
    return path
