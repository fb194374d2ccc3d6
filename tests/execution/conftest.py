"""The sandbox of the tests of code checks."""

import sys

import pytest

from server.execution.sandbox.find import Sandbox, Sandboxes


@pytest.fixture(scope="session")
def sandboxes() -> Sandboxes:
    """The sandboxes, probed once for all tests."""
    return Sandboxes()


@pytest.fixture
async def sandbox(sandboxes: Sandboxes) -> Sandbox:
    """The sandbox for Python code."""
    if sys.platform != "linux":
        pytest.skip("needs a sandbox, which exists on Linux so far")
    found = await sandboxes.find("python")
    assert isinstance(found, Sandbox)
    return found


@pytest.fixture
async def command_sandbox(sandboxes: Sandboxes) -> Sandbox:
    """The sandbox for commands, in which other languages run."""
    if sys.platform != "linux":
        pytest.skip("needs a sandbox, which exists on Linux so far")
    found = await sandboxes.find("command")
    assert isinstance(found, Sandbox)
    return found
