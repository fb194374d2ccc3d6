"""Keys of every page, the command palette, and the title of the tab."""

import re
from dataclasses import replace
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from dashboard.components.frame.page_frame import PAGES
from dashboard.components.frame.tab_title import tab_title
from server.backends.base import Capabilities
from server.engine.view import EngineView
from server.state.snapshot import PendingApproval, RunningOffload, Snapshot
from server.store.records import Totals
from tests.dashboard.support.axe import serious
from tests.dashboard.support.harness import DashboardHarness, settle

ENGINE = EngineView("ollama", "Ollama", "", Capabilities())
REST = Snapshot("1", "", "idle", 0.0, ENGINE, saved_today=Totals(net_tokens=6_700))
RUN = RunningOffload("1", "offload_work", "Do it", "claude-code", "a.py", "m", 0.0, "generate")
ASKS = PendingApproval("1", "offload_work", "claude-code", "", "many files", 3, (), 0.0)


@pytest.mark.parametrize(
    ("snapshot", "title"),
    [
        (REST, "Now · Claude Token Saver"),
        (replace(REST, running=(RUN, RUN)), "▶ 2 · +6.70k · Now · Claude Token Saver"),
        (replace(REST, paused_until=0.0), "⏸ · +6.70k · Now · Claude Token Saver"),
        (replace(REST, approvals=(ASKS,)), "⚠ 1 to approve · +6.70k · Now · Claude Token Saver"),
    ],
    ids=["idle", "working", "paused", "asking"],
)
def test_the_title_of_the_tab_tells_the_state(snapshot: Snapshot, title: str) -> None:
    assert tab_title(snapshot, "Now") == title


def test_every_page_has_a_key_of_its_own() -> None:
    script = (Path(__file__).parents[2] / "assets" / "keys.js").read_text(encoding="utf-8")
    found = re.findall(r'\["(.)", "(/[a-z]*)", "([A-Za-z ]+)"\]', script)
    assert {(path, name) for path, name, _ in PAGES} <= {(path, name) for _, path, name in found}
    assert len({key for key, _, _ in found}) == len(found)


def test_two_keys_open_each_page(page: Page, stage: DashboardHarness) -> None:
    page.goto(stage.url())
    pages = {"h": "History", "r": "Review", "b": "Batches", "m": "Models", "s": "Savings", "n": "Now"}
    for key, name in pages.items():
        settle(page)
        page.keyboard.press("g")
        page.keyboard.press(key)
        expect(page.locator("h1")).to_have_text(name)
    page.go_back()
    expect(page.locator("h1")).to_have_text("Savings")


def test_a_slash_goes_to_the_search_and_letters_are_then_text(page: Page, stage: DashboardHarness) -> None:
    page.goto(stage.url("/history"))
    settle(page)
    page.keyboard.press("/")
    page.keyboard.type("g h?")
    expect(page.get_by_label("Search tasks and files")).to_have_value("g h?")
    expect(page.locator("h1")).to_have_text("History")


def test_the_palette_finds_pages_and_actions(page: Page, stage: DashboardHarness) -> None:
    page.goto(stage.url())
    settle(page)
    page.keyboard.press("Control+k")
    box = page.get_by_role("combobox", name="Find a page, command, setting, model or task")
    expect(box).to_be_focused()
    assert serious(page, "dialog") == []
    box.fill("sav")
    expect(page.get_by_role("option").first).to_have_text("Savingsg s")
    page.keyboard.press("Enter")
    expect(page.locator("h1")).to_have_text("Savings")
    settle(page)
    expect(page.locator("h1")).to_be_focused()
    page.keyboard.press("]")
    expect(page.locator("h2").first).to_be_focused()
    page.keyboard.press("Control+k")
    for words, found in (
        ("dark", "Appearance"),
        ("vessel.ts", "TypeScript interface"),
        ("0.5b", "qwen2.5-coder:0.5b"),
    ):
        box.fill(words)
        expect(page.get_by_role("option").first).to_contain_text(found)
    box.fill("longest answer")
    page.keyboard.press("Enter")
    expect(page.locator(".ts-setting:visible")).to_contain_text("Longest answer")
    settle(page)
    page.keyboard.press("Control+k")
    box.fill("pause until")
    page.keyboard.press("Enter")
    expect(page.locator(".ts-chip-word")).to_have_text("Paused")
    page.keyboard.press("Control+k")
    box.fill("resume offl")
    page.keyboard.press("Enter")
    expect(page.locator(".ts-chip-word")).not_to_have_text("Paused")
    page.keyboard.press("Control+k")
    box.fill("xyzq")
    expect(page.get_by_role("dialog")).to_contain_text("Nothing matches")
    page.keyboard.press("Escape")


def test_a_menu_answers_to_the_arrow_keys(page: Page, stage: DashboardHarness) -> None:
    page.goto(stage.url())
    settle(page)
    page.get_by_role("button", name="Pause offloading").focus()
    page.keyboard.press("Enter")
    items = page.get_by_role("menuitem")
    expect(items.first).to_be_focused()
    for key, place in (("ArrowDown", 1), ("End", 3), ("ArrowDown", 0), ("ArrowUp", 3), ("Home", 0)):
        page.keyboard.press(key)
        expect(items.nth(place)).to_be_focused()
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")
    expect(page.locator(".ts-chip-word")).to_have_text("Paused")
    expect(page.locator("h1")).to_be_focused()
    page.get_by_role("button", name="Resume", exact=True).focus()
    page.keyboard.press("Enter")
    expect(page.locator(".ts-chip-word")).not_to_have_text("Paused")
    expect(page.locator("body:focus")).to_have_count(0)
    expect(page.locator(":focus")).to_have_count(1)


def test_j_and_k_move_through_a_list_and_enter_opens_a_row(page: Page, stage: DashboardHarness) -> None:
    page.goto(stage.url("/history"))
    settle(page)
    rows = page.locator("main a.ts-offload")
    page.keyboard.press("j")
    expect(rows.nth(0)).to_be_focused()
    page.keyboard.press("j")
    expect(rows.nth(1)).to_be_focused()
    page.keyboard.press("k")
    expect(rows.nth(0)).to_be_focused()
    page.keyboard.press("Enter")
    page.wait_for_url(f"**/offload/{stage.ids[-1]}")


def test_j_and_k_move_from_offload_to_offload_and_back_leads_to_the_list(
    page: Page, stage: DashboardHarness
) -> None:
    listing = stage.url("/history?outcome=delivered")
    page.goto(listing)
    settle(page)
    rows = page.locator("main a.ts-offload")
    expect(rows.nth(2)).to_be_visible()
    paths = [str(row.get_attribute("href")) for row in rows.all()[:3]]
    rows.nth(0).click()
    page.wait_for_url(f"**{paths[0]}")
    for key, path in (("j", paths[1]), ("j", paths[2]), ("k", paths[1])):
        settle(page)
        page.keyboard.press(key)
        page.wait_for_url(f"**{path}")
    page.go_back()
    page.wait_for_url(listing)
    expect(page.locator(f'a[href="{paths[1]}"]')).to_be_focused()


def test_a_question_mark_lists_the_keys(page: Page, stage: DashboardHarness) -> None:
    page.goto(stage.url())
    settle(page)
    page.keyboard.press("?")
    dialog = page.get_by_role("dialog", name="Keys")
    expect(dialog).to_contain_text("Find a page, command")
    assert serious(page, "dialog") == []
    assert dialog.evaluate("dialog => dialog.scrollTop") == 0
    page.keyboard.press("Escape")
    expect(dialog).to_have_count(0)
    page.get_by_role("button", name="Keys ?").click()
    expect(dialog).to_be_visible()
    page.keyboard.press("Escape")
