"""What the end of an offload means for the user, in sentences."""

import dataclasses
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from dashboard.outcome_words import explain
from server.offload.checks.codes import REASONS
from server.offload.run.reply import handed_back
from server.offload.values import Check
from server.store.history import History
from server.store.records import OffloadDetail
from tests.store.offloads import attempt, end, start

pytestmark = [pytest.mark.anyio, pytest.mark.fast]

MESSAGE = "`share(0, 0) == 0` does not hold: ZeroDivisionError"


@pytest.fixture
async def history(tmp_path: Path) -> AsyncIterator[History]:
    opened = await History.open(tmp_path / "history.db")
    yield opened
    await opened.close()


async def _detail(history: History, outcome: str, code: str, summary: str, client: str) -> OffloadDetail:
    await history.start(start("0000000a", client=client))
    for number in (1, 2):
        await history.attempt("0000000a", attempt(number))
    await history.attempt("0000000a", dataclasses.replace(attempt(3), kind="inputs"))
    await history.finish("0000000a", end(outcome, code=code, summary=summary))
    detail = await history.get("0000000a")
    assert detail is not None
    return detail


async def test_a_hand_back_names_the_reason_the_finding_and_what_to_do(history: History) -> None:
    reply = handed_back("0000000a", Check("examples", False, MESSAGE, "example_failed"), ())
    words = explain(await _detail(history, "handed_back", "example_failed", reply, "claude-code"))
    assert words.reason == REASONS["example_failed"]
    assert words.detail == "share(0, 0) == 0 does not hold: ZeroDivisionError."
    assert words.advice == (
        "Nothing was written after 2 tries. Claude was told to do the task itself. "
        "You can run it again with another model or with two to four examples."
    )


async def test_nobody_was_told_if_the_user_called(history: History) -> None:
    reply = handed_back("0000000a", Check("parses", False, "line 1", "does_not_parse"), (), by_user=True)
    words = explain(await _detail(history, "handed_back", "does_not_parse", reply, "dashboard"))
    assert words.advice == "Nothing was written after 2 tries. You can run it again with another model."


async def test_other_ends_keep_their_own_words(history: History) -> None:
    words = explain(await _detail(history, "failed", "backend_failed", "backend_failed: It broke.", "x"))
    assert (words.reason, words.detail, words.advice) == ("", "It broke.", "")
