"""Tests of the savings reports: signs and size limits."""

import csv
import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from server.common.days import midnight, seconds_to_midnight
from server.config.sections import LedgerSettings
from server.ledger.accuracy import Accuracy
from server.ledger.cost_dashboard import LIMIT, cost_dashboard_text
from server.ledger.savings import (
    Savings,
    gather_savings,
    money,
    savings_csv,
    savings_json,
    savings_text,
)
from server.ledger.transcripts.check import TranscriptReport
from server.ledger.transcripts.missed_money import MissedForm
from server.store.history import History
from server.store.records import GroupTotal, OffloadRow, Totals
from tests.standins.serving import eventually
from tests.store.offloads import audit, end, keep_audit, start

SETTINGS = LedgerSettings()


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.mark.anyio
async def test_the_report_sums_up_the_history(tmp_path: Path) -> None:
    await eventually(lambda: seconds_to_midnight() > 10)  # else today's records may fall on two days
    history = await History.open(tmp_path / "history.db")
    for offload_id, when, spared in (
        ("a", midnight().timestamp() + 1, 500),
        ("b", midnight(3).timestamp(), 0),
        ("c", midnight(40).timestamp(), 900),
    ):
        await history.start(start(offload_id, when, task="Task " + offload_id))
        await history.finish(offload_id, end(spared=spared))
    await keep_audit(history, "a", audit(spared=300, spent=200))
    savings = await gather_savings(history, TranscriptReport())
    await history.close()

    text = cost_dashboard_text(savings, SETTINGS)

    # 500 - 207 = 293; 0 - 207 = -207; 900 - 207 = 693
    assert (savings.today.net_tokens, savings.week.net_tokens, savings.all.net_tokens) == (293, 86, 779)
    assert "today  +293 tokens, +$0.01 (1 calls); corrected +93" in text
    assert "7 days +86 tokens, +$0.01 (2 calls, 1 lost); corrected -114" in text
    assert "all    +779 tokens" in text
    assert "estimated +293, found +93" in text
    assert "offload_work: +779" in text
    assert "small: +779" in text
    assert "Worst loss: -207 tokens, -0.20¢" in text
    assert '"Task b"' in text


def test_a_loss_is_negative_in_every_report() -> None:
    totals = Totals(
        offloads=3, losing=3, net_tokens=-1234, net_microusd=-56_000, audited=1, audited_net_tokens=-9
    )
    groups = (GroupTotal("offload_work", totals),)
    savings = Savings(totals, totals, totals, groups, groups)
    text = cost_dashboard_text(savings, SETTINGS)
    assert text.count("-1,234") == 5
    assert text.count("-$0.06") == 5
    assert "-1,234" in savings_text(groups, SETTINGS)
    assert "-$0.06" in savings_text(groups, SETTINGS)
    row = next(csv.DictReader(savings_csv(groups, "tool").splitlines()))
    assert (row["tool"], row["net_tokens"], row["net_microusd"]) == ("offload_work", "-1234", "-56000")
    assert json.loads(savings_json(groups, "tool"))[0]["corrected_tokens"] == -1243


def test_every_report_separates_the_users_own_calls() -> None:
    totals = Totals(offloads=5, by_user=3, net_tokens=10)
    groups = (GroupTotal("offload_work", totals),)
    assert "(5 calls, 3 not by Claude)" in cost_dashboard_text(Savings(totals, totals, totals), SETTINGS)
    head, row, *_ = savings_text(groups, SETTINGS).splitlines()
    assert (head.split()[1:3], row.split()[2]) == (["by", "you"], "3")
    assert next(csv.DictReader(savings_csv(groups, "tool").splitlines()))["by_user"] == "3"


def test_the_largest_loss_is_always_shown() -> None:
    groups = tuple(GroupTotal(f"model-{n}", Totals(offloads=1, net_tokens=100 - 40 * n)) for n in range(9))
    whole = Totals(offloads=9, net_tokens=1)
    text = cost_dashboard_text(Savings(whole, whole, whole, (), groups), SETTINGS)
    assert "model-8: -220" in text


def test_an_empty_history_explains_what_to_do() -> None:
    nothing = Totals()
    assert "offload_work" in cost_dashboard_text(Savings(nothing, nothing, nothing), SETTINGS)
    assert savings_text((), SETTINGS) == "Nothing has been offloaded yet."


@pytest.mark.parametrize(
    ("settings", "amount", "shown"),
    [
        (SETTINGS, 1_234_567, "+$1.23"),
        (SETTINGS, -1_234_567_890, "-$1,234.57"),
        (LedgerSettings(unit="quota", quota_dollars=50), -2_500_000, "-5.00% of a week"),
        (LedgerSettings(unit="quota"), 1_000_000, "+$1.00"),
    ],
)
def test_money_has_a_sign_and_the_users_unit(settings: LedgerSettings, amount: int, shown: str) -> None:
    assert money(amount, settings) == shown


numbers = st.integers(-(10**15), 10**15)
names = st.text(max_size=200)
sums = st.builds(
    Totals,
    offloads=st.integers(1, 10**9),
    losing=st.integers(0, 10**9),
    net_tokens=numbers,
    net_microusd=numbers,
    audited=st.integers(0, 10**9),
    audited_estimate_tokens=numbers,
    audited_net_tokens=numbers,
)
groups = st.lists(st.builds(GroupTotal, names, sums), max_size=9).map(tuple)


@given(sums, sums, groups, groups, names)
def test_the_report_stays_under_its_limit(
    one: Totals, other: Totals, tools: tuple[GroupTotal, ...], models: tuple[GroupTotal, ...], task: str
) -> None:
    worst = OffloadRow(
        "id",
        1e9,
        1e9,
        "offload_work",
        task,
        "c",
        "/p",
        None,
        "handed_back",
        "",
        "",
        "m",
        1,
        1,
        1.0,
        -(10**15),
        -(10**15),
        False,
    )
    missed = MissedForm("output of commands", "digest hook", 10**12, 10**15, 0.5)
    found = TranscriptReport(accuracy={"B": Accuracy({"7": 3}, 10, 9)}, forms=(missed,))
    text = cost_dashboard_text(Savings(one, other, one, tools, models, worst, found), SETTINGS)
    assert len(text) < LIMIT
    assert all(part in text for part in ("today", "7 days", "all ", "Worst loss", "Missed", "By tool:"))
