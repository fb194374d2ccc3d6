"""Tests of what each command loads before it answers."""

import subprocess
import sys

import pytest

HEAVY = ("httpx", "mcp", "nicegui", "numpy", "pydantic", "pydantic_settings", "sqlalchemy", "starlette")
LOADED = "import sys, tray.main; print(*sys.modules)"


@pytest.mark.fast
def test_a_command_that_needs_no_settings_loads_no_heavy_library() -> None:
    done = subprocess.run([sys.executable, "-P", "-c", LOADED], capture_output=True, text=True, check=True)
    loaded = set(done.stdout.split())
    assert "server.commands.app" in loaded
    assert not loaded & set(HEAVY)
