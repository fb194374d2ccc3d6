"""Digests of real outputs keep their facts and state nothing false."""

import pytest

from server.digests.clean import clean_lines
from server.digests.engine import make_digest
from tests.digests import sheets


@pytest.mark.parametrize("name", sheets.names())
@pytest.mark.fast
def test_digest_keeps_the_facts(name: str) -> None:
    sample = sheets.load(name)
    sheet = sample.sheet
    digest = make_digest(
        sample.data, sheets.LIMIT, command=sheet["command"], exit_status=sheet["exit_status"]
    )
    assert len(digest.text) <= sheets.LIMIT
    assert sheets.false(digest.text, sheet) == []
    lost = sheets.missing(digest.text, sheet)
    assert len(lost) <= len(sheet["facts"]) * 0.1, lost


@pytest.mark.parametrize("name", sheets.names())
@pytest.mark.parametrize("room", [300, 2_000, 20_000], ids=["short", "usual", "long"])
def test_quotes_stand_on_their_lines(name: str, room: int) -> None:
    sample = sheets.load(name)
    text = sample.data.decode("utf-8")
    lines = {line.number: line for line in clean_lines(text.split("\n"))}
    digest = make_digest(sample.data, room, exit_status=sample.sheet["exit_status"])
    assert sheets.misquoted(digest, lines) == []
    assert len(digest.text) <= room
