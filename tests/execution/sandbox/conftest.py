"""Sandboxes and users under test: each barrier of this system, as this user and as an ordinary one."""

import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.execution.sandbox.surroundings import Surroundings, make_surroundings
from tests.execution.sandbox.users import Runner, readable_copy
from tests.system import require


@pytest.fixture(params=["landlock", "bubblewrap"])
def barrier(request: pytest.FixtureRequest) -> str:
    """The barrier under test."""
    if sys.platform != "linux":
        pytest.skip("Landlock and bubblewrap exist only on Linux")
    if request.param == "bubblewrap":
        require("bwrap")
    name: str = request.param
    return name


@pytest.fixture(scope="session")
def public_copy() -> Iterator[Path]:
    """A copy of the sandbox's code that every user may read."""
    with tempfile.TemporaryDirectory(prefix="token-saver-test-") as folder:
        yield readable_copy(Path(folder))


@pytest.fixture(params=["this user", "nobody"])
def runner(request: pytest.FixtureRequest) -> Iterator[Runner]:
    """Runs jobs as one user: root and an ordinary user if the tests run as root."""
    with tempfile.TemporaryDirectory(prefix="token-saver-test-") as temporary:
        Path(temporary).chmod(0o777)
        copy = request.getfixturevalue("public_copy") if request.param == "nobody" else Path()
        yield Runner(request.param, copy, Path(temporary))


@pytest.fixture
def surroundings() -> Iterator[Surroundings]:
    """A developer's machine in small."""
    with make_surroundings() as made:
        yield made
