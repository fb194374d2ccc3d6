"""The page without an engine, without a hub, without a login."""

import os
import signal
from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect

from dashboard.pages.welcome import DONE_FILE
from tests.dashboard.support.harness import DashboardHarness, visit
from tests.hub_process import start_hub
from tests.system import require

COLOUR = "element => getComputedStyle(element).backgroundColor"
LOST = "rgb(179, 38, 30)"
"""The stylesheet's error colour in light mode."""


def test_a_missing_engine_is_shown_with_the_next_step(browser: Browser, tmp_path: Path) -> None:
    require("chromium")
    (tmp_path / "home").mkdir()
    (tmp_path / "home" / DONE_FILE).touch()
    with (
        start_hub(tmp_path / "home") as hub,
        visit(browser, hub) as (page, _),
    ):
        expect(page.locator(".ts-chip")).to_have_class("ts-chip ts-chip-error")
        expect(page.locator(".ts-banner-words")).to_contain_text("127.0.0.1:9")
        expect(page.locator(".ts-idle-connect")).to_contain_text("No client is connected yet")
        expect(page.get_by_role("link", name="Connect Claude")).to_have_attribute("href", "/welcome")


@pytest.mark.skipif(os.name == "nt", reason="Windows has no SIGKILL")
def test_a_lost_hub_is_shown_and_the_page_recovers(browser: Browser, tmp_path: Path) -> None:
    require("chromium")
    home = tmp_path / "home"
    home.mkdir()
    (home / DONE_FILE).touch()
    with start_hub(home) as hub:
        port = str(hub.port)
        with visit(browser, hub) as (page, witness):
            expect(page.locator("h1")).to_have_text("Now")
            witness.hub_may_be_down = True
            hub.process.send_signal(signal.SIGKILL)
            hub.process.wait()
            expect(page.locator("#popup")).to_be_visible()
            expect(page.locator("#popup")).to_contain_text("Connection lost")
            chip = page.locator(".ts-chip")
            expect(chip).to_have_text("Not connected", use_inner_text=True)
            assert page.locator(".ts-chip .ts-dot").evaluate(COLOUR) == LOST
            with start_hub(home, TOKEN_SAVER_PORT=port):
                expect(page.locator("#popup")).to_be_hidden(timeout=120_000)
                expect(chip).not_to_contain_text("Not connected", use_inner_text=True)
                expect(page.locator("h1")).to_have_text("Now")


def test_every_page_requires_a_login(browser: Browser, stage: DashboardHarness) -> None:
    context = browser.new_context()
    try:
        page = context.new_page()
        for path in ("/", "/history", "/assets/style.css"):
            answer = page.goto(stage.url(path))
            assert answer is not None
            assert answer.status == 401, path
    finally:
        context.close()
