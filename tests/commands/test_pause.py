"""Tests of ``pause``, ``resume`` and ``status``: during a pause, a start, a command with its own hub."""

import json
import os
import time
from pathlib import Path

import pytest

from server.bridge.discovery import find_running
from server.commands.pause import seconds_of
from server.common.errors import BadArguments
from server.config.folders import find_folders
from server.web.instance import claim
from tests.forks import program
from tests.hub_process import hub_environ, start_hub
from tests.standins.answers import Answer
from tests.standins.ollama import OllamaStandIn


def command(environ: dict[str, str], *arguments: str, cwd: Path | None = None) -> str:
    done = program.run(*arguments, env=environ, cwd=cwd)
    assert done.returncode == 0, (done.stdout, done.stderr)
    return done.stdout


@pytest.mark.parametrize(("given", "seconds"), [("90s", 90), ("15m", 900), ("2h", 7200)])
def test_durations(given: str, seconds: int) -> None:
    assert seconds_of(given) == seconds


@pytest.mark.parametrize("given", ["15", "m", "0m", "soon"])
def test_other_texts_are_no_durations(given: str) -> None:
    with pytest.raises(BadArguments, match="Write it like"):
        seconds_of(given)


def test_a_pause_names_what_it_holds_and_can_finish_running_work(
    tmp_path: Path, ollama_standin: OllamaStandIn
) -> None:
    for number in range(5):
        (tmp_path / f"m{number}.txt").write_text("A fox.\n")
    ollama_standin.answers.default = Answer("The fox is red.\n", first_delay=2)
    with start_hub(tmp_path / "home", TOKEN_SAVER_BACKEND__URL=ollama_standin.url) as hub:
        batch = ("batch", "Describe the fox", "--each", "*.txt", "--output", "{stem}.md", "--detach")
        command(hub.environ, *batch, cwd=tmp_path)
        while not ollama_standin.running:
            time.sleep(0.05)
        said = command(hub.environ, "pause", "--for", "15m", "--finish")
        assert "Running work finishes first." in said
        assert "on hold  batch “Describe the fox”" in said
        status = json.loads(command(hub.environ, "status", "--json"))
        assert status["state"] == "paused"
        assert "tasks to go" in status["on_hold"][0]
        deadline = time.monotonic() + 60
        while hub.get("/api/status")["running"] and time.monotonic() < deadline:
            time.sleep(0.1)
        outcomes = {row["outcome"] for row in json.loads(command(hub.environ, "history", "--json"))}
        assert outcomes == {"delivered"}, "the running work was finished"
        assert command(hub.environ, "resume") == "Offloading is resumed.\n"
        assert command(hub.environ, "resume") == "Offloading was not paused.\n"
        assert json.loads(command(hub.environ, "status", "--json"))["state"] != "paused"


def test_an_interrupted_task_of_a_batch_is_not_denied(tmp_path: Path, ollama_standin: OllamaStandIn) -> None:
    (tmp_path / "m.txt").write_text("A fox.\n")
    ollama_standin.answers.default = Answer("The fox is red.\n", first_delay=600)
    with start_hub(tmp_path / "home", TOKEN_SAVER_BACKEND__URL=ollama_standin.url) as hub:
        batch = ("batch", "Describe the fox", "--each", "*.txt", "--output", "{stem}.md", "--detach")
        command(hub.environ, *batch, cwd=tmp_path)
        while not ollama_standin.running:
            time.sleep(0.05)
        command(hub.environ, "pause")
        deadline = time.monotonic() + 60
        while hub.get("/api/status")["running"] and time.monotonic() < deadline:
            time.sleep(0.1)
        [row] = json.loads(command(hub.environ, "history", "--json"))
        assert (row["outcome"], row["code"]) == ("cancelled", "paused")
        assert "runs this task again" in row["summary"]
        assert "yourself" not in row["summary"]


def test_status_says_that_the_hub_is_starting(tmp_path: Path) -> None:
    environ = {"PATH": os.defpath, "TOKEN_SAVER_HOME": os.environ["TOKEN_SAVER_HOME"]}
    with claim(find_folders()):
        assert "starting" in command(environ, "status")
        assert json.loads(command(environ, "status", "--json")) == {"state": "starting"}


def test_status_names_a_command_with_a_hub_of_its_own(tmp_path: Path, ollama_standin: OllamaStandIn) -> None:
    ollama_standin.answers.default = Answer("The fox is red.\n", first_delay=600)
    environ = hub_environ(tmp_path / "home", TOKEN_SAVER_BACKEND__URL=ollama_standin.url)
    offload = program.start("offload", "Describe a fox", "--output", "fox.md", env=environ, cwd=tmp_path)
    try:
        deadline = time.monotonic() + 120
        while find_running(str(tmp_path / "home")) is None and time.monotonic() < deadline:
            time.sleep(0.1)
        said = command(environ, "status")
        assert f"offload` (process {offload.pid}) runs its own hub" in said
    finally:
        offload.terminate()
        offload.wait(60)
