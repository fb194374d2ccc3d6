"""What every page must fulfil at every width and in both schemes."""

from playwright.sync_api import Page

from tests.dashboard.support.axe import serious

TOO_WIDE = """[...document.querySelectorAll('body *')]
    .filter((element) => element.scrollWidth > element.clientWidth && element.clientWidth
                         && getComputedStyle(element).overflowX === 'visible')
    .slice(-2).map((element) => `${element.className}: ${element.textContent.slice(0, 80)}`)"""
"""The innermost elements with overflowing text or children."""


def examine(page: Page, width: int, within: str | None = None) -> None:
    """Check that nothing is wider than the window and that axe-core finds nothing serious, on the page or
    ``within`` a selector."""
    page.wait_for_function("!document.querySelector('[class*=-enter-active]')")
    wide = page.evaluate(TOO_WIDE)
    assert page.evaluate("document.documentElement.scrollWidth") <= width, (page.url, wide)
    found = serious(page, within)
    assert not found, "\n".join((page.url, *found))
