"""Every recogniser on damaged outputs: true line numbers, the budget kept, no exception, linear time."""

import random

import pytest

from tests.digests import sheets
from tests.digests.fuzz.mutations import MUTATIONS
from tests.digests.fuzz.properties import broken

LONGEST = 16_000
"""Bytes of an output that are damaged here; the long run takes all of them."""
KINDS = list(MUTATIONS)


@pytest.mark.parametrize("name", sheets.names())
def test_a_damaged_output_has_a_true_digest(name: str) -> None:
    sample = sheets.load(name)
    turn = sheets.names().index(name)
    for step in range(4):
        kind = KINDS[(turn + 3 * step) % len(KINDS)]
        first = 0 if step % 2 else max(0, len(sample.data) - LONGEST)
        data = MUTATIONS[kind](sample.data[first : first + LONGEST], random.Random(f"{name} {kind}"))
        assert broken(data, sample.sheet, exit_status=1) == [], kind
