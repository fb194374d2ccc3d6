"""Tests of ``token-saver`` commands in a shell."""

import json
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from server.models.chores import load_chores
from tests.e2e.conftest import ClientHarness
from tests.e2e.test_offload import FENCED, SLUGIFY, TASK, history
from tests.forks import program
from tests.hub_process import hub_environ
from tests.models.test_chores import RIGHT
from tests.standins.answers import Answer
from tests.standins.ollama import CODER, OllamaStandIn, Registered, StandInModel

SECONDS = 180


def token_saver(environ: dict[str, str], folder: Path, *arguments: str) -> "subprocess.CompletedProcess[str]":
    return program.run(*arguments, env=environ, cwd=folder)


def run(stage: ClientHarness, *arguments: str) -> str:
    """Run a command that must succeed, and return its output."""
    done = token_saver(stage.hub.environ, stage.project, *arguments)
    assert done.returncode == 0, done.stderr
    return done.stdout


def fail(stage: ClientHarness, *arguments: str) -> str:
    """Run a command that must fail, and return its single line of error."""
    done = token_saver(stage.hub.environ, stage.project, *arguments)
    assert done.returncode == 1, (done.stdout, done.stderr)
    assert done.stderr.startswith("token-saver: "), done.stderr
    assert done.stderr.count("\n") == 1, done.stderr
    return done.stderr


def test_offload_prints_the_digest(stage: ClientHarness) -> None:
    stage.ollama.answers.when("slugify", FENCED)
    digest = run(stage, "offload", TASK, "--output", "slug.py")
    assert "slug.py" in digest
    assert (stage.project / "slug.py").read_text().strip() == SLUGIFY.strip()
    [row] = history(stage)
    assert row.client == "token-saver"


def test_a_question_about_a_file_is_answered_with_its_lines(stage: ClientHarness) -> None:
    lines = [f"INFO worker: request {number} served in 12 ms" for number in range(3000)]
    lines[1777] = "ERROR db: connection refused to 10.2.3.4:5432 after 3 attempts"
    (stage.project / "service.log").write_text("\n".join(lines))
    answer = run(stage, "ask", "What failed?", "service.log")
    assert lines[1777] in answer
    assert "1778" in answer
    printed = json.loads(run(stage, "ask", "What failed?", "service.log", "--json"))
    assert printed["outcome"] == "returned"
    assert lines[1777] in printed["text"]
    assert "path_not_found" in fail(stage, "ask", "What failed?", "missing.log")


def test_control_sequences_in_an_answer_are_escaped(stage: ClientHarness) -> None:
    stage.ollama.answers.when("Explain", Answer("It is \x1b]52;c;cm0gLXJmIH4=\x07fine, \x1b[8mthat is all."))
    (stage.project / "notes.txt").write_text("Slugs are lower case.\n")
    arguments = ("--file", "notes.txt", "--output-format", "explanation")
    printed = run(stage, "offload", "Explain this file.", *arguments)
    assert r"It is \x1b]52;c;cm0gLXJmIH4=\x07fine, \x1b[8mthat is all." in printed
    assert "\x1b" not in printed


def test_offload_prints_json(stage: ClientHarness) -> None:
    stage.ollama.answers.when("slugify", FENCED)
    (stage.project / "notes.txt").write_text("Slugs are lower case.\n")
    arguments = ("--file", "notes.txt", "--output", "slug.py", "--model", CODER, "--json")
    outcome = json.loads(run(stage, "offload", TASK, *arguments))
    assert outcome["outcome"] == "delivered"
    assert outcome["output"] == "slug.py"
    assert outcome["id"] == history(stage)[0].id


def test_undo_restores_the_bytes(stage: ClientHarness) -> None:
    stage.ollama.answers.when("slugify", FENCED)
    (stage.project / "slug.py").write_text("before = 1\n")
    offload_id = json.loads(run(stage, "offload", TASK, "--output", "slug.py", "--json"))["id"]
    assert (stage.project / "slug.py").read_text() != "before = 1\n"
    assert offload_id in run(stage, "history")
    assert "before = 1" in run(stage, "history", offload_id[:7])
    run(stage, "undo", offload_id[:7])
    assert (stage.project / "slug.py").read_text() == "before = 1\n"
    assert "(not_found)" in fail(stage, "undo", "no-such-id")


def test_a_hand_back_has_its_own_exit_status(stage: ClientHarness) -> None:
    stage.ollama.answers.default = Answer("def broken(:\n")
    done = token_saver(stage.hub.environ, stage.project, "offload", TASK, "--output", "a.py")
    assert done.returncode == 3
    assert done.stdout.strip()
    assert not (stage.project / "a.py").exists()


def test_an_offload_without_a_hub_runs_a_temporary_one(tmp_path: Path) -> None:
    project = tmp_path / "project"
    project.mkdir()
    with OllamaStandIn() as ollama:
        ollama.answers.when("slugify", FENCED)
        environ = hub_environ(tmp_path / "home", TOKEN_SAVER_BACKEND__URL=ollama.url)
        done = token_saver(environ, project, "offload", TASK, "--output", "slug.py")
    assert done.returncode == 0, done.stderr
    assert (project / "slug.py").exists()
    assert not (tmp_path / "home" / "hub.json").exists()


def test_errors_are_one_line(stage: ClientHarness) -> None:
    assert "(path_outside_roots)" in fail(stage, "offload", TASK, "--output", "../x.py")
    assert "(model_not_found)" in fail(stage, "offload", TASK, "--model", "no-such-model")
    assert "(model_not_found)" in fail(stage, "models", "load", "no-such-model")


def test_status(stage: ClientHarness) -> None:
    assert stage.hub.info.url in run(stage, "status")
    wait_until(lambda: json.loads(run(stage, "status", "--json"))["engine"]["kind"] == "ollama")
    file = str(stage.hub.home / "config.toml")
    assert f"settings defaults; changes go to {file}" in run(stage, "status")
    assert json.loads(run(stage, "status", "--json"))["config_file"] == file


def test_quit_ends_the_hub(own_stage: ClientHarness) -> None:
    run(own_stage, "quit")
    assert "(hub_unreachable)" in fail(own_stage, "status")


def test_status_without_a_hub(tmp_path: Path) -> None:
    done = token_saver(hub_environ(tmp_path), tmp_path, "status")
    assert done.returncode == 1
    assert done.stderr.endswith("(hub_unreachable)\n")


def test_models(stage: ClientHarness) -> None:
    assert CODER in run(stage, "models")
    run(stage, "models", "load", CODER)
    assert CODER in stage.ollama.loaded
    engine = json.loads(run(stage, "models", "--json"))
    assert [model["name"] for model in engine["loaded"]] == [CODER]
    run(stage, "models", "unload", CODER)
    assert not stage.ollama.loaded


def test_a_running_download_is_visible(stage: ClientHarness) -> None:
    held = threading.Event()
    stage.ollama.registry["small:1b"] = Registered(layers=(1000,), held=held)
    pulling = program.start("models", "pull", "small:1b", env=stage.hub.environ, cwd=stage.project)
    try:
        wait_until(lambda: bool(stage.hub.get("/api/status")["activities"]))
        assert "download small:1b" in run(stage, "status")
        assert "download small:1b" in run(stage, "models")
        held.set()
        assert pulling.wait(SECONDS) == 0
    finally:
        held.set()
        pulling.kill()
        pulling.wait()
    assert "download" not in run(stage, "models")


def test_models_without_any_installed_name_the_next_step(tmp_path: Path) -> None:
    with OllamaStandIn() as ollama:
        ollama.models = {}
        done = token_saver(hub_environ(tmp_path, TOKEN_SAVER_BACKEND__URL=ollama.url), tmp_path, "models")
    assert done.returncode == 0, done.stderr
    assert "No model is installed yet. " in done.stdout
    assert "`token-saver models pull NAME`" in done.stdout


def test_models_bench_and_recommend(stage: ClientHarness) -> None:
    stage.ollama.models["other:7b"] = StandInModel(size=1_000_000_000, parameters="7B")
    for chore in load_chores():
        stage.ollama.answers.when(chore.task, RIGHT[chore.name])
    table = run(stage, "models", "bench")
    assert f"{len(load_chores())} of {len(load_chores())}" in table
    [found] = json.loads(run(stage, "models", "bench", "other:7b", "--json"))["measurements"]
    assert found["model"] == "other:7b"
    assert all(chore["passed"] for chore in found["chores"])
    # One run of four chores is too little evidence for a rank, two are enough.
    run(stage, "models", "bench", "other:7b")
    assert "100% of 8 tasks here passed their checks" in run(stage, "models", "recommend", "coding")
    facts = json.loads(run(stage, "models", "recommend", "coding", "--json"))
    assert facts["category"] == "coding"
    # The other measured model is too small to be recommended.
    measured = {each["model"]: each["measured"]["quality"] for each in facts["models"] if each["measured"]}
    assert measured == {"other:7b": 1.0}
    assert "(model_not_found)" in fail(stage, "models", "bench", "no-such-model")


@pytest.mark.skipif(sys.platform == "win32", reason="SIGINT is POSIX's")
def test_an_interrupted_bench_frees_the_engine(stage: ClientHarness) -> None:
    stage.ollama.answers.default = Answer(ends="endless", delay=0.01)
    running = subprocess.Popen(
        [sys.executable, "-P", "-m", "tray.main", "models", "bench"],
        env=stage.hub.environ,
        cwd=stage.project,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        wait_until(lambda: stage.ollama.running == 1)
        assert stage.hub.get("/api/status")["activities"][0]["phase"] == "measure"
        running.send_signal(signal.SIGINT)
        assert running.wait(SECONDS) != 0
        wait_until(lambda: stage.ollama.running == 0)
        wait_until(lambda: stage.hub.get("/api/status")["activities"] == [])
    finally:
        running.kill()
        running.wait()


def wait_until(holds: Callable[[], bool]) -> None:
    deadline = time.monotonic() + SECONDS
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_models_pull(stage: ClientHarness) -> None:
    stage.ollama.registry["small:1b"] = Registered(layers=(1000, 2000))
    run(stage, "models", "pull", "small:1b")
    assert "small:1b" in stage.ollama.models
    assert fail(stage, "models", "pull", "nothing:1b").count(": ") >= 2


def test_dashboard_prints_a_link_without_a_display(stage: ClientHarness) -> None:
    assert f"{stage.hub.info.url}/login?code=" in run(stage, "dashboard")


def test_logs_and_version(stage: ClientHarness) -> None:
    assert str(stage.hub.home / "token-saver.log") in run(stage, "logs")
    assert run(stage, "--version").startswith("token-saver ")


@pytest.mark.parametrize("arguments", [("offload",), ("no-such-command",), ("models", "load")])
def test_wrong_usage(tmp_path: Path, arguments: tuple[str, ...]) -> None:
    done = token_saver(hub_environ(tmp_path), tmp_path, *arguments)
    assert done.returncode == 2
    assert "Traceback" not in done.stderr


def test_a_folder_named_like_a_package_of_ours_is_not_imported(tmp_path: Path) -> None:
    for name in ("server", "tray", "dashboard", "mcp"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "__init__.py").write_text("raise SystemExit('the project was imported')\n")
    done = token_saver(hub_environ(tmp_path / "home"), tmp_path, "--version")
    assert done.returncode == 0, done.stderr
