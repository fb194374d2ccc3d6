"""Tests of ``cancel``, and of ids and prefixes in the commands that take them."""

import json
import re
import time
from pathlib import Path
from typing import Any

from tests.forks import program
from tests.hub_process import HubProcess, start_hub
from tests.standins.answers import Answer
from tests.standins.ollama import OllamaStandIn


def command(hub: HubProcess, *arguments: str, cwd: Path, status: int = 0) -> str:
    done = program.run(*arguments, env=hub.environ, cwd=cwd)
    assert done.returncode == status, (done.stdout, done.stderr)
    return done.stdout + done.stderr


def running(hub: HubProcess) -> list[dict[str, Any]]:
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline:
        found: list[dict[str, Any]] = hub.get("/api/status")["running"]
        if any(each["stage"] in ("prompt", "load") for each in found):
            return found
        time.sleep(0.1)
    raise AssertionError("no offload has started")


def test_a_running_offload_is_cancelled_by_a_prefix_of_its_id(
    tmp_path: Path, ollama_standin: OllamaStandIn
) -> None:
    ollama_standin.answers.default = Answer("The fox is red.\n", first_delay=600)
    with start_hub(tmp_path / "home", TOKEN_SAVER_BACKEND__URL=ollama_standin.url) as hub:
        work = program.start("offload", "Describe a fox", "--output", "fox.md", env=hub.environ, cwd=tmp_path)
        [offload] = running(hub)
        assert f"running  {offload['id']}" in command(hub, "status", cwd=tmp_path)
        assert " running " in command(hub, "history", cwd=tmp_path)
        said = command(hub, "cancel", offload["id"][:5], cwd=tmp_path)
        assert said == f"Offload {offload['id']} is cancelled.\n"
        assert work.wait(60) == 1
        again = command(hub, "cancel", offload["id"], cwd=tmp_path, status=1)
        assert "is not running" in again


def test_a_batch_is_cancelled_shown_and_undone_by_a_prefix(
    tmp_path: Path, ollama_standin: OllamaStandIn
) -> None:
    for number in range(2):
        (tmp_path / f"m{number}.txt").write_text("A fox.\n")
    ollama_standin.answers.default = Answer("The fox is red.\n", first_delay=600)
    with start_hub(tmp_path / "home", TOKEN_SAVER_BACKEND__URL=ollama_standin.url) as hub:
        batch = ("batch", "Describe the fox", "--each", "*.txt", "--output", "{stem}.md", "--detach")
        job = re.search(r"j[0-9a-f]{8}", command(hub, *batch, cwd=tmp_path))
        assert job is not None
        running(hub)
        prefix = job[0][:6]
        assert f"Batch {job[0]} is cancelled." in command(hub, "cancel", prefix, cwd=tmp_path)
        assert "already ended" in command(hub, "cancel", prefix, cwd=tmp_path, status=1)
        assert "cancelled" in command(hub, "jobs", "show", prefix, cwd=tmp_path)
        rows = json.loads(command(hub, "history", prefix, "--json", cwd=tmp_path))
        assert {row["outcome"] for row in rows} == {"cancelled"}
        assert f"Batch {job[0]} has nothing to undo" in command(hub, "undo", prefix, cwd=tmp_path, status=1)
        assert "There is no batch 'jzzzz'" in command(hub, "undo", "jzzzz", cwd=tmp_path, status=1)
