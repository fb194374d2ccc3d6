"""Every page, every button and every key at more sizes than the walk has.

A normal run takes the widest window at 200 % zoom. ``TOKEN_SAVER_TEST_SIZES=all`` runs the whole product:
360, 1280 and 2560 px, 100 and 200 % zoom, light and dark. Zoom halves the width in CSS pixels and doubles the
pixels of the device, as in a browser. ``TOKEN_SAVER_TEST_LOOKS=all`` lets axe-core examine what
``test_looks.py`` and ``test_walk.py`` examine at other sizes.
"""

import itertools
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import pytest
from playwright.sync_api import Browser, Page, expect

from dashboard.components.frame.page_frame import PAGES
from tests.bridge_client import RawClient
from tests.dashboard import test_walk
from tests.dashboard.support.examine import EVERY_LOOK, examine, fits
from tests.dashboard.support.harness import DashboardHarness, ask, settle, visit
from tests.dashboard.test_walk import POLICY, Walk

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
STEPS = ("now", "policy_page", "batches", "models", "history", "offload", "savings", "settings", "welcome")

NO_AXE = len(test_walk.WALKED)
"""Number of a walk none of whose states axe-core examines in the daily run."""


@dataclass(frozen=True)
class Size:
    """A window: its width in pixels of the screen, the zoom (1 or 2), and the scheme."""

    width: int
    zoom: int
    scheme: str

    def __str__(self) -> str:
        return f"{self.width}px-{self.zoom}00-{self.scheme}"

    @property
    def css_width(self) -> int:
        """The width in CSS pixels."""
        return self.width // self.zoom


EVERY_SIZE = [Size(*each) for each in itertools.product((360, 1280, 2560), (1, 2), ("light", "dark"))]
SIZES = EVERY_SIZE if os.environ.get("TOKEN_SAVER_TEST_SIZES") == "all" else [Size(2560, 2, "dark")]

client = test_walk.client
_work = test_walk._work


@pytest.fixture(params=SIZES, ids=str)
def size(request: pytest.FixtureRequest) -> Size:
    found: Size = request.param
    return found


@contextmanager
def window(browser: Browser, stage: DashboardHarness, size: Size) -> Iterator[Page]:
    """Open the dashboard in a window of this size. Any error of the browser fails the test at the end."""
    options = {"device_scale_factor": size.zoom, "reduced_motion": "reduce"}
    with visit(browser, stage.hub, width=size.css_width, scheme=size.scheme, **options) as (page, _):
        page.set_viewport_size({"width": size.css_width, "height": 900 // size.zoom})
        yield page


def test_every_button(browser: Browser, stage: DashboardHarness, client: RawClient, size: Size) -> None:
    policy = stage.hub.home / "policy.yaml"
    policy.write_text(POLICY.format(look=str(size)))
    try:
        with window(browser, stage, size) as page:
            walk = Walk(page, stage, client, NO_AXE, size.css_width)
            for step in STEPS:
                getattr(test_walk, step)(walk)
    finally:
        policy.unlink()


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
    palette = page.get_by_role("combobox", name="Find a page or a command")
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
