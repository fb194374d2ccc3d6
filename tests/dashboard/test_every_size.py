"""Every key of the dashboard in a window of 2,560 px at 200 %.

``TOKEN_SAVER_TEST_SIZES=all`` opens windows of every size. ``TOKEN_SAVER_TEST_LOOKS=all`` lets axe-core
examine what ``test_looks.py`` and ``test_walk.py`` examine at other sizes.
"""

import re

import pytest
from playwright.sync_api import Browser, Page, expect

from dashboard.components.frame.page_frame import PAGES
from tests.bridge_client import RawClient
from tests.dashboard import test_walk
from tests.dashboard.support.examine import EVERY_LOOK, examine, fits
from tests.dashboard.support.harness import DashboardHarness, ask, settle
from tests.dashboard.support.sizes import Size, sizes, window

CHORDS = {
    "/": "n",
    "/history": "h",
    "/review": "r",
    "/batches": "b",
    "/models": "m",
    "/savings": "s",
    "/context": "c",
    "/digests": "d",
    "/policy": "p",
    "/settings": ",",
    "/welcome": "w",
}
SEARCHES = {
    "/history": "Search tasks and files",
    "/policy": "Search the trail",
    "/models": "Name, address or path",
    "/settings": "Search settings",
}
"""Fields that the slash goes to, by page."""
SIZES = sizes(Size(2560, 2, "dark"))

client = test_walk.client
_work = test_walk._work  # the engine that a second run asks answers without end


@pytest.fixture(params=SIZES, ids=str)
def size(request: pytest.FixtureRequest) -> Size:
    found: Size = request.param
    return found


def test_every_key(browser: Browser, stage: DashboardHarness, client: RawClient, size: Size) -> None:
    for name in ("first", "second", "third"):
        client.answer(ask(client, f"Write a {name} note at {size}", output=f"{name}.txt"))
    with window(browser, stage, size) as page:
        _chords(page, size)
        for path, name in SEARCHES.items():
            page.goto(stage.url(path))
            settle(page)
            page.keyboard.press("/")
            field = page.get_by_label(name)
            expect(field).to_be_focused()
            page.keyboard.type("g h?")
            expect(field).to_have_value("g h?")
        _help_and_palette(page, stage, size)
        _lists(page, stage)
        _review(page, stage, size)


def _chords(page: Page, size: Size) -> None:
    names = {path: name for path, name, _ in PAGES} | {"/welcome": "First steps"}
    assert names.keys() == CHORDS.keys()
    for path, key in CHORDS.items():
        settle(page)
        page.keyboard.press("g")
        page.keyboard.press(key)
        expect(page.locator("h1")).to_have_text(names[path])
        settle(page)
        (examine if EVERY_LOOK else fits)(page, size.css_width)


def _help_and_palette(page: Page, stage: DashboardHarness, size: Size) -> None:
    page.goto(stage.url("/"))
    settle(page)
    page.keyboard.press("?")
    keys = page.get_by_role("dialog", name="Keys")
    expect(keys).to_be_visible()
    examine(page, size.css_width, "dialog")
    page.keyboard.press("Escape")
    expect(keys).to_have_count(0)
    page.keyboard.press("Control+k")
    palette = page.get_by_role("combobox", name="Find a page, command, setting, model or task")
    expect(palette).to_be_focused()
    examine(page, size.css_width, "dialog")
    page.keyboard.press("ArrowDown")
    expect(page.get_by_role("option", selected=True)).to_contain_text("History")
    page.keyboard.press("ArrowUp")
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")
    expect(page.locator("h1")).to_have_text("History")


def _lists(page: Page, stage: DashboardHarness) -> None:
    page.goto(stage.url("/history"))
    settle(page)
    rows = page.locator("main a.ts-offload")
    for key, row in (("j", 0), ("j", 1), ("k", 0)):
        page.keyboard.press(key)
        expect(rows.nth(row)).to_be_focused()
        expect(rows.nth(row)).to_be_in_viewport()
    page.keyboard.press("Enter")
    page.wait_for_url(re.compile("/offload/"))
    page.go_back()
    expect(page.locator("h1")).to_have_text("History")


def _review(page: Page, stage: DashboardHarness, size: Size) -> None:
    page.goto(stage.url("/review"))
    settle(page)
    entries = page.locator(".ts-review-item")
    chosen = page.locator(".ts-review-chosen")
    expect(chosen).to_have_count(1)
    count = entries.count()
    for key, place in (("j", 1), ("j", 2), ("k", 1)):
        page.keyboard.press(key)
        expect(entries.nth(place)).to_have_attribute("aria-current", "true")
    examine(page, size.css_width)
    page.locator(".ts-review-item", has_text="first.txt").first.click()
    page.keyboard.press("u")
    expect(entries).to_have_count(count - 1)
    page.locator(".ts-review-item", has_text="second.txt").first.click()
    page.keyboard.press("a")
    expect(entries).to_have_count(count - 2)
    page.locator(".ts-review-item", has_text="third.txt").first.click()
    page.keyboard.press("r")
    expect(page.locator(".ts-notice").first).to_contain_text("Running again")
    page.goto(stage.url("/"))
    settle(page)
    runs = page.locator(".ts-run")
    if runs.count():  # another model may answer without end
        runs.first.get_by_role("button", name="Cancel").click()
    expect(runs).to_have_count(0)
