"""Tests of the page *Context*: figures, a switch after its diff, its undo."""

from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from dashboard.formats import day_name
from server.ledger.prices import load_prices
from tests.dashboard.support.harness import visit
from tests.dashboard.support.sample import write_month
from tests.hub_process import HubProcess, start_hub
from tests.ledger.conversation import Conversation
from tests.standins.ollama import OllamaStandIn
from tests.standins.serving import wait_until

LISTING = "- dataviz: Draws charts of every kind.\n- review: Reviews a change with great care."


@pytest.fixture(scope="module")
def hub(tmp_path_factory: pytest.TempPathFactory) -> Iterator[HubProcess]:
    home = tmp_path_factory.mktemp("context") / "home"
    conversation = Conversation(home / "claude", at=datetime.now().astimezone())
    names = {"content": LISTING, "names": ["dataviz", "review"]}
    conversation.attach("skill_listing", LISTING, **names)
    conversation.use("Skill", {"skill": "review"}, "Look closely.", call_tokens=40, result_tokens=9)
    conversation.use("Bash", {"command": "git log"}, "log line\n" * 900, call_tokens=60, result_tokens=2_000)
    conversation.end()
    write_month(home / "history.db", count=5)
    (home / "claude" / "settings.json").write_text('{"model": "opus"}\n')
    environ = {"TOKEN_SAVER_SAVINGS__AUDIT": "true", "TOKEN_SAVER_SAVINGS__TRANSCRIPTS": str(home / "claude")}
    with (
        OllamaStandIn() as ollama,
        start_hub(home, TOKEN_SAVER_BACKEND__URL=ollama.url, HOME=str(home), **environ) as hub,
    ):
        yield hub


@pytest.fixture
def page(browser: Browser, hub: HubProcess) -> Iterator[Page]:
    with visit(browser, hub) as (page, _):
        yield page


def settings(hub: HubProcess) -> Path:
    return hub.home / "claude" / "settings.json"


def test_parts_habits_and_the_bill_are_shown(page: Page, hub: HubProcess) -> None:
    page.goto(f"{hub.info.url}/context")
    row = page.get_by_role("row").filter(has=page.get_by_role("rowheader", name="skill dataviz"))
    expect(row).to_contain_text("never")
    expect(row).to_contain_text("38")  # characters
    expect(page.get_by_text("Turns spent on git")).to_be_visible()
    expect(page.get_by_text("Results of git, 500 tokens or more")).to_be_visible()


def test_a_part_is_switched_off_after_its_diff_and_on_again(page: Page, hub: HubProcess) -> None:
    page.goto(f"{hub.info.url}/context")
    page.get_by_role("button", name="Switch off: skill dataviz").click()
    dialog = page.get_by_role("dialog")
    expect(dialog).to_contain_text('+  "skillOverrides"')
    assert settings(hub).read_text() == '{"model": "opus"}\n'
    dialog.get_by_role("button", name="Everywhere").click()
    wait_until(lambda: '"dataviz": "off"' in settings(hub).read_text())
    expect(page.get_by_text("skill:dataviz is off everywhere.")).to_be_visible()
    page.get_by_role("button", name="Switch on again: skill:dataviz").click()
    wait_until(lambda: settings(hub).read_text() == '{"model": "opus"}\n')
    expect(page.get_by_text("skill:dataviz is off everywhere.")).to_have_count(0)


def test_the_remedy_of_a_habit_is_applied_after_its_diff_and_undone(page: Page, hub: HubProcess) -> None:
    memory = hub.home / "claude" / "CLAUDE.md"
    page.goto(f"{hub.info.url}/context")
    page.get_by_role("button", name="Apply the remedy for: Turns spent on git").click()
    dialog = page.get_by_role("dialog")
    expect(dialog).to_contain_text("+Join git commands with && in one call")
    assert not memory.exists()
    dialog.get_by_role("button", name="Everywhere").click()
    wait_until(memory.exists)
    page.get_by_role("button", name="Undo: habit:git").click()
    wait_until(lambda: not memory.exists())
    expect(page.get_by_text("habit:git is applied everywhere.")).to_have_count(0)


@pytest.mark.parametrize("path", ["/savings", "/context"], ids=["savings", "context"])
def test_every_card_with_figures_names_their_source(page: Page, hub: HubProcess, path: str) -> None:
    page.goto(f"{hub.info.url}{path}")
    expect(page.locator(".ts-card").last).to_be_visible()
    expect(page.locator(".ts-source").last).to_be_visible()
    without = page.locator(".ts-card").evaluate_all(
        """cards => cards.map(card => {
            const figures = card.cloneNode(true)
            const sources = [...figures.querySelectorAll('.ts-source')]
            sources.forEach(each => each.remove())
            const heading = figures.querySelector('h2').textContent
            return {heading, figures: /[0-9]/.test(figures.textContent), sources: sources.length}
        }).filter(card => card.figures && !card.sources).map(card => card.heading)"""
    )
    assert without == []
    for fold in page.locator("details:has(.ts-source) summary").all():
        fold.click()
    sources = " ".join(page.locator(".ts-source").all_inner_texts())
    for named in ("list prices", f"of {load_prices().dated.isoformat()}", "median error", "transcripts"):
        assert named in sources


def test_the_whole_bill_stands_beside_the_savings(page: Page, hub: HubProcess) -> None:
    page.goto(f"{hub.info.url}/savings")
    card = page.locator(".ts-card").filter(has_text="Your whole bill for Claude Code")
    expect(card).to_contain_text("Share saved")
    expect(card).to_contain_text(day_name(datetime.now().astimezone().date().isoformat()))
