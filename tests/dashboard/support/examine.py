"""What every page must fulfil at every width and in both schemes."""

import os
from collections.abc import Iterator
from typing import Literal

from playwright.sync_api import Page

from tests.dashboard.support.axe import serious

EVERY_LOOK = os.environ.get("TOKEN_SAVER_TEST_LOOKS") == "all"
"""Whether axe-core examines every page at every width in both schemes: the long form of the tests."""
WIDTHS = (360, 640, 1280, 2560)
"""640 pixels are a window of 1280 at 200 % zoom."""
SCHEMES: tuple[Literal["light", "dark"], ...] = ("light", "dark")
TOO_WIDE = """[...document.querySelectorAll('body *')]
    .filter((element) => element.scrollWidth > element.clientWidth && element.clientWidth
                         && getComputedStyle(element).overflowX === 'visible')
    .slice(-2).map((element) => `${element.className}: ${element.textContent.slice(0, 80)}`)"""
"""The innermost elements with overflowing text or children."""


def examine(page: Page, width: int, within: str | None = None) -> None:
    """Check that nothing is wider than the window and that axe-core finds nothing serious, on the page or
    ``within`` a selector."""
    fits(page, width)
    found = serious(page, within)
    assert not found, "\n".join((page.url, *found))


def fits(page: Page, width: int) -> None:
    """Check that nothing is wider than the window."""
    page.wait_for_function("!document.querySelector('[class*=-enter-active]')")
    wide = page.evaluate(TOO_WIDE)
    assert page.evaluate("document.documentElement.scrollWidth") <= width, (page.url, wide)


def looks(number: int, *, every: bool = EVERY_LOOK) -> Iterator[tuple[int, Literal["light", "dark"], bool]]:
    """Yield the widths of one page with a scheme, and whether axe-core examines the page.

    Pages with an odd ``number`` have the other scheme at each width. axe-core examines the narrowest window
    in one scheme and the widest in the other.
    """
    if every:
        yield from ((width, scheme, True) for scheme in SCHEMES for width in WIDTHS)
        return
    for place, width in enumerate(WIDTHS):
        yield width, SCHEMES[(place + number) % 2], place in (0, 3)
