"""Tests that every change in a hub is recorded on the audit trail."""

import asyncio
import json
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.forks import program
from tests.hub_process import HubProcess, start_hub
from tests.mcp_clients import bridge_client, text_of
from tests.standins.answers import Answer
from tests.standins.ollama import OllamaStandIn

ROWS_SECONDS = 120
"""Time limit for rows to arrive, on a very busy machine as well."""


@dataclass(frozen=True)
class Place:
    """A hub with an engine and a project."""

    hub: HubProcess
    ollama: OllamaStandIn
    project: Path

    def command(self, *arguments: str) -> str:
        return program.run(*arguments, env=self.hub.environ, cwd=self.project, check=True).stdout

    def call(self, tool: str, **arguments: Any) -> str:
        async def story() -> str:
            async with bridge_client(self.hub.environ, self.project) as client:
                return text_of(await client.call_tool(tool, arguments))

        return asyncio.run(story())

    def rows(self, kind: str, text: str = "", least: int = 1) -> list[dict[str, Any]]:
        """Return the rows of one kind that contain ``text``, newest first, once there are ``least``: rows
        arrive with a delay.
        """
        found: list[dict[str, Any]] = []
        end = time.monotonic() + ROWS_SECONDS
        while len(found) < least:
            assert time.monotonic() < end, f"{len(found)} of {least} rows of kind {kind}"
            shown = self.command("audit", "search", text, "--kind", kind, "--json", "-n", "100")
            found = json.loads(shown)
        return found


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    folder = tmp_path_factory.mktemp("trail")
    project = folder / "project"
    project.mkdir()
    with OllamaStandIn() as ollama:
        ollama.answers.default = Answer("x = 1\n")
        with start_hub(folder / "home", TOKEN_SAVER_BACKEND__URL=ollama.url) as hub:
            yield Place(hub, ollama, project)


def test_writes_by_a_call_and_by_a_batch_and_their_undo(place: Place) -> None:
    assert "new.py" in place.call("offload_work", task="Write x = 1", output="new.py")
    tasks = [{"task": "Write x = 1", "output": f"many{number}.py"} for number in range(2)]
    assert "2 of 2 done" in place.call("batch_offload", tasks=tasks)
    writes = place.rows("write", least=3)
    assert sorted(name for name in ("new.py", "many0.py", "many1.py") if name in str(writes)) == [
        "many0.py",
        "many1.py",
        "new.py",
    ]
    first = writes[-1]["details"]["offload"]
    place.command("undo", first)
    assert not (place.project / "new.py").exists()
    assert [row["details"]["offload"] for row in place.rows("undo")] == [first]


def test_changes_of_settings_by_a_tool_and_by_a_command(place: Place) -> None:
    place.call("configure_model_selector", setting="blocked_models", action="set", values=["llama*"])
    place.command("savings", "--audit", "off")
    assert place.rows("settings", "blocked_models is now llama*.")
    assert place.rows("settings", "The check of the client's transcripts was switched off.")


def test_an_edit_of_the_policy(place: Place) -> None:
    policy = place.hub.home / "policy.yaml"
    policy.write_text('version: "1"\ndefault: allow\ntools: {}\n')
    place.call("list_loaded_models")
    policy.write_text("tools: [\n")
    place.call("list_loaded_models")
    assert [row["verdict"] for row in place.rows("policy", least=2)] == ["broken", "loaded"]
    policy.unlink()


def test_connections_and_decisions_and_an_intact_chain(place: Place) -> None:
    place.call("list_loaded_models")
    assert place.rows("connection")
    assert place.rows("decision")[0]["tool"] == "list_loaded_models"
    assert place.command("audit", "verify").startswith("intact")
