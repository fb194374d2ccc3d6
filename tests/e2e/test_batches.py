"""Tests of batches through a real client and from the shell, with a stand-in for Ollama."""

import asyncio
import contextlib
import json
import re
import sqlite3

import pytest

from tests.bridge_client import RawClient
from tests.e2e.conftest import ClientHarness
from tests.e2e.test_commands import fail, run
from tests.mcp_clients import bridge_client, text_of
from tests.standins.answers import Answer
from tests.standins.serving import wait_until

NOTES = "# Notes\n\nThis file holds one function that returns a number.\n"
TASK = "Write notes on this file."


@pytest.fixture
def sources(stage: ClientHarness) -> list[str]:
    stage.ollama.answers.default = Answer(NOTES)
    names = [f"mod_{number}.py" for number in range(5)]
    for name in names:
        (stage.project / name).write_text("def value():\n    return 1\n")
    (stage.project / ".git").mkdir()
    (stage.project / ".gitignore").write_text("ignored.py\n")
    (stage.project / "ignored.py").write_text("x = 1\n")
    return names


def _batch(stage: ClientHarness, **arguments: object) -> tuple[str, list[str]]:
    """Call ``batch_offload`` as Claude does; return its text and the progress lines."""
    progress: list[str] = []

    async def note(_done: float, _total: float | None, message: str | None) -> None:
        progress.append(message or "")

    async def call() -> str:
        async with bridge_client(stage.hub.environ, stage.project) as client:
            result = await client.call_tool("batch_offload", arguments, progress_callback=note)
            return text_of(result)

    return asyncio.run(call()), progress


def test_one_short_call_writes_many_files(stage: ClientHarness, sources: list[str]) -> None:
    text, _ = _batch(stage, task=TASK, each=["*.py"], output="{dir}/{stem}.md")
    assert "5 of 5 done" in text
    assert len(text) <= 600
    assert {path.name for path in stage.project.glob("*.md")} == {f"mod_{n}.md" for n in range(5)}
    assert all((stage.project / f"mod_{n}.md").read_text() == NOTES for n in range(5))


def test_a_dry_run_names_the_files_and_changes_none(stage: ClientHarness, sources: list[str]) -> None:
    text, _ = _batch(stage, task=TASK, each=["*.py"], output="docs/{stem}.md", dry_run=True)
    assert "5 tasks, 5 files would be written" in text
    assert "docs/mod_0.md" in text
    assert not (stage.project / "docs").exists()
    assert not [request for request in stage.ollama.requests if request.path == "/api/chat"]


def test_progress_counts_the_items(stage: ClientHarness, sources: list[str]) -> None:
    stage.ollama.answers.default = Answer(NOTES, first_delay=0.8)
    _, progress = _batch(stage, task=TASK, each=["*.py"], output="{dir}/{stem}.md")
    assert any(re.match(r"[1-4]/5 tasks", line) for line in progress), progress


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        ({}, "bad_arguments"),
        ({"tasks": [{"task": "x"}], "each": ["*.py"]}, "bad_arguments"),
        ({"task": TASK, "each": ["*.zig"], "output": "{path}"}, "path_not_found"),
        ({"task": TASK, "each": ["*.py"], "output": "all.md"}, "bad_arguments"),
        ({"task": TASK, "each": ["../*.py"], "output": "{path}"}, "path_outside_roots"),
        ({"task": TASK, "each": ["*.py"], "output": "../{stem}.md"}, "path_outside_roots"),
        ({"tasks": [{"task": "x", "output": "/elsewhere/y.md"}]}, "path_outside_roots"),
        ({"task": "", "each": ["*.py"], "output": "{path}"}, "bad_arguments"),
        ({"tasks": [{"task": "x", "outptu": "y"}]}, "bad_arguments"),
    ],
)
def test_bad_input_is_refused_before_anything_runs(
    stage: ClientHarness, sources: list[str], arguments: dict[str, object], code: str
) -> None:
    before = {path.name for path in stage.project.iterdir()}
    text, _ = _batch(stage, **arguments)
    assert text.startswith(f"{code}: "), text
    assert {path.name for path in stage.project.iterdir()} == before


def test_a_disconnected_client_cancels_the_batch_it_waited_for(
    stage: ClientHarness, sources: list[str]
) -> None:
    stage.ollama.answers.default = Answer(NOTES, first_delay=600)

    async def vanish() -> None:
        async with bridge_client(stage.hub.environ, stage.project) as client:
            arguments = {"task": TASK, "each": ["*.py"], "output": "{dir}/{stem}.md"}
            call = asyncio.create_task(client.call_tool("batch_offload", arguments))
            while not stage.ollama.running:
                await asyncio.sleep(0.05)
            call.cancel()
            await asyncio.gather(call, return_exceptions=True)

    asyncio.run(vanish())
    wait_until(lambda: json.loads(run(stage, "jobs", "--json"))[0]["state"] == "cancelled", 120)


@pytest.mark.parametrize("modern", [True, False])
def test_a_batch_continues_at_the_next_start_of_the_hub(own_stage: ClientHarness, modern: bool) -> None:
    own_stage.ollama.answers.default = Answer(NOTES, first_delay=600)
    (own_stage.project / "mod.py").write_text("def value():\n    return 1\n")
    arguments = {"task": TASK, "each": ["*.py"], "output": "{dir}/{stem}.md"}
    call = {"name": "batch_offload", "arguments": arguments}
    with RawClient(own_stage.hub.environ, own_stage.project) as client:
        if modern:
            asked = client.send_modern("tools/call", call)
        else:
            client.initialize()
            asked = client.send("tools/call", call)
        wait_until(lambda: bool(own_stage.ollama.running), 60)
        assert own_stage.hub.stop() == 0
        answer = client.answer(asked)
    # The hub may end before it answers; then the bridge sends the same answer.
    said = json.dumps(answer)
    assert "is running: 0 of 1 done" in said or "If it started, it continues" in said, said
    with contextlib.closing(sqlite3.connect(own_stage.hub.home / "history.db")) as history:
        assert history.execute("SELECT state FROM job").fetchall() == [("running",)]


def test_the_shell_starts_lists_waits_and_retries(stage: ClientHarness, sources: list[str]) -> None:
    (stage.project / "mod_3.py").write_text("def broken():\n    return 3\n")
    stage.ollama.answers.when("broken", Answer(""))
    started = run(stage, "batch", TASK, "--each", "*.py", "--output", "{dir}/{stem}.md", "--detach")
    found = re.search(r"Job (j\w+)", started)
    assert found is not None
    job = found[1]
    assert "4 of 5 done" in run(stage, "jobs", "wait", job)
    assert "mod_3.md" in run(stage, "jobs", "show", job)
    listed = run(stage, "jobs").splitlines()
    assert any(line.startswith(job) and "4/5" in line for line in listed)
    stage.ollama.answers.when("broken", Answer(NOTES))
    assert "item 7" in fail(stage, "jobs", "retry", job, "--item", "7")
    run(stage, "jobs", "retry", job, "--item", "3")
    assert "5 of 5 done" in run(stage, "jobs", "wait", job)


def test_pause_and_cancel_name_the_command_to_continue(stage: ClientHarness, sources: list[str]) -> None:
    stage.ollama.answers.default = Answer(NOTES, first_delay=600)
    started = run(stage, "batch", TASK, "--each", "*.py", "--output", "{dir}/{stem}.md", "--detach")
    found = re.search(r"`token-saver jobs wait (j\w+)`", started)
    assert found is not None
    job = found[1]
    assert f"`token-saver jobs resume {job}` resumes it." in run(stage, "jobs", "pause", job)
    assert "is running" in run(stage, "jobs", "resume", job)
    assert f"`token-saver jobs retry {job}`" in run(stage, "jobs", "cancel", job)
    stage.ollama.answers.default = Answer(NOTES)
    refused = fail(stage, "jobs", "resume", job)
    assert "was cancelled" in refused
    assert f"`token-saver jobs retry {job}`" in refused
    run(stage, "jobs", "retry", job)
    assert "5 of 5 done" in run(stage, "jobs", "wait", job)


def test_an_unknown_job_is_an_error_of_one_line(stage: ClientHarness) -> None:
    assert "token-saver: There is no batch 'j-none'" in fail(stage, "jobs", "wait", "j-none")


def test_a_batch_can_have_its_own_time_limit(stage: ClientHarness, sources: list[str]) -> None:
    stage.ollama.answers.default = Answer(NOTES, first_delay=0.5)
    each = ("--each", "*.py", "--output", "{dir}/{stem}.md", "--detach")
    started = run(stage, "batch", TASK, *each, "--hours", "0.0001", "--detach")  # 0.36 s
    found = re.search(r"Job (j\w+)", started)
    assert found is not None
    assert "Stopped at its deadline." in run(stage, "jobs", "wait", found[1])
    run(stage, "jobs", "cancel", found[1])
    assert "is running" not in run(stage, "jobs", "wait", found[1])
