"""Sandboxes and users under test: each barrier of this system, as this user and as an ordinary one."""

import sys
import tempfile
import zlib
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.execution.sandbox.attack_time import EVERY_PAIR
from tests.execution.sandbox.surroundings import Surroundings, make_surroundings
from tests.execution.sandbox.users import Runner, readable_copy
from tests.system import require

BARRIERS = ("landlock", "bubblewrap")
USERS = ("this user", "nobody")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave each attack two of the four pairs of barrier and user, as ``attack_time`` says."""
    left_out = [] if EVERY_PAIR else [item for item in items if _is_for_the_long_form(item)]
    items[:] = [item for item in items if item not in left_out]
    config.hook.pytest_deselected(items=left_out)


def _is_for_the_long_form(item: pytest.Item) -> bool:
    params = dict(item.callspec.params) if hasattr(item, "callspec") else {}
    if not item.path.name.startswith("test_hostile_") or not {"barrier", "runner"} <= params.keys():
        return False
    pair = BARRIERS.index(params.pop("barrier")) + USERS.index(params.pop("runner"))
    return (pair + zlib.crc32(repr(sorted(params.items())).encode())) % 2 == 1  # the same in every process


@pytest.fixture(params=BARRIERS)
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


@pytest.fixture(params=USERS)
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
