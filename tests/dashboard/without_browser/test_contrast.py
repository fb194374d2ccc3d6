"""The contrast of syntax colours on every background of a diff, from the stylesheet's own values."""

import itertools
import re
from pathlib import Path

import pytest

pytestmark = pytest.mark.fast

STYLE = (Path(__file__).parents[3] / "assets" / "style.css").read_text(encoding="utf-8")
PAIR = r"light-dark\((#[0-9a-f]{6}), (#[0-9a-f]{6})\)"
SYNTAX = re.findall(rf"\.ts-syntax-(\w+) \{{ color: {PAIR}", STYLE)
GROUNDS = re.findall(rf"--((?:added|removed|sunken)\S*): {PAIR}", STYLE)
LEAST = 4.5


def test_the_stylesheet_has_these_colours() -> None:
    assert {name for name, *_ in SYNTAX} >= {"keyword", "string", "number", "name"}
    assert {name for name, *_ in GROUNDS} == {"added", "removed", "added-word", "removed-word", "sunken"}


@pytest.mark.parametrize("scheme", [0, 1], ids=["light", "dark"])
def test_code_is_readable_on_every_ground_of_a_diff(scheme: int) -> None:
    low = {
        (text, ground): round(found, 2)
        for (text, *colours), (ground, *grounds) in itertools.product(SYNTAX, GROUNDS)
        if (found := contrast(colours[scheme], grounds[scheme])) < LEAST
    }
    assert not low


def contrast(one: str, other: str) -> float:
    """Return the contrast by WCAG 2.2, https://www.w3.org/TR/WCAG22/#dfn-contrast-ratio."""
    darker, lighter = sorted((luminance(one), luminance(other)))
    return (lighter + 0.05) / (darker + 0.05)


def luminance(colour: str) -> float:
    """Return the relative luminance of ``#rrggbb``."""
    parts = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    red, green, blue = (
        part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts
    )
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue
