"""Tests with the client of fastmcp over HTTP: it declares its roots, and the app asks for them."""

import functools
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.hub_process import HubProcess

FASTMCP = "fastmcp==4.2.3"
SECONDS = 240
PROGRAM = """
import asyncio, json, sys
from fastmcp import Client
from fastmcp.client.transports import StreamableHttpTransport

url, token, mode, root = sys.argv[1:]

async def call(client, file):
    arguments = {"task": "Say what it says.", "files": [file]}
    result = await client.call_tool("offload_work", arguments, raise_on_error=False)
    return result.content[0].text

async def main():
    transport = StreamableHttpTransport(url, headers={"Authorization": f"Bearer {token}"})
    async with Client(transport, mode=mode, roots=[f"file://{root}"]) as client:
        texts = [await call(client, "a.py"), await call(client, "/etc/hostname")]
        try:
            await client.get_prompt("nope")
        except Exception as error:
            texts.append(str(error))
    print(json.dumps(texts))

asyncio.run(main())
"""


@pytest.mark.parametrize("mode", ["legacy", "2026-07-28", "auto"])
def test_the_roots_of_fastmcps_client_are_its_project(hub: HubProcess, tmp_path: Path, mode: str) -> None:
    (tmp_path / "a.py").write_text("x = 1\n")
    arguments = (f"{hub.info.url}/mcp", hub.token, mode, str(tmp_path))
    inside, outside, prompt = json.loads(run(PROGRAM, *arguments))
    # The file was found and read, so only the engine is missing.
    assert inside.startswith("backend_unreachable: "), inside
    assert outside.startswith("path_outside_roots: "), outside
    assert "nope" in prompt


def run(program: str, *arguments: str) -> str:
    """Run a program with fastmcp; skip the test if fastmcp cannot be installed."""
    command = python_with_fastmcp()
    done = subprocess.run(
        [*command, program, *arguments], capture_output=True, text=True, timeout=SECONDS, check=False
    )
    assert done.returncode == 0, done.stderr[-2000:]
    return done.stdout.splitlines()[-1]


@functools.cache
def python_with_fastmcp() -> tuple[str, ...]:
    """Return the command that runs a program in an environment with fastmcp."""
    uv = os.environ.get("UV") or shutil.which("uv")
    if uv is None:
        pytest.skip("fastmcp needs uv")
    command = (
        uv,
        "run",
        "--quiet",
        "--no-project",
        "--python",
        sys.executable,
        "--with",
        FASTMCP,
        "python",
        "-c",
    )
    present = subprocess.run(
        [*command, "import fastmcp"], capture_output=True, text=True, timeout=SECONDS, check=False
    )
    if present.returncode != 0:
        pytest.skip(f"{FASTMCP} cannot be installed here: {present.stderr[-200:]}")
    return command
