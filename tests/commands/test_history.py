"""Tests of ``token-saver history`` on a real history, without a hub."""

import asyncio
import json

import pytest

from server.commands.history import list_offloads, show_offload
from server.common.errors import NotFound
from server.config.folders import find_folders
from server.store.history import History
from server.store.records import SHELL, AttemptRecord, CheckRecord
from tests.store.offloads import end, start


@pytest.fixture(autouse=True)
def three_offloads() -> None:
    """A delivered offload, one that failed its checks, and one of the user's own."""

    async def fill() -> None:
        folders = find_folders()
        folders.create()
        history = await History.open(folders.database)
        await history.start(start("c707f3c8", 1_000_000.0, task="Write\nslugify"))
        await history.finish("c707f3c8", end(summary="out.py: +12 lines", diff="+def slugify(): ..."))
        await history.start(start("c7aa0001", 2_000_000.0, task="Fix it"))
        check = CheckRecord("syntax", False, "line 1: bad\x1b[8m")
        attempt = AttemptRecord(1, "new", (), "def broken(:", "", "stop", 10, 5, (check,))
        await history.attempt("c7aa0001", attempt)
        await history.finish("c7aa0001", end("handed_back", code="syntax", summary="Handed back.", diff=""))
        await history.start(start("af69c1d2", 3_000_000.0, client=SHELL, receipt=None))
        await history.finish("af69c1d2", end(spared=7, spent=0))
        await history.close()

    asyncio.run(fill())


def test_the_newest_comes_first(capsys: pytest.CaptureFixture[str]) -> None:
    list_offloads(find_folders(), 20, failed=False, as_json=False)
    head, *rows = capsys.readouterr().out.splitlines()
    assert head.split() == ["id", "started", "result", "saved", "file", "task"]
    assert [row.split()[0] for row in rows] == ["af69c1d2", "c7aa0001", "c707f3c8"]
    assert "by you" in rows[0]
    assert "handed back (syntax)" in rows[1]
    assert "+293" in rows[2]
    assert rows[2].endswith("Write slugify")


def test_limit_and_failures_only(capsys: pytest.CaptureFixture[str]) -> None:
    list_offloads(find_folders(), 1, failed=False, as_json=True)
    assert [row["id"] for row in json.loads(capsys.readouterr().out)] == ["af69c1d2"]
    list_offloads(find_folders(), 20, failed=True, as_json=True)
    assert [row["id"] for row in json.loads(capsys.readouterr().out)] == ["c7aa0001"]


def test_failures_exclude_cancelled_and_denied_calls(capsys: pytest.CaptureFixture[str]) -> None:
    async def more() -> None:
        history = await History.open(find_folders().database)
        for number, outcome in enumerate(("cancelled", "denied", "failed")):
            await history.start(start(f"b000000{number}", 4_000_000.0 + number))
            await history.finish(f"b000000{number}", end(outcome, code="x", diff=""))
        await history.close()

    asyncio.run(more())
    list_offloads(find_folders(), 20, failed=True, as_json=True)
    found = [row["outcome"] for row in json.loads(capsys.readouterr().out)]
    assert found == ["failed", "handed_back"]


def test_unfinished_work_without_its_hub_was_interrupted(capsys: pytest.CaptureFixture[str]) -> None:
    async def more() -> None:
        history = await History.open(find_folders().database, owner=False)
        await history.start(start("b0000000", 4_000_000.0))
        await history.close()

    asyncio.run(more())
    list_offloads(find_folders(), 1, failed=False, as_json=False)
    assert " interrupted " in capsys.readouterr().out


def test_one_is_shown_with_its_diff(capsys: pytest.CaptureFixture[str]) -> None:
    show_offload(find_folders(), "c707", as_json=False)
    told = capsys.readouterr().out
    assert told.startswith("c707f3c8  1970-")
    assert "out.py: +12 lines\n" in told
    assert "saved 500, cost 207, net +293 tokens\n\n+def slugify(): ...\n" in told


def test_one_that_failed_is_shown_with_its_answer(capsys: pytest.CaptureFixture[str]) -> None:
    show_offload(find_folders(), "c7aa0001", as_json=False)
    told = capsys.readouterr().out
    assert r"try 1: syntax failed: line 1: bad\x1b[8m" in told
    assert told.endswith("Last answer (not written):\ndef broken(:\n")
    show_offload(find_folders(), "c7aa0001", as_json=True)
    assert json.loads(capsys.readouterr().out)["attempts"][0]["answer"] == "def broken(:"


@pytest.mark.parametrize(("given", "why"), [("c7", "There is no"), ("nosuch", "There is no"), ("c7__", "no")])
def test_an_unknown_id_is_an_error(given: str, why: str) -> None:
    with pytest.raises(NotFound, match=why):
        show_offload(find_folders(), given, as_json=False)


def test_an_ambiguous_prefix_is_an_error() -> None:
    async def another() -> None:
        history = await History.open(find_folders().database)
        await history.start(start("c707ffff"))
        await history.close()

    asyncio.run(another())
    with pytest.raises(NotFound, match="Several"):
        show_offload(find_folders(), "c707", as_json=False)
    show_offload(find_folders(), "c707f3", as_json=True)
