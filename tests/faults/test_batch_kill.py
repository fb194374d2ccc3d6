"""Pull the plug in the middle of a batch: after the restart it goes on, and nothing is torn or done twice.

``TOKEN_SAVER_TEST_KILLS`` sets how often (3 in a usual run; 20 and more to be sure).
"""

import json
import os
import random
import re
import time
from pathlib import Path

import anyio
import pytest

from server.store.database import open_database
from server.store.job_records import JobCounts
from server.store.jobs import Jobs
from tests.hub_process import HubProcess, start_hub
from tests.mcp_clients import http_client, text_of
from tests.standins.answers import Answer
from tests.standins.ollama import OllamaStandIn

pytestmark = [pytest.mark.anyio, pytest.mark.timeout(900)]

KILLS = int(os.environ.get("TOKEN_SAVER_TEST_KILLS", "3"))
FILES = 40
NOTES = "# Notes\n\n" + "This file holds one function that returns a number. " * 4 + "\n"


async def test_a_batch_survives_sigkill_at_any_moment(tmp_path: Path) -> None:
    project, home = tmp_path / "project", tmp_path / "home"
    project.mkdir()
    for number in range(FILES):
        (project / f"mod_{number}.py").write_text(f"def value_{number}():\n    return {number}\n")
    chance = random.Random(20261121)
    job_id = ""
    with OllamaStandIn() as ollama:
        ollama.answers.default = Answer(NOTES, delay=0.003)
        settings = {"TOKEN_SAVER_BACKEND__URL": ollama.url, "TOKEN_SAVER_ROOTS": json.dumps([str(project)])}
        for _ in range(KILLS):
            with start_hub(home, **settings) as hub:
                job_id = job_id or await _submit(hub)
                await anyio.sleep(chance.uniform(0.05, 1.5))
                hub.process.kill()
                hub.process.wait()
            _no_file_is_torn(project)
        with start_hub(home, **settings):
            counts = await _until_ended(home, job_id)
    assert counts.by_state == {"delivered": FILES}
    assert {path.name for path in project.iterdir()} == {
        f"mod_{number}{suffix}" for number in range(FILES) for suffix in (".py", ".md")
    }
    _no_file_is_torn(project)


async def _submit(hub: HubProcess) -> str:
    """Ask for the batch as a job, and return its id."""
    arguments = {
        "task": "Write notes on this file.",
        "each": ["*.py"],
        "output": "{dir}/{stem}.md",
        "wait": False,
    }
    async with http_client(hub, "2026-07-28") as client:
        text = text_of(await client.call_tool("batch_offload", arguments))
    found = re.search(r"Job (j\w+)", text)
    assert found is not None, text
    return found[1]


def _no_file_is_torn(project: Path) -> None:
    for path in project.glob("*.md"):
        assert path.read_text() == NOTES, path.name


async def _until_ended(home: Path, job_id: str) -> JobCounts:
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline:
        database = open_database(home / "history.db")
        jobs = Jobs(database)
        job, counts = await jobs.get(job_id), await jobs.counts(job_id)
        await database.close()
        assert job is not None
        if job.state != "running":
            assert job.state == "done", job.reason
            return counts
        time.sleep(0.2)
    raise AssertionError("the batch did not end in time")
