"""The page *Review*, by keyboard and by mouse: keep, undo, run again, open, whole batches, memory."""

import re
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from dashboard.pages.welcome import DONE_FILE
from tests.dashboard.support.examine import examine, fits, looks
from tests.dashboard.support.harness import HEIGHT, DashboardHarness, settle, visit
from tests.dashboard.test_looks import PATHS
from tests.hub_process import start_hub
from tests.standins.answers import Answer
from tests.standins.ollama import OllamaStandIn
from tests.standins.serving import wait_until
from tests.system import require

NAMES = ("alder", "birch", "cedar", "dogwood")


@pytest.fixture
def fresh(tmp_path: Path) -> Iterator[DashboardHarness]:
    """A hub whose model wrote four files: the last one in a batch with the third."""
    require("chromium")
    home, project = tmp_path / "home", tmp_path / "project"
    home.mkdir()
    project.mkdir()
    (home / DONE_FILE).touch()
    opener = tmp_path / "opener"
    opener.write_text(f'#!/bin/sh\necho "$1" >> {tmp_path}/opened\n')
    opener.chmod(0o700)
    with (
        OllamaStandIn() as ollama,
        start_hub(home, TOKEN_SAVER_BACKEND__URL=ollama.url, VISUAL=str(opener)) as hub,
    ):
        harness = DashboardHarness(hub, ollama, project, [])
        ollama.answers.default = Answer("The tree is old and tall.\n")
        with harness.client() as client:
            for name in NAMES[:2]:
                task = {"task": f"Describe the {name}", "output": f"{name}.md"}
                client.answer(client.send("tools/call", {"name": "offload_work", "arguments": task}))
            tasks = [{"task": f"Describe the {name}", "output": f"{name}.md"} for name in NAMES[2:]]
            arguments = {"tasks": tasks}
            client.answer(client.send("tools/call", {"name": "batch_offload", "arguments": arguments}))
        yield harness


def names(page: Page) -> list[str]:
    return page.locator(".ts-review-name .ts-task").all_inner_texts()


@pytest.mark.skipif(sys.platform == "win32", reason="the opener is a shell script")
def test_the_keyboard_reviews_everything(browser: Browser, fresh: DashboardHarness, tmp_path: Path) -> None:
    with visit(browser, fresh.hub) as (page, _):
        page.goto(fresh.url("/review"))
        settle(page)
        expect(page.locator(".ts-review-item")).to_have_count(4)
        shown = page.locator(".ts-review h2")
        order = names(page)
        expect(shown).to_contain_text(order[0])
        page.keyboard.press("j")
        expect(shown).to_contain_text(order[1])
        page.keyboard.press("k")
        expect(shown).to_contain_text(order[0])

        page.keyboard.press("?")
        expect(page.get_by_role("dialog", name="Keys")).to_contain_text("open in the editor")
        page.keyboard.press("Escape")
        page.keyboard.press("o")
        opened = tmp_path / "opened"
        wait_until(lambda: opened.exists() and order[0] in opened.read_text())

        page.keyboard.press("a")
        expect(page.locator(".ts-review-item")).to_have_count(3)
        expect(shown).to_contain_text(order[1])
        assert (fresh.project / order[0]).exists()
        expect(page.locator(".ts-review-chosen")).to_be_focused()
        page.keyboard.press("z")
        expect(page.locator(".ts-review-item")).to_have_count(4)
        expect(shown).to_contain_text(order[0])
        page.keyboard.press("a")
        expect(page.locator(".ts-review-kept")).to_contain_text(f"Kept: {order[0]}")
        expect(page.locator(".ts-review-item")).to_have_count(3)

        page.keyboard.press("u")
        expect(page.locator(".ts-review-item")).to_have_count(2)
        assert not (fresh.project / order[1]).exists()

        page.reload()
        settle(page)
        expect(page.locator(".ts-review-item")).to_have_count(2)
        page.goto(fresh.url("/history"))
        page.locator(".ts-batch-head").click()
        expect(page.locator("a.ts-offload", has_text=order[0])).to_contain_text("reviewed: kept")
        expect(page.locator("a.ts-offload", has_text=order[1])).to_contain_text("Undone")


def test_a_whole_batch_is_undone_at_once(browser: Browser, fresh: DashboardHarness) -> None:
    with visit(browser, fresh.hub) as (page, _):
        page.goto(fresh.url("/review"))
        settle(page)
        page.locator(".ts-review-item", has_text="cedar").click()
        expect(page.locator(".ts-review h2")).to_contain_text("cedar")
        order = names(page)
        assert abs(order.index("cedar.md") - order.index("dogwood.md")) == 1
        expect(page.locator(".ts-review-group")).to_contain_text("Batch: 2 files")
        page.get_by_role("button", name="Undo all (2)").click()
        dialog = page.get_by_role("dialog", name="Undo 2 files?")
        dialog.get_by_role("button", name="Cancel").click()
        assert (fresh.project / "cedar.md").exists()
        page.get_by_role("button", name="Undo all (2)").click()
        dialog.get_by_role("button", name="Undo all", exact=True).click()
        expect(page.locator(".ts-review-item")).to_have_count(2)
        expect(page.locator(".ts-review-group")).to_have_count(0)
        expect(page.locator(".ts-review-summary > .ts-sub")).to_contain_text("2 of 4 files reviewed")
        assert [name for name in NAMES if (fresh.project / f"{name}.md").exists()] == ["alder", "birch"]


def test_a_changed_file_is_said_before_an_undo(browser: Browser, fresh: DashboardHarness) -> None:
    words = "This file was changed after the local model wrote it"
    (fresh.project / "alder.md").write_text("My own words.\n")
    with visit(browser, fresh.hub) as (page, _):
        page.goto(fresh.url("/review"))
        settle(page)
        page.locator(".ts-review-item", has_text="alder").click()
        expect(page.locator(".ts-review h2")).to_contain_text("alder")
        expect(page.get_by_text(words)).to_be_visible()
        page.keyboard.press("u")
        expect(page.locator(".ts-notice")).to_contain_text("was changed after")
        assert (fresh.project / "alder.md").read_text() == "My own words.\n"
        page.get_by_role("link", name="Details").click()
        page.wait_for_url(re.compile("/offload/"))
        expect(page.get_by_text(words)).to_be_visible()
        page.goto(fresh.url("/review"))
        page.locator(".ts-review-item", has_text="birch").click()
        expect(page.locator(".ts-review h2")).to_contain_text("birch")
        page.wait_for_timeout(500)
        expect(page.get_by_text(words)).to_be_hidden()


def test_a_result_runs_again_and_comes_back(browser: Browser, fresh: DashboardHarness) -> None:
    with visit(browser, fresh.hub) as (page, _):
        page.goto(fresh.url("/review"))
        settle(page)
        page.locator(".ts-review-item", has_text="alder").click()
        fresh.ollama.answers.default = Answer("The alder grows near water.\n")
        page.keyboard.press("r")
        wait_until(lambda: "near water" in (fresh.project / "alder.md").read_text())
        expect(page.locator(".ts-diff-added")).to_contain_text("near water")
        expect(page.locator(".ts-review-item", has_text="alder")).to_have_count(1)
        expect(page.locator(".ts-review-item")).to_have_count(4)

        fresh.ollama.answers.default = Answer("")
        page.keyboard.press("r")
        expect(page.locator(".ts-notice")).to_contain_text("so alder.md is as it was")
        expect(page.locator(".ts-review-item", has_text="alder")).to_have_count(1)


def test_notices_come_first_with_their_words(browser: Browser, stage: DashboardHarness) -> None:
    with visit(browser, stage.hub) as (page, _):
        page.goto(stage.url("/review"))
        settle(page)
        expect(page.locator(".ts-review-summary > .ts-sub")).to_contain_text(
            re.compile(r"\d+ files to review")
        )
        expect(page.locator(".ts-diff-added").first).to_contain_text("def berth_fee(length: float")
        expect(page.locator(".ts-diff-word").first).to_be_visible()
        expect(page.locator(".ts-syntax-keyword").first).to_have_text("def")
        assert page.locator(".ts-diff-added").first.get_attribute("data-numbers") == "          1"


def test_the_page_fits_and_is_accessible(page: Page, stage: DashboardHarness) -> None:
    """With the schemes that ``test_looks`` leaves out at each width."""
    page.goto(stage.url("/review"))
    settle(page)
    page.locator(".ts-diff").wait_for()
    for width, scheme, closely in looks(1 - PATHS.index("/review")):
        page.set_viewport_size({"width": width, "height": HEIGHT})
        page.emulate_media(color_scheme=scheme)
        settle(page)
        (examine if closely else fits)(page, width)


def test_a_batch_is_kept_with_its_heading(browser: Browser, fresh: DashboardHarness) -> None:
    with visit(browser, fresh.hub) as (page, _):
        page.goto(fresh.url("/batches"))
        page.get_by_role("link", name="Review 2 files").click()
        page.wait_for_url("**/review")
        settle(page)
        page.get_by_role("button", name="Keep all (2)").click()
        expect(page.locator(".ts-review-item")).to_have_count(2)
        expect(page.locator(".ts-review-kept")).to_contain_text("Kept: 2 files")
        page.keyboard.press("z")
        expect(page.locator(".ts-review-group")).to_contain_text("Batch: 2 files")
        expect(page.locator(".ts-review-summary > .ts-sub")).to_contain_text("4 files to review")
        page.get_by_role("button", name="Keep all (2)").click()
        expect(page.locator(".ts-review-item")).to_have_count(2)
        page.goto(fresh.url("/batches"))
        expect(page.get_by_role("button", name="Undo all")).to_be_visible()
        expect(page.get_by_role("link", name="Review 2 files")).to_be_hidden()


def test_the_whole_list_is_kept_after_a_question(browser: Browser, fresh: DashboardHarness) -> None:
    with visit(browser, fresh.hub) as (page, _):
        page.goto(fresh.url("/review"))
        settle(page)
        page.get_by_role("button", name="Keep all…").click()
        dialog = page.get_by_role("dialog", name="Keep all 4 files?")
        dialog.get_by_role("button", name="Cancel").click()
        expect(page.locator(".ts-review-item")).to_have_count(4)
        page.get_by_role("button", name="Keep all…").click()
        dialog.get_by_role("button", name="Keep all", exact=True).click()
        expect(page.get_by_role("heading", name="All 4 files are reviewed")).to_be_visible()
        expect(page.locator(".ts-main")).to_contain_text("4 kept.")
        assert all((fresh.project / f"{name}.md").exists() for name in NAMES)
