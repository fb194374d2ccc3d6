"""A rename that misses references is completed on the syntax tree, and nothing else is touched."""

import pytest

from server.offload.answers.edits import apply
from server.offload.checks.renames import completed_rename
from server.offload.code.languages import named_language

PYTHON = named_language("python")

ORDER = """\
from dataclasses import dataclass, replace


@dataclass
class Order:
    qty: int

    def double(self):
        return self.qty * 2


def split(order, qty):
    return replace(order, qty=qty), Order(qty=order.qty - qty)
"""
RATES = """\
LIMIT = 3


def rate(days, top=LIMIT):
    return min(days, LIMIT)


def local(LIMIT):
    return LIMIT + rate(LIMIT)


class Plan:
    LIMIT = 5

    def of(self):
        return [rate(each) for each in range(LIMIT)], self.LIMIT
"""


@pytest.mark.parametrize(
    ("before", "answer", "expected"),
    [
        pytest.param(
            ORDER,
            ORDER.replace("    qty: int", "    quantity: int"),
            ORDER.replace("    qty: int", "    quantity: int")
            .replace("self.qty", "self.quantity")
            .replace("qty=qty)", "quantity=qty)")
            .replace("qty=order.qty", "quantity=order.quantity"),
            id="field",
        ),
        pytest.param(
            RATES,
            RATES.replace("LIMIT = 3", "MOST = 3", 1),
            RATES.replace("LIMIT = 3", "MOST = 3", 1)
            .replace("top=LIMIT", "top=MOST")
            .replace("(days, LIMIT)", "(days, MOST)")
            .replace("range(LIMIT)", "range(MOST)"),
            id="constant",
        ),
        pytest.param(
            RATES, RATES.replace("def rate", "def price"), RATES.replace("rate(", "price("), id="function"
        ),
    ],
)
def test_missed_references_are_renamed(before: str, answer: str, expected: str) -> None:
    found = completed_rename(before, answer, PYTHON)
    assert found is not None
    assert apply(before, found.edits) == expected


@pytest.mark.parametrize(
    "answer",
    [
        pytest.param(RATES.replace("rate(", "price("), id="complete"),
        pytest.param(RATES.replace("def local(LIMIT)", "def local(top)"), id="parameter"),
        pytest.param(RATES.replace("LIMIT = 3", "rate = 3", 1), id="a name that is there"),
        pytest.param(RATES.replace("LIMIT = 3", "MOST = 4", 1), id="another change as well"),
        pytest.param(RATES.replace("LIMIT = 3", "LIMIT = 4", 1), id="value"),
        pytest.param(RATES + "\n\nX = 1\n", id="addition"),
    ],
)
def test_other_answers_are_left_alone(answer: str) -> None:
    assert completed_rename(RATES, answer, PYTHON) is None
