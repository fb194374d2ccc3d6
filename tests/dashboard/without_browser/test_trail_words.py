"""Tests of the audit trail's rows in words."""

from dataclasses import replace

import pytest

from dashboard.trail_words import KINDS, runs, trail_words
from server.policy import trail
from server.policy.trail import Record

ROW = Record(7, 0.0, "offload", "", "", "", "", "", "", "{}", "")


def test_every_kind_has_a_name() -> None:
    assert set(KINDS) == set(trail.KINDS)


@pytest.mark.parametrize(
    ("record", "title", "about", "whole"),
    [
        pytest.param(
            replace(
                ROW,
                verdict="handed_back",
                text="Handed back, example_failed (examples): `f(1)` is 2. Nothing was written (1 try).",
            ),
            "f(1) is 2.",
            "Handed back",
            "Handed back, example_failed (examples): f(1) is 2. Nothing was written (1 try).",
            id="handed-back",
        ),
        pytest.param(
            replace(ROW, kind="write", verdict="delivered", text="a.py: +2 -0 lines.\nParsed; checks: x."),
            "a.py: +2 −0 lines.",
            "",
            "a.py: +2 -0 lines.\nParsed; checks: x.",
            id="written",
        ),
        pytest.param(
            replace(ROW, kind="write", verdict="delivered", text="b.py: +7 -0 (new) lines; f."),
            "b.py: a new file of 7 lines; f.",
            "",
            "b.py: +7 -0 (new) lines; f.",
            id="new-file",
        ),
        pytest.param(
            replace(ROW, kind="connection", client="cursor", text="A session of cursor began."),
            "A session of cursor began.",
            "",
            "",
            id="client-in-the-text",
        ),
        pytest.param(
            replace(ROW, kind="pause", verdict="paused", text="Offloading was paused."),
            "Offloading was paused.",
            "",
            "",
            id="said-by-the-text",
        ),
        pytest.param(
            replace(
                ROW, kind="decision", verdict="approve", tool="offload_work", client="cli", project="/p/shop",
                text="Many files.",
            ),
            "Many files.",
            "asked you · Task · cli · shop",
            "",
            id="decision",
        ),
        pytest.param(
            replace(ROW, text='settings_invalid: The rule "many" of offload_work (line 6) is broken.'),
            'The rule "many" for tasks (line 6) is broken.',
            "",
            'settings_invalid: The rule "many" of offload_work (line 6) is broken.',
            id="code-and-tool",
        ),
    ],
)  # fmt: skip
def test_a_row_says_each_thing_once(record: Record, title: str, about: str, whole: str) -> None:
    words = trail_words(record)
    assert (words.title, words.about, words.whole) == (title, about, whole)


def test_a_row_links_to_its_call() -> None:
    words = trail_words(replace(ROW, details='{"offload": "a1", "rule": "many", "paths": ["a", "b"]}'))
    assert words.offload == "a1"
    assert {("Rule", "many"), ("Files", "a, b")} <= set(words.facts)


def test_equal_rows_that_follow_each_other_come_together() -> None:
    rows = [replace(ROW, seq=number, text=text) for number, text in ((5, "b"), (4, "a"), (3, "a"), (2, "b"))]
    assert [[row.seq for row in run] for run in runs(rows)] == [[5], [4, 3], [2]]
