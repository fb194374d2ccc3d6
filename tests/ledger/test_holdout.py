"""Tests of the measured arm: who is held out, what is recorded, the difference and its interval."""

import uuid
from dataclasses import asdict
from pathlib import Path

import pytest

from server.ledger.holdout import ArmComparison, Holdout, compare, is_held_out, session_money
from server.ledger.transcripts.summary import Summary
from server.reminder.__main__ import HELD_OUT
from server.store.history import History
from server.store.transcript_checks import read_arms

SESSIONS = [str(uuid.UUID(int=number * 7919 + 5)) for number in range(2_000)]


@pytest.mark.fast
def test_the_share_of_sessions_is_held_out() -> None:
    held = sum(is_held_out(session, 0.25) for session in SESSIONS)
    assert held == pytest.approx(500, abs=80)
    assert not any(is_held_out(session, 0.0) for session in SESSIONS)


@pytest.mark.anyio
async def test_a_session_keeps_its_arm_when_the_share_changes(history: History, tmp_path: Path) -> None:
    session = next(each for each in SESSIONS if is_held_out(each, 0.5))

    def arm(share: float) -> Holdout:
        return Holdout(share, history.database, tmp_path)

    assert await arm(0.5).is_silent(session)
    assert await arm(0.000001).is_silent(session)
    assert not await arm(0.0).is_silent(session)
    assert not await arm(0.999).is_silent("4f2a1c")  # no session of Claude Code
    assert await history.database.read(read_arms) == {session: True}
    assert (tmp_path / HELD_OUT).read_text() == session


@pytest.mark.fast
def test_the_difference_has_an_interval() -> None:
    arms = {str(number): number % 2 == 1 for number in range(80)}
    # Held-out sessions cost 2,000 or 4,000, the others 1,000 or 3,000: means 3,000 and 2,000
    money = {str(n): 2_000.0 * ((n // 2) % 2) + (2_000 if n % 2 else 1_000) for n in range(80)}
    found = compare(arms, money)
    assert (found.used, found.held_out, found.enough) == (40, 40, True)
    assert (found.used_mean, found.held_out_mean, found.saved) == (2_000, 3_000, 1_000)
    # The variance of each arm is 1,000 x 1,000 x 40 / 39: 1.96 x sqrt(2 x 25,641.03)
    assert found.margin == pytest.approx(443.85, abs=0.01)
    assert "95 % interval +$0.001 to +$0.001" in found.text()


@pytest.mark.fast
def test_too_few_sessions_show_no_difference() -> None:
    few = ArmComparison(used=40, held_out=3, used_mean=1e6, held_out_mean=2e6)
    assert "once there are 30 sessions of each kind" in few.text()
    assert "$" not in few.text()
    assert ArmComparison().text() == ""
    unclear = ArmComparison(used=40, held_out=40, used_mean=1e6, held_out_mean=1.1e6, margin=3e5)
    assert "no saving is proven" in unclear.text()


@pytest.mark.fast
def test_subagents_count_with_their_session() -> None:
    parts = [
        Summary(session="a", money=2.0),
        Summary(session="a", money=3.0, side=True),
        Summary(session="b"),
    ]
    assert session_money(parts) == {"a": 5.0, "b": 0.0}
    assert asdict(compare({"a": False}, {"a": 5.0}))["used_mean"] == 5.0
