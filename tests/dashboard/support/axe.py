"""Accessibility findings of axe-core."""

from axe_playwright_python.base import AXE_SCRIPT
from playwright.sync_api import Page

IS_LOADED = "typeof axe === 'object'"
RUN = """async (within) => {
    const found = await axe.run(within || document, {resultTypes: ['violations']});
    return found.violations.filter(({impact}) => impact === 'serious' || impact === 'critical')
        .flatMap(({id, nodes}) => nodes.map(({html, failureSummary}) =>
            `${id}: ${html.slice(0, 160)} ${failureSummary}`));
}"""


def serious(page: Page, within: str | None = None) -> list[str]:
    """Return the serious and critical findings with their places, on the whole page or ``within`` a
    selector."""
    if not page.evaluate(IS_LOADED):
        page.evaluate(AXE_SCRIPT)
    found: list[str] = page.evaluate(RUN, within)
    return found
