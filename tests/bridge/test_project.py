"""Tests of the folders that a client may use: its own, those of a variable and its MCP roots."""

import os
from pathlib import Path

import pytest

from tests.bridge_client import BRIDGE, RawClient
from tests.hub_process import HubProcess

NOWHERE = [Path("/"), Path.home(), Path.home().parent]


@pytest.mark.parametrize("folder", NOWHERE, ids=["root", "home", "above the home"])
def test_a_client_started_outside_projects_can_read_nothing(
    hub: HubProcess, folder: Path, tmp_path: Path
) -> None:
    missing = str(folder / "no such file 7283")
    with RawClient(hub.environ, folder) as client:
        assert first_answer(client, missing, []).startswith("path_outside_roots: ")
    # Neither the variable nor the client's roots allow it.
    with RawClient({**hub.environ, "CLAUDE_PROJECT_DIR": str(folder)}, tmp_path) as client:
        answer = first_answer(client, missing, [str(folder)])
        assert answer.startswith("path_outside_roots: ")
        assert "roots" in answer


def test_the_project_comes_from_variable_or_folder_and_roots_add_to_it(
    hub: HubProcess, tmp_path: Path
) -> None:
    current, named, root = (tmp_path / name for name in ("current", "größer 1", "root"))
    for folder in (current, named, root):
        folder.mkdir()

    def opened(environ: dict[str, str], cwd: Path) -> list[str]:
        found = []
        for folder in (current, named, root):
            with RawClient(environ, cwd) as client:
                # A path inside is looked up and missing; a path outside is not looked up.
                answer = first_answer(client, str(folder / "missing"), [str(root)])
                found += [folder.name] if not answer.startswith("path_outside_roots: ") else []
        return found

    assert opened(hub.environ, current) == ["current", "root"]
    assert opened({**hub.environ, "CLAUDE_PROJECT_DIR": str(named)}, current) == ["größer 1", "root"]


@pytest.mark.skipif(os.name == "nt", reason="Windows keeps a folder that is in use")
def test_a_removed_folder_is_not_a_project(hub: HubProcess, tmp_path: Path) -> None:
    folder = tmp_path / "removed"
    folder.mkdir()
    command = ["sh", "-c", 'rmdir "$PWD" && exec "$@"', "sh", *BRIDGE]
    with RawClient(hub.environ, folder, command) as client:
        assert first_answer(client, "file", []).startswith("path_outside_roots: ")
    assert not folder.exists()


def first_answer(client: RawClient, file: str, roots: list[str]) -> str:
    """Call a tool on ``file`` as a client with these MCP roots; return the answer, which needs no engine."""
    client.initialize({"roots": {}})
    arguments = {"task": "Say what it says.", "files": [file]}
    call = client.send("tools/call", {"name": "offload_work", "arguments": arguments})
    while True:
        message = client.next()
        if message.get("method") == "roots/list":
            listed = {"roots": [{"uri": Path(root).as_uri()} for root in roots]}
            client.write({"id": message["id"], "result": listed})
        elif message.get("id") == call:
            text: str = message["result"]["content"][0]["text"]
            return text
