"""Tests of missed chances in money: forms, weights, what is no chance."""

import pytest

from server.ledger.transcripts.missed_money import form_of, missed_forms
from server.ledger.transcripts.summary import PartCost, Summary

pytestmark = pytest.mark.fast


@pytest.mark.parametrize(
    ("part", "form"),
    [
        ("result:Read+", "files read"),
        ("result:Read part+", "files read"),
        ("result:Read", ""),
        ("result:pytest+", "output of commands"),
        ("result:tail of make", ""),
        ("result:Agent+", ""),
        ("output:Write", "files written"),
        ("output:Edit", "edits"),
        ("output:thinking", ""),
        ("skill:dataviz", ""),
    ],
)
def test_each_part_of_the_bill_has_its_form(part: str, form: str) -> None:
    assert form_of(part) == form


def test_forms_are_weighed_by_the_users_own_success() -> None:
    parts = {
        "result:Read+": PartCost(entered=4_000, money=90_000),
        "result:make+": PartCost(entered=1_000, money=10_000),
        "output:Write": PartCost(entered=500, money=40_000),
    }
    read, write, command = missed_forms([Summary(parts=parts)], {"files written": 0.75})
    assert (read.form, read.tokens, read.microusd, read.success, read.likely) == (
        "files read",
        4_000,
        90_000,
        None,
        0,
    )
    assert (write.form, write.likely) == ("files written", 30_000)
    assert command.form == "output of commands"


def test_listings_turns_and_edited_files_have_rules_of_their_own() -> None:
    parts = {
        "skill:a": PartCost(entered=50, money=3_000),
        "skill:b": PartCost(entered=50, money=3_000, uses=1),
        "result:Read+": PartCost(entered=4_000, money=80_000),
    }
    habits = {
        "write_turns": 9.0,
        "write_turn_money": 126_900.0,
        "reads_large": 8.0,
        "reads_large_edited": 6.0,
    }
    turns, read, listed = missed_forms([Summary(parts=parts, habits=habits)], {"files read": 0.5})
    assert (turns.form, turns.tokens, turns.tool) == ("turns that wrote one file each", 9, "batch_offload")
    # Three quarters of the large files were edited later: Claude needed them.
    assert (read.tokens, read.microusd, read.likely) == (1_000, 20_000, 10_000)
    assert (listed.form, listed.microusd, listed.likely) == ("listings never used", 3_000, 3_000)
    assert "no saving is estimated" in turns.text()
    assert "likely $0.01" in read.text()
    assert "switches them off" in listed.text()
