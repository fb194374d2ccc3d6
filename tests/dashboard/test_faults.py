"""Errors appear on the page where they matter, with a next step for the user."""

import sqlite3
import sys
from contextlib import closing
from pathlib import Path

import psutil
import pytest
from playwright.sync_api import Browser, Page, expect

from tests.dashboard.support.harness import DashboardHarness, visit
from tests.dashboard.support.sample import write_month
from tests.hub_process import start_hub
from tests.standins.answers import Answer
from tests.standins.ollama import CODER, OllamaStandIn
from tests.system import require


def test_an_engine_that_stops_and_returns_is_shown(page: Page, stage: DashboardHarness) -> None:
    page.goto(stage.url("/settings"))
    stage.ollama.stop()
    try:
        page.get_by_role("button", name="Test the engine").click()
        expect(page.locator(".ts-notice", has_text="backend_unreachable")).to_contain_text("Start Ollama")
        expect(page.locator(".ts-chip")).to_have_class("ts-chip ts-chip-error")
        expect(page.locator(".ts-banner-words")).to_contain_text("Start Ollama")
        page.locator(".ts-notice").get_by_role("button", name="Close").click()
    finally:
        stage.ollama.restart()
    page.get_by_role("button", name="Test the engine").click()
    expect(page.locator(".ts-chip")).not_to_have_class("ts-chip ts-chip-error")
    expect(page.locator(".ts-banner:visible")).to_have_count(0)


def test_a_failed_load_is_shown_with_the_reason(page: Page, stage: DashboardHarness) -> None:
    stage.ollama.loaded.clear()
    model, memory = stage.ollama.models[CODER], stage.ollama.memory
    stage.ollama.memory, stage.ollama.models[CODER] = 1, type(model)(needs=8 << 30)
    try:
        page.goto(stage.url("/models"))
        page.get_by_role("button", name=f"Load {CODER}", exact=True).click()
        expect(page.locator(".ts-notice")).to_contain_text("memory")
    finally:
        stage.ollama.memory, stage.ollama.models[CODER] = memory, model


def test_a_locked_history_is_explained_and_recovers(page: Page, stage: DashboardHarness) -> None:
    stage.ollama.answers.when("type hints", Answer("done\n"))
    page.goto(stage.url(f"/offload/{stage.ids[-1]}"))
    with closing(sqlite3.connect(stage.hub.home / "history.db", timeout=60, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        page.get_by_role("button", name="Run again").click()
        words = page.locator(".ts-banner-words")
        expect(words).to_contain_text("locked by another program")
        expect(words).to_contain_text("Close the program that has it open")
        other.execute("ROLLBACK")
    page.goto(stage.url(f"/offload/{stage.ids[-1]}"))
    page.get_by_role("button", name="Run again").click()
    expect(page.locator(".ts-banner:visible")).to_have_count(0)


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux can limit another process")
def test_a_full_disk_is_explained_and_recovers(browser: Browser, tmp_path: Path) -> None:
    require("chromium")
    with OllamaStandIn() as ollama:
        home = tmp_path / "home"
        ids = write_month(home / "history.db", count=12)
        with (
            start_hub(home, TOKEN_SAVER_BACKEND__URL=ollama.url, HOME=str(home)) as hub,
            visit(browser, hub) as (page, _),
        ):
            page.goto(f"{hub.info.url}/offload/{ids[-1]}")
            # As with an exhausted quota, no file of the hub can grow. This needs no privileges.
            process = psutil.Process(hub.process.pid)
            process.rlimit(psutil.RLIMIT_FSIZE, (0, psutil.RLIM_INFINITY))
            page.get_by_role("button", name="Run again").click()
            expect(page.locator(".ts-banner-words")).to_contain_text("There is no space to write")
            expect(page.locator(".ts-banner-words")).to_contain_text("Free some space")
            page.goto(f"{hub.info.url}/history")
            expect(page.locator(".ts-rows .ts-offload")).to_have_count(12)
            process.rlimit(psutil.RLIMIT_FSIZE, (psutil.RLIM_INFINITY, psutil.RLIM_INFINITY))
            page.goto(f"{hub.info.url}/offload/{ids[-1]}")
            page.get_by_role("button", name="Run again").click()
            expect(page.locator(".ts-banner:visible")).to_have_count(0)
