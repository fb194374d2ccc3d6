"""Tests of the progress lines of ``status`` and ``models``."""

import pytest

from server.commands.status import activity_line


@pytest.mark.parametrize(
    ("phase", "completed", "total", "line"),
    [
        ("download", 120_000_000, 1_117_000_000, "download coder:7b  120 of 1,117 MB"),
        ("load", 0, 0, "load     coder:7b"),
        ("measure", 3, 9, "measure  coder:7b  3 of 9 steps"),
    ],
)
def test_an_activity_is_one_line(phase: str, completed: int, total: int, line: str) -> None:
    activity = {"phase": phase, "model": "coder:7b", "completed": completed, "total": total, "rate": 0.0}
    assert activity_line(activity) == line
