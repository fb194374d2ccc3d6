"""Tests of the bar of pages in a narrow window: what it holds, and the button "More" by keyboard."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Page, expect

from dashboard.components.frame.page_frame import PAGES
from tests.dashboard.support.examine import examine
from tests.dashboard.support.harness import DashboardHarness, settle

HEIGHT = 740


@pytest.fixture
def narrow(page: Page) -> Iterator[Page]:
    page.set_viewport_size({"width": 360, "height": HEIGHT})
    return page


@pytest.mark.parametrize("width", [180, 360, 640])
def test_the_bar_shows_the_current_page_and_is_never_cut(
    page: Page, stage: DashboardHarness, width: int
) -> None:
    page.set_viewport_size({"width": width, "height": HEIGHT})
    for path, name, _ in PAGES:
        page.goto(stage.url(path))
        settle(page)
        entries = page.locator(".ts-rail .ts-nav-item:visible")
        expect(page.locator(".ts-nav-item[aria-current]")).to_be_visible()
        expect(page.locator(".ts-nav-item[aria-current]")).to_contain_text(name)
        boxes = [entry.bounding_box() for entry in entries.all()]
        assert all(box and box["x"] >= 0 and box["x"] + box["width"] <= width for box in boxes), (path, boxes)


def test_more_shows_every_page_and_works_by_keyboard(narrow: Page, stage: DashboardHarness) -> None:
    narrow.goto(stage.url("/policy"))
    settle(narrow)
    more = narrow.get_by_role("button", name="More")
    expect(more).to_have_attribute("aria-expanded", "false")
    more.focus()
    narrow.keyboard.press("Enter")
    expect(more).to_have_attribute("aria-expanded", "true")
    expect(narrow.locator(".ts-rail .ts-nav-item:visible")).to_have_count(len(PAGES) + 1)
    expect(narrow.get_by_role("link", name="Models")).to_be_focused()
    examine(narrow, 360, ".ts-rail")
    narrow.keyboard.press("ArrowRight")
    expect(narrow.get_by_role("link", name="Savings")).to_be_focused()
    narrow.keyboard.press("Escape")
    expect(more).to_be_focused()
    expect(narrow.get_by_role("link", name="Savings")).to_be_hidden()
    more.click()
    narrow.get_by_role("link", name="Context").click()
    expect(narrow.locator("h1")).to_have_text("Context")


def test_a_wide_window_has_every_page_and_no_button(page: Page, stage: DashboardHarness) -> None:
    page.goto(stage.url("/savings"))
    settle(page)
    for _, name, _ in PAGES:
        expect(page.get_by_role("link", name=name, exact=True)).to_be_visible()
    expect(page.get_by_role("button", name="More")).to_have_count(0)
