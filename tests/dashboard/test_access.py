"""Every page for every reader: axe-core finds nothing serious; the keyboard reaches what the mouse does."""

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, expect

from tests.dashboard.stage import Stage, ask, settle, visit
from tests.standins.answers import Answer

PATHS = (
    "/",
    "/history",
    "/offload/{id}",
    "/batches",
    "/models",
    "/savings",
    "/policy",
    "/settings",
    "/welcome",
)


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [360, 1280])
def test_axe_finds_nothing_serious(browser: Browser, stage: Stage, width: int, scheme: str) -> None:
    with visit(browser, stage.hub, width=width, scheme=scheme, reduced_motion="reduce") as (page, _):
        for path in PATHS:
            page.goto(stage.url(path.format(id=stage.ids[-1])))
            expect(page.locator("h1")).to_be_visible()
            settle(page)
            assert serious(page) == [], path


def test_axe_finds_nothing_serious_while_work_runs(browser: Browser, stage: Stage) -> None:
    stage.ollama.answers.when("essay", Answer("word " * 5000, delay=0.05))
    with visit(browser, stage.hub, reduced_motion="reduce") as (page, _), stage.client() as client:
        ask(client, "Write an essay", output="a.txt")
        expect(page.locator(".run .stream-text")).to_contain_text("word")
        assert serious(page) == []


def test_the_keyboard_goes_straight_to_the_content_and_to_every_page(page: Page, stage: Stage) -> None:
    page.keyboard.press("Tab")
    expect(page.locator(":focus")).to_have_text("Skip to the page's content")
    names = []
    for _ in range(8):
        page.keyboard.press("Tab")
        names.append(page.locator(":focus").inner_text())
    assert any("Now" in name for name in names)
    assert any("History" in name for name in names)


def serious(page: Page) -> list[str]:
    """Return axe-core's serious and critical findings, with where they are."""
    found = Axe().run(page).response["violations"]
    return [
        f"{each['id']}: {node['html'][:160]} {node['failureSummary']}"
        for each in found
        if each["impact"] in ("serious", "critical")
        for node in each["nodes"]
    ]
