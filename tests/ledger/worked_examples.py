"""The worked examples of ``docs/receipts.md``: their arithmetic, repeated, and their results."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path

PAGE = Path(__file__).parents[2] / "docs" / "receipts.md"
_LINE = re.compile(r"(?P<name>\w+) +(?P<sum>[-+x/\d., ]+) = (?P<result>-?[\d.,]+)")


@dataclass(frozen=True)
class Calculation:
    """One line of an example: ``name  SUM = RESULT``."""

    name: str
    sum: str
    result: Decimal

    @property
    def computed(self) -> Decimal:
        """The result, computed from the sum: products and quotients first, then from left to right."""
        total, sign = Decimal(0), 1
        for part in re.split(r" ([-+]) ", self.sum):
            if part in ("+", "-"):
                sign = 1 if part == "+" else -1
            else:
                total += sign * _product(part)
        return total


def read_examples() -> dict[str, tuple[Calculation, ...]]:
    """Return the calculations under each heading of the page, in order."""
    found: dict[str, tuple[Calculation, ...]] = {}
    for heading, text in _sections(PAGE.read_text(encoding="utf-8")):
        blocks = re.findall(r"^```\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)
        lines = [line for block in blocks for line in block.splitlines()]
        found[heading] = tuple(_calculation(line) for line in lines)
    return found


def _sections(text: str) -> Iterator[tuple[str, str]]:
    _, *parts = re.split(r"^##+ (.+)$", text, flags=re.MULTILINE)
    yield from zip(parts[::2], parts[1::2], strict=True)


def _calculation(line: str) -> Calculation:
    match = _LINE.fullmatch(line)
    assert match is not None, line
    return Calculation(match["name"], match["sum"], _number(match["result"]))


def _product(text: str) -> Decimal:
    first, *rest = re.split(r" ([x/]) ", text)
    value = _number(first)
    for operator, factor in zip(rest[::2], rest[1::2], strict=True):
        value = value * _number(factor) if operator == "x" else value / _number(factor)
    return value


def _number(text: str) -> Decimal:
    return Decimal(text.strip().replace(",", ""))
