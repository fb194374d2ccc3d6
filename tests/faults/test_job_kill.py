"""Tests of two kills while batches are in unusual states: sequences, retries, cancelled or paused batches,
deadlines that pass without a hub."""

import asyncio
import json
import re
import sqlite3
import time
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from mcp.client.client import Client

from tests.e2e.test_commands import token_saver
from tests.hub_process import HubProcess, start_hub
from tests.mcp_clients import http_client, text_of
from tests.standins.answers import Answer
from tests.standins.ollama import OllamaStandIn

pytestmark = pytest.mark.anyio

NOTES = "# Notes\n\nThis file holds one function that returns a number.\n"
SEQUENCE = [
    {"task": "Count them.", "context": "apple apple apple", "output_format": "explanation"},
    {"task": "Write it down.", "output": "count.md"},
    {"task": "Say it again.", "output": "again.md"},
]
KINDS = ("retried", "less_one", "paused", "late", "cancelled")
"""The other batches, each with three files whose names begin with the batch's name."""


@dataclass
class FaultScene:
    """Batches by name. Those in ``held`` keep the engine busy indefinitely; those in ``broken`` get unusable
    answers."""

    home: Path
    project: Path
    ollama: OllamaStandIn
    held: set[str] = field(default_factory=set)
    broken: set[str] = field(default_factory=set)
    jobs: dict[str, str] = field(default_factory=dict)

    def answer(self, prompt: str, _body: dict[str, Any]) -> Answer:
        if any(part in prompt for part in self.held):
            return Answer(NOTES, first_delay=600)
        if any(part in prompt for part in self.broken):
            return Answer("")
        return Answer("There are 3 apples." if "Count them." in _last_task(prompt) else NOTES)

    def rows(self, query: str, *values: str) -> list[Any]:
        with closing(sqlite3.connect(self.home / "history.db", timeout=30)) as database:
            return database.execute(query, values).fetchall()

    def states(self, name: str) -> list[str]:
        query = "SELECT state FROM job_item WHERE job_id = ? ORDER BY position"
        return [row[0] for row in self.rows(query, self.jobs[name])]

    def state(self, name: str) -> tuple[str, list[str]]:
        [(state,)] = self.rows("SELECT state FROM job WHERE id = ?", self.jobs[name])
        return state, self.states(name)

    def asked(self, part: str) -> int:
        """Return the number of prompts to the engine that contain this text."""
        return sum(part in json.dumps(body) for body in self.ollama.bodies("/api/chat"))


@pytest.mark.timeout(300)
async def test_every_kind_of_batch_continues_correctly(tmp_path: Path) -> None:
    with OllamaStandIn(slots=16) as ollama:
        scene = FaultScene(tmp_path / "home", tmp_path / "project", ollama)
        ollama.answers.choose(scene.answer)
        scene.project.mkdir()
        for name in KINDS:
            for number in range(3):
                (scene.project / f"{name}_{number}.py").write_text(f"def {name}_{number}():\n    return 1\n")
        await _before_the_first_kill(scene)
        with closing(sqlite3.connect(scene.home / "history.db", timeout=30)) as database, database:
            database.execute(
                "UPDATE job SET deadline = ? WHERE id = ?", (time.time() - 1, scene.jobs["late"])
            )
        await _between_the_kills(scene)
        await _after_the_last_kill(scene)
    _everything_once(scene)


async def _before_the_first_kill(scene: FaultScene) -> None:
    scene.broken = {"retried_1", "retried_2"}
    scene.held = {"Write it down", "less_one_0", "less_one_1", "paused_0", "late_", "cancelled_"}
    with _hub(scene) as hub:
        async with http_client(hub, "2026-07-28") as client:
            await _submit(scene, client, "sequence", {"tasks": SEQUENCE, "sequential": True})
            for name in KINDS:
                each = {"task": "Write notes.", "each": [f"{name}_*.py"], "output": "{stem}.md"}
                await _submit(scene, client, name, each)
            await _until(lambda: scene.state("retried") == ("done", ["delivered", *["handed_back"] * 2]))
            asked = scene.asked("retried_")
            scene.broken, scene.held = set(), scene.held | {"retried_"}
            await _check(scene, client, "retried", action="retry")
            await _until(lambda: scene.asked("retried_") == asked + 2)
            await _until(lambda: all(map(scene.asked, scene.held)))
            await _check(scene, client, "paused", action="pause")
            await _check(scene, client, "cancelled", action="cancel")
            await _check(scene, client, "less_one", action="cancel", item=0)
            _kill(hub)
    assert scene.state("retried")[0] == "running"
    assert scene.states("sequence") == ["returned", "running", "waiting"]


async def _between_the_kills(scene: FaultScene) -> None:
    scene.held = {"Say it again"}
    with _hub(scene) as hub:
        await _until(lambda: scene.state("retried") == ("done", ["delivered"] * 3))
        await _until(lambda: scene.state("less_one") == ("done", ["cancelled", "delivered", "delivered"]))
        await _until(lambda: scene.state("late") == ("stopped", ["waiting"] * 3))
        await _until(lambda: scene.asked("Say it again") > 0)
        _kill(hub)
    assert "There are 3 apples." in json.dumps(_asked_to(scene, "Write it down")[-1])
    assert scene.states("sequence") == ["returned", "delivered", "running"]


async def _after_the_last_kill(scene: FaultScene) -> None:
    scene.held = set()
    before = {name: scene.asked(name) for name in KINDS}
    with _hub(scene) as hub:
        await _until(lambda: scene.state("sequence") == ("done", ["returned", "delivered", "delivered"]))
        assert scene.state("cancelled") == ("cancelled", ["cancelled"] * 3)
        assert scene.state("late")[0] == "stopped"
        assert scene.state("paused")[0] == "paused"
        assert "running" not in scene.states("paused")
        assert {name: scene.asked(name) for name in KINDS} == before, "what was over was begun again"
        async with http_client(hub, "2026-07-28") as client:
            assert "deadline" in await _check(scene, client, "late")
            refused = await _check(scene, client, "late", action="resume")
            assert refused.startswith("denied: "), "its time is over, and a client gives it no other"
            await _check(scene, client, "paused", action="resume")
            resume = ("jobs", "resume", scene.jobs["late"])
            done = await asyncio.to_thread(token_saver, hub.environ, scene.project, *resume)
            assert done.returncode == 0, done.stderr
            await _until(lambda: scene.state("late") == ("done", ["delivered"] * 3))
            await _until(lambda: scene.state("paused") == ("done", ["delivered"] * 3))


def _everything_once(scene: FaultScene) -> None:
    """Check that each file was delivered once, no others exist, and the batches' costs are exact."""
    delivered = [row[0] for row in scene.rows("SELECT output FROM offload WHERE outcome = 'delivered'")]
    assert len(delivered) == len(set(delivered))
    assert {path.name for path in scene.project.glob("*.md")} == set(delivered)
    assert {name for name in delivered if name.startswith(("cancelled", "less_one_0"))} == set()
    assert len(delivered) == 2 + 3 + 2 + 3 + 3
    assert scene.rows(_UNEVEN) == []


_UNEVEN = """
SELECT job.id, job.spent_output, sum(row.spent_output), job.spent_input, sum(row.spent_input)
FROM job JOIN offload AS row ON row.job_id = job.id GROUP BY job.id
HAVING job.spent_output <> sum(row.spent_output) OR job.spent_input <> sum(row.spent_input)
    OR job.spent_share <> sum(row.spent_share)
"""
"""Batches whose cost differs from the cost recorded for their offloads."""


def _hub(scene: FaultScene) -> Any:
    return start_hub(
        scene.home,
        TOKEN_SAVER_BACKEND__URL=scene.ollama.url,
        TOKEN_SAVER_BACKEND__SLOTS="16",
        TOKEN_SAVER_ROOTS=json.dumps([str(scene.project)]),
    )


async def _submit(scene: FaultScene, client: Client, name: str, arguments: dict[str, Any]) -> None:
    text = text_of(await client.call_tool("batch_offload", {**arguments, "wait": False}))
    found = re.search(r"Job (j\w+)", text)
    assert found is not None, text
    scene.jobs[name] = found[1]


async def _check(scene: FaultScene, client: Client, name: str, **arguments: Any) -> str:
    return text_of(await client.call_tool("check_job", {"job": scene.jobs[name], **arguments}))


def _asked_to(scene: FaultScene, task: str) -> list[dict[str, Any]]:
    return [body for body in scene.ollama.bodies("/api/chat") if task in json.dumps(body)]


def _last_task(prompt: str) -> str:
    """Return the prompt without the text of earlier tasks."""
    return prompt.partition("Result of the task before")[0]


def _kill(hub: HubProcess) -> None:
    hub.process.kill()
    hub.process.wait()


async def _until(holds: Callable[[], bool]) -> None:
    async with asyncio.timeout(120):
        while not await asyncio.to_thread(holds):
            await asyncio.sleep(0.02)
