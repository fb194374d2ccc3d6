"""Pages without the dashboard, and the page after the hub has gone."""

from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect

from dashboard.pages.welcome import DONE_FILE
from tests.dashboard.support.axe import serious
from tests.dashboard.support.harness import DashboardHarness, login_link, settle, visit
from tests.hub_process import start_hub
from tests.system import require


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_visitor_without_a_login_reads_how_to_get_one(
    browser: Browser, stage: DashboardHarness, scheme: str
) -> None:
    context = browser.new_context(color_scheme=scheme, viewport={"width": 360, "height": 640})  # type: ignore[arg-type]
    try:
        page = context.new_page()
        page.goto(stage.url("/history"))
        expect(page.get_by_role("heading")).to_have_text("You are not logged in")
        expect(page.locator("code")).to_have_text("token-saver dashboard")
        assert page.evaluate("document.documentElement.scrollWidth") <= 360
        assert serious(page) == []
        link = login_link(stage.hub)
        page.goto(link)
        expect(page.locator("h1")).to_have_text("Now")
        page.goto(link)
        expect(page.get_by_role("heading")).to_have_text("This link was used or has expired")
    finally:
        context.close()


def test_an_unknown_address_leads_back(browser: Browser, stage: DashboardHarness) -> None:
    with visit(browser, stage.hub) as (page, witness):
        page.goto(stage.url("/nonsense"))
        expect(page.get_by_role("heading")).to_have_text("This page does not exist")
        page.get_by_role("link", name="Go to the dashboard").click()
        expect(page.locator("h1")).to_have_text("Now")
        witness.errors[:] = [error for error in witness.errors if "404" not in error]


def test_a_removed_offload_and_batch_say_why(browser: Browser, stage: DashboardHarness) -> None:
    with visit(browser, stage.hub) as (page, _):
        for path, words in (
            ("/offload/ffffffff", "Offloads are removed"),
            ("/batch/jffffffff", "Batches are removed"),
        ):
            page.goto(stage.url(path))
            expect(page.locator("main .ts-empty")).to_contain_text(words)
            expect(page.get_by_role("link", name="All ")).to_be_visible()


def test_after_quit_the_page_says_how_to_come_back(browser: Browser, tmp_path: Path) -> None:
    require("chromium")
    home = tmp_path / "home"
    home.mkdir()
    (home / DONE_FILE).touch()
    with start_hub(home) as hub, visit(browser, hub) as (page, witness):
        settle(page)
        lost = page.locator(".ts-lost")
        expect(lost).to_be_hidden()
        witness.hub_may_be_down = True
        hub.stop()
        expect(lost).to_be_visible()
        expect(lost).to_contain_text("Start it from your applications, or in a terminal with token-saver.")


def test_the_banner_of_a_pause_says_what_is_on_hold(browser: Browser, stage: DashboardHarness) -> None:
    with visit(browser, stage.hub) as (page, _):
        settle(page)
        page.get_by_role("button", name="Pause offloading").click()
        page.locator(".q-menu").get_by_text("After running work").click()
        banner = page.locator(".ts-banner:not(.ts-lost)")
        expect(banner).to_contain_text("Claude does the work itself until you resume.")
        page.get_by_role("button", name="Resume").click()
        expect(banner).to_be_hidden()


@pytest.mark.parametrize(("width", "columns"), [(1280, 5), (640, 4), (320, 0)], ids=["100%", "200%", "400%"])
def test_the_head_of_the_history_fits_its_columns_at_every_zoom(
    browser: Browser, stage: DashboardHarness, width: int, columns: int
) -> None:
    with visit(browser, stage.hub, width=width) as (page, _):
        page.goto(stage.url("/history"))
        settle(page)
        head, row = page.locator(".ts-offloads-head"), page.locator("a.ts-offload").first
        row.wait_for()
        names = head.locator("> span:visible")
        expect(names).to_have_count(columns)
        cells = row.locator("> *:visible")
        for number in range(columns):
            name, cell = names.nth(number).bounding_box(), cells.nth(number).bounding_box()
            assert name is not None
            assert cell is not None
            assert abs(name["x"] + name["width"] - cell["x"] - cell["width"]) < 2, number
