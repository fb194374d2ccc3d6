"""Faults while samples are drawn and run: nothing is written, nothing runs on, the row says what happened."""

import asyncio
import sys
from itertools import chain, repeat
from pathlib import Path

import psutil
import pytest

from server.offload.trial_runs import trials
from tests.offload.trial_runs.test_trial_runs import CALLS, GUARDED, PROPOSE, SHARE, TASK, fenced
from tests.pipeline_harness import OpenPipeline, PipelineHarness
from tests.standins.answers import Answer
from tests.standins.serving import eventually

pytestmark = [
    pytest.mark.anyio,
    pytest.mark.skipif(sys.platform != "linux", reason="needs a sandbox, which exists on Linux so far"),
]
ENDLESS = "while True:\n    pass\n"


@pytest.fixture
async def running(open_pipeline: OpenPipeline, monkeypatch: pytest.MonkeyPatch) -> PipelineHarness:
    """The pipeline with default settings, which run code."""
    monkeypatch.delenv("TOKEN_SAVER_OFFLOAD__RUN_CODE")
    return await open_pipeline()


def answer(pipeline: PipelineHarness, *answers: Answer) -> None:
    turns = chain(answers, repeat(answers[-1]))
    pipeline.ollama.answers.choose(lambda prompt, _: None if PROPOSE in prompt else next(turns))
    pipeline.ollama.answers.when(PROPOSE, CALLS)


def supervisors() -> set[int]:
    own = psutil.Process().children(recursive=True)
    return {each.pid for each in own if each.is_running() and each.status() != psutil.STATUS_ZOMBIE}


@pytest.mark.parametrize(
    "examples", [(), ("share(0, 0) == 0", "share(1, 4) == 25")], ids=["agreement", "examples"]
)
async def test_an_engine_that_breaks_off_between_samples(
    running: PipelineHarness, project: Path, examples: tuple[str, ...]
) -> None:
    answer(running, fenced(SHARE if examples else GUARDED), Answer(fenced(GUARDED).text, ends="broken"))
    outcome = await running.run(TASK, output="share.py", examples=examples)
    assert outcome.name == "failed", outcome.text
    assert not (project / "share.py").exists()
    row = await running.history.get(outcome.offload_id)
    assert row is not None
    assert (row.row.outcome, row.undo) == ("failed", None)


async def test_cancelling_between_samples(running: PipelineHarness, project: Path) -> None:
    answer(running, fenced(GUARDED), Answer(fenced(GUARDED).text, delay=0.5))
    work = asyncio.create_task(running.run(TASK, output="share.py"))
    await eventually(lambda: len(running.ollama.bodies("/api/chat")) >= 3)
    work.cancel()
    with pytest.raises(asyncio.CancelledError):
        await work
    assert not (project / "share.py").exists()


async def test_cancelling_while_a_sample_runs_ends_it(running: PipelineHarness, project: Path) -> None:
    answer(running, fenced(GUARDED))
    await running.run(TASK, output="first.py")  # the sandbox is probed by now
    before = supervisors()
    answer(running, fenced(ENDLESS))
    work = asyncio.create_task(running.run("Write endless.", output="endless.py"))
    await eventually(lambda: bool(supervisors() - before))
    started = asyncio.get_running_loop().time()
    work.cancel()
    with pytest.raises(asyncio.CancelledError):
        await work
    assert asyncio.get_running_loop().time() - started < 2
    assert supervisors() <= before
    assert not (project / "endless.py").exists()


async def test_without_room_for_the_sandbox_nothing_counts_as_run(
    running: PipelineHarness, project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def full(*_arguments: object, **_options: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(trials, "run_new_code", full)
    answer(running, fenced(GUARDED))
    outcome = await running.run(TASK, output="share.py", examples=("share(0, 0) == 0", "share(1, 4) == 25"))
    assert (outcome.name, outcome.strength) == ("delivered", "parsed"), outcome.text
    assert "running it (the sandbox failed: No space left on device)" in outcome.text


async def test_records_that_cannot_be_read_refuse_the_code(running: PipelineHarness, project: Path) -> None:
    forged = (
        "import os\n\n\ndef share(part, whole):\n    return 0\n\n\n"
        "for number in range(3, 10):\n"
        "    try:\n"
        '        os.write(number, b\'{"record": "load", "attempts": 7}\\n\')\n'
        "    except OSError:\n"
        "        pass\n"
        "os._exit(0)\n"
    )
    answer(running, fenced(forged))
    outcome = await running.run(TASK, output="share.py", examples=("share(0, 0) == 0", "share(1, 4) == 25"))
    assert outcome.name == "handed_back", outcome.text
    assert not (project / "share.py").exists()
