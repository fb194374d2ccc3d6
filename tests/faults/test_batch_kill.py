"""Tests of kills during a batch: it continues after the restart, without torn files or repeated items.

``TOKEN_SAVER_TEST_KILLS`` sets the number of kills (3 by default; 20 or more for certainty).
``TOKEN_SAVER_TEST_EMBEDDED_KILLS=20`` also runs the long form: 200 real files on the embedded engine
with a small model, about ten minutes.
"""

import hashlib
import json
import os
import random
import re
import shutil
import sqlite3
import time
from collections import Counter
from pathlib import Path

import anyio
import httpx
import pytest
import rich

import server
from server.store.job_states import SUCCESSFUL
from tests.engine_models import SMOLLM2
from tests.hub_process import HubProcess, start_hub
from tests.mcp_clients import http_client, text_of
from tests.standins.answers import Answer
from tests.standins.ollama import OllamaStandIn

pytestmark = pytest.mark.anyio

KILLS = int(os.environ.get("TOKEN_SAVER_TEST_KILLS", "3"))
EMBEDDED_KILLS = int(os.environ.get("TOKEN_SAVER_TEST_EMBEDDED_KILLS", "0"))
FILES = 40
REAL_FILES = 200
LARGEST = 2_000
"""Size limit of a source, bytes; small, because the model reads about a hundred tokens a second."""
NOTES = "# Notes\n\n" + "This file holds one function that returns a number. " * 4 + "\n"
OLD = "These notes are from before.\n"


@pytest.mark.timeout(900)
async def test_a_batch_survives_sigkill_at_any_moment(tmp_path: Path) -> None:
    project, home = tmp_path / "project", tmp_path / "home"
    project.mkdir()
    for number in range(FILES):
        (project / f"mod_{number}.py").write_text(f"def value_{number}():\n    return {number}\n")
    with OllamaStandIn() as ollama:
        ollama.answers.default = Answer(NOTES, delay=0.003)
        settings = {"TOKEN_SAVER_BACKEND__URL": ollama.url, "TOKEN_SAVER_ROOTS": json.dumps([str(project)])}
        job_id = await _kill_again_and_again(home, project, settings, KILLS, longest=0.3)
        with start_hub(home, **settings):
            await _until_ended(home, job_id, 600)
    assert _states(home, job_id) == {"delivered": FILES}
    _each_once(home, project, job_id)


@pytest.mark.timeout(3600)
@pytest.mark.skipif(not EMBEDDED_KILLS, reason="TOKEN_SAVER_TEST_EMBEDDED_KILLS is not set")
async def test_a_batch_of_real_files_on_the_embedded_engine_survives_sigkill(
    tmp_path: Path, token_saver_home: Path, smollm2: Path
) -> None:
    project, home = tmp_path / "project", token_saver_home
    _check_out(project)
    assert smollm2.is_relative_to(home)
    (home / "policy.yaml").write_text('version: "1"\ndefault: allow\ntools: {}\n')
    settings = {
        "TOKEN_SAVER_BACKEND__KIND": "embedded",
        "TOKEN_SAVER_BACKEND__URL": "",
        "TOKEN_SAVER_EMBEDDED__MODEL": SMOLLM2,
        "TOKEN_SAVER_OFFLOAD__MAX_OUTPUT_TOKENS": "24",
        "TOKEN_SAVER_OFFLOAD__REPAIR_ROUNDS": "0",
        "TOKEN_SAVER_OFFLOAD__ALLOW_LOSING": "true",
        "TOKEN_SAVER_BATCH__STOP_FAILING": "false",  # the small model often does not end its answer
        "TOKEN_SAVER_ROOTS": json.dumps([str(project)]),
    }
    job_id = await _kill_again_and_again(home, project, settings, EMBEDDED_KILLS, longest=3.0)
    with start_hub(home, **settings):
        await _until_ended(home, job_id, 2400)
    states = _states(home, job_id)
    print("ended as", states)
    assert states.total() == REAL_FILES
    assert states["delivered"]
    _each_once(home, project, job_id)


async def _kill_again_and_again(
    home: Path, project: Path, settings: dict[str, str], kills: int, longest: float
) -> str:
    """Start the batch and kill its hub repeatedly: each time after some more items have ended, so that the
    kills are spread over the batch, and up to ``longest`` seconds later."""
    chance = random.Random(20261121)
    sources = {path: path.read_bytes() for path in project.rglob("*.py")}
    job_id, ended = "", 0
    for kill in range(kills):
        with start_hub(home, **settings) as hub:
            job_id = job_id or await _submit(hub)
            wanted = min(len(sources) - 1, ended + chance.randint(1, 2 * len(sources) // (kills + 1)))
            while _ended(home, job_id) < wanted and _state(home, job_id) == "running":
                await anyio.sleep(0.05)
            await anyio.sleep(chance.uniform(0.0, longest))
            hub.process.kill()
            hub.process.wait()
        _no_file_is_torn(home, project)
        ended = _ended(home, job_id)
        print("after kill", kill + 1, dict(_states(home, job_id)), flush=True)
    assert {path: path.read_bytes() for path in project.rglob("*.py")} == sources
    return job_id


def _check_out(project: Path) -> None:
    """Copy sources of this project and of installed packages, each into its own folder; every second one
    gets an older notes file."""
    folders = [Path(str(package.__file__)).parent for package in (server, httpx, rich)]
    folders += [folders[0].parent / "dashboard", folders[0].parent / "tray"]
    found = [path for folder in folders for path in sorted(folder.rglob("*.py"))]
    small = [path for path in found if 0 < path.stat().st_size <= LARGEST]
    rest = sorted(set(found) - set(small), key=lambda path: (path.stat().st_size, path))
    for number, path in enumerate([*small, *rest][:REAL_FILES]):
        root = next(folder for folder in folders if path.is_relative_to(folder))
        target = project / root.name / path.relative_to(root)
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(path, target)
        if number % 2:
            target.with_suffix(".md").write_text(OLD)
    assert sum(1 for _ in project.rglob("*.py")) == REAL_FILES


async def _submit(hub: HubProcess) -> str:
    """Submit the batch and return the job's id."""
    arguments = {
        "task": "Write one short sentence that says what this is.",
        "each": ["**/*.py"],
        "output": "{dir}/{stem}.md",
        "wait": False,
    }
    async with http_client(hub, "2026-07-28") as client:
        text = text_of(await client.call_tool("batch_offload", arguments))
    found = re.search(r"Job (j\w+)", text)
    assert found is not None, text
    return found[1]


def _no_file_is_torn(home: Path, project: Path) -> None:
    """Check that every notes file is complete: the older one, or the result of an offload."""
    meant = {row[0] for row in _rows(home, "SELECT after_digest FROM undo")}
    for path in project.rglob("*.md"):
        data = path.read_bytes()
        assert data == OLD.encode() or hashlib.sha256(data).hexdigest() in meant, path.name


def _each_once(home: Path, project: Path, job_id: str) -> None:
    """Check that every item ended once, delivered files were written once, and other files are unchanged."""
    _no_file_is_torn(home, project)
    delivered = Counter(row[0] for row in _rows(home, _DELIVERED))
    expected = set(project.rglob("*.py"))
    for output, state, tries in _rows(
        home, "SELECT output, state, tries FROM job_item WHERE job_id = ?", job_id
    ):
        path = project / output
        assert delivered[output] == (state in SUCCESSFUL), (output, state, tries)
        if state in SUCCESSFUL or path.exists():
            expected.add(path)
        if path.exists() and state not in SUCCESSFUL:
            assert path.read_text() == OLD
    assert {path for path in project.rglob("*") if path.is_file()} == expected


_DELIVERED = """
SELECT item.output FROM job_item AS item JOIN offload ON offload.output = item.output
WHERE offload.outcome = 'delivered'
   OR (offload.outcome = 'interrupted' AND offload.id = item.offload_id AND item.state = 'delivered')
"""
"""One row for each time that an item's file was written for good; the second kind was written by an
offload that ended before it could say so."""


def _states(home: Path, job_id: str) -> Counter[str]:
    return Counter(row[0] for row in _rows(home, "SELECT state FROM job_item WHERE job_id = ?", job_id))


def _ended(home: Path, job_id: str) -> int:
    states = _states(home, job_id)
    return states.total() - states["waiting"] - states["running"]


def _state(home: Path, job_id: str) -> str:
    return _rows(home, "SELECT state FROM job WHERE id = ?", job_id)[0][0]


async def _until_ended(home: Path, job_id: str, seconds: float) -> None:
    deadline = time.monotonic() + seconds
    while _state(home, job_id) == "running":
        assert time.monotonic() < deadline, "the batch did not end in time"
        await anyio.sleep(0.2)
    assert _state(home, job_id) == "done", _rows(home, "SELECT reason FROM job WHERE id = ?", job_id)


def _rows(home: Path, query: str, *values: str) -> list[tuple[str, ...]]:
    database = sqlite3.connect(home / "history.db", timeout=30)
    try:
        return database.execute(query, values).fetchall()
    finally:
        database.close()
