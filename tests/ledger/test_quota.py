"""Tests of the quotas that Claude Code's status line reports."""

from pathlib import Path

import pytest

from server.ledger.quota import Quota, QuotaFile

pytestmark = pytest.mark.fast


def test_a_report_is_kept_and_shown(tmp_path: Path) -> None:
    file = QuotaFile(tmp_path)
    assert file.read().text() == ""
    file.note(
        {"five_hour": {"used_percentage": 23.5, "resets_at": 2e9}, "seven_day": {"used_percentage": 41.2}}
    )
    text = QuotaFile(tmp_path).read().text(now=1.9e9)
    assert text.startswith("5-hour quota 24 % used, weekly quota 41 % used (Claude Code's status line, ")


def test_a_window_that_ended_is_unknown() -> None:
    quota = Quota(at=1e9, five_hour=99.0, five_hour_ends=1e9 + 60, seven_day=50.0, seven_day_ends=1e9 + 9_000)
    assert quota.text(now=1e9 + 100).startswith("weekly quota 50 % used")
    assert quota.text(now=1e9 + 10_000) == ""


@pytest.mark.parametrize(
    "limits",
    [
        {},
        {"five_hour": None},
        {"seven_day": {"used_percentage": True}},
        {"five_hour": {"used_percentage": "9"}},
    ],
    ids=["empty", "none", "no-number", "text"],
)
def test_reports_without_a_figure_change_nothing(tmp_path: Path, limits: dict[str, object]) -> None:
    QuotaFile(tmp_path).note(limits)
    assert list(tmp_path.iterdir()) == []
