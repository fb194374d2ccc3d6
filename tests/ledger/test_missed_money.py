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
    read, write, command = missed_forms([Summary(parts=parts)], {"offload_work": 0.75})
    assert (read.form, read.tokens, read.microusd, read.success, read.likely) == (
        "files read",
        4_000,
        90_000,
        None,
        0,
    )
    assert (write.form, write.likely) == ("files written", 30_000)
    assert command.form == "output of commands"
