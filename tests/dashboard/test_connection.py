"""What the page says when something is gone: the engine, the hub, the login."""

import os
import signal
from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect

from dashboard.pages.welcome import DONE_FILE
from tests.dashboard.stage import DashboardHarness, visit
from tests.hub_process import start_hub
from tests.system import require


def test_a_dead_engine_is_shown_with_the_next_step(browser: Browser, tmp_path: Path) -> None:
    require("chromium")
    (tmp_path / "home").mkdir()
    (tmp_path / "home" / DONE_FILE).touch()
    with (
        start_hub(tmp_path / "home") as hub,
        visit(browser, hub) as (page, _),
    ):
        expect(page.locator(".chip")).to_have_class("chip chip-error")
        expect(page.locator(".banner-words")).to_contain_text("127.0.0.1:9")
        expect(page.locator(".now-last")).to_contain_text("claude mcp add token-saver")


@pytest.mark.skipif(os.name == "nt", reason="Windows has no SIGKILL")
def test_a_lost_hub_is_shown_and_the_page_heals_when_it_is_back(browser: Browser, tmp_path: Path) -> None:
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
            with start_hub(home, TOKEN_SAVER_PORT=port):
                expect(page.locator("#popup")).to_be_hidden(timeout=120_000)
                expect(page.locator("h1")).to_have_text("Now")


def test_without_login_there_is_nothing_to_see(browser: Browser, stage: DashboardHarness) -> None:
    context = browser.new_context()
    try:
        page = context.new_page()
        for path in ("/", "/history", "/assets/style.css"):
            answer = page.goto(stage.url(path))
            assert answer is not None
            assert answer.status == 401, path
    finally:
        context.close()
