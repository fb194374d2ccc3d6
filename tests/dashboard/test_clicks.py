"""Updates never swallow a click, the focus or an open fold: buttons are pressed while events arrive.

A press lasts as long as a finger's. A button that is rebuilt in between would miss its end.
"""

import itertools
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Event

import pytest
from playwright.sync_api import Locator, Page, expect

from dashboard.pages.batches import ITEMS_AT_ONCE
from tests.dashboard.support.harness import DashboardHarness, ask, batch
from tests.standins.answers import Answer
from tests.standins.ollama import CODER
from tests.standins.ollama_registry import Registered

PRESS_MS = 400
"""Longer than most pauses between two updates of the page (milliseconds)."""
BUSY_ITEMS = 60
HELD = "document.held = document.activeElement"
STILL_HELD = "document.held === document.activeElement && document.held.isConnected"


@pytest.fixture(autouse=True, scope="module")
def _allow_large_batches(stage: DashboardHarness) -> None:
    (stage.hub.home / "policy.yaml").write_text('version: "1"\ndefault: allow\ntools: {}\n')


def test_a_busy_batch_reacts_to_every_press(page: Page, stage: DashboardHarness) -> None:
    with busy_batch(page, stage) as job:
        state = job.locator(".ts-outcome")
        for _ in range(4):
            press(page, job.get_by_role("button", name="Pause batch"))
            expect(state).to_contain_text("Paused")
            press(page, job.get_by_role("button", name="Resume batch"))
            expect(state).to_contain_text("Running")
            wait_for_progress(job)
        press(page, job.get_by_role("button", name="Cancel batch"))
        expect(state).to_contain_text("Cancelled")


def test_a_busy_batch_keeps_the_focus(page: Page, stage: DashboardHarness) -> None:
    with busy_batch(page, stage) as job:
        job.get_by_role("button", name="Cancel batch").focus()
        page.evaluate(HELD)
        for _ in range(3):
            wait_for_progress(job)
            assert page.evaluate(STILL_HELD)
        page.keyboard.press("Enter")
        expect(job.locator(".ts-outcome")).to_contain_text("Cancelled")


def test_single_items_of_a_busy_batch_are_cancelled_and_retried(page: Page, stage: DashboardHarness) -> None:
    with busy_batch(page, stage, delay=0.1) as job:
        press(page, job.locator(".ts-job-task"))
        press(page, page.get_by_role("button", name="Show more"))
        expect(page.locator(".ts-item")).to_have_count(2 * ITEMS_AT_ONCE)
        last = page.locator(".ts-item").last
        press(page, last.get_by_role("button", name="Cancel"))
        expect(last.locator(".ts-outcome")).to_contain_text("Cancelled")
        press(page, last.get_by_role("button", name="Retry"))
        expect(last.locator(".ts-outcome")).to_contain_text("Waiting")


def test_a_model_loads_by_one_press_while_another_is_downloaded(page: Page, stage: DashboardHarness) -> None:
    stage.ollama.loaded.clear()
    stage.ollama.registry["slow:70b"] = Registered(layers=(40_000_000,), delay=20.0, held=Event())
    page.goto(stage.url("/models"))
    page.get_by_label("Name, address or path").fill("slow:70b")
    press(page, page.get_by_role("button", name="Add this model"))
    expect(page.locator(".ts-activity")).to_contain_text("Downloading slow:70b")
    line = page.locator(".ts-models .ts-model", has_text=CODER)
    for _ in range(3):
        press(page, line.get_by_role("button", name=f"Load {CODER}", exact=True))
        expect(line).to_contain_text("unloads in")
        page.evaluate(HELD)
        press(page, line.get_by_role("button", name=f"Unload {CODER}"))
        expect(line).not_to_contain_text("unloads in")
        assert page.evaluate(STILL_HELD)
    press(page, page.get_by_role("button", name="Cancel the download of slow:70b"))
    expect(page.locator(".ts-activity")).to_have_count(0)


def test_an_open_fold_and_the_focus_survive_updates_of_the_offload(
    page: Page, stage: DashboardHarness
) -> None:
    page.goto(stage.url())
    stage.ollama.answers.when("a fold", "one\ntwo\n")
    with stage.client() as client:
        client.answer(ask(client, "Write a fold", output="fold.txt"))
        press(page, page.locator(".ts-last .ts-run-task", has_text="Write a fold"))
        fold = page.locator(".ts-attempt details", has_text="Prompt")
        press(page, fold.locator("summary"))
        page.evaluate(HELD)
        page.get_by_role("button", name="Undo: restore").dispatch_event("click")
        expect(page.locator(".ts-result-head .ts-outcome")).to_contain_text("Undone")
        expect(fold.locator("pre")).to_be_visible()
        assert page.evaluate(STILL_HELD)


def press(page: Page, button: Locator) -> None:
    """Press the mouse button for as long as a slow finger does."""
    button.hover()
    page.mouse.down()
    page.wait_for_timeout(PRESS_MS)
    page.mouse.up()


def wait_for_progress(job: Locator) -> None:
    """Wait until another item has ended."""
    line = job.locator(".ts-job-line")
    before = line.inner_text().split(" of ")[0]
    expect(line).not_to_contain_text(f"{before} of ")


@contextmanager
def busy_batch(page: Page, stage: DashboardHarness, delay: float = 0.04) -> Iterator[Locator]:
    """Show a batch with several finished items per second; ``delay`` is the delay of one word.

    After ``BUSY_ITEMS`` items each takes ten times as long, so that the batch never ends during the test.
    """
    begun = itertools.count()

    def copy(prompt: str, _: object) -> Answer | None:
        if "copy each note" not in prompt:
            return None
        return Answer("word " * 4, delay=delay if next(begun) < BUSY_ITEMS else 10 * delay)

    stage.ollama.answers.choose(copy)
    for number in range(300):
        (stage.project / f"note{number}.txt").write_text(f"This is note {number}.\n")
    page.goto(stage.url("/batches"))
    work = {"task": "copy each note", "each": ["note*.txt"], "output": "{path}.out"}
    with stage.client() as client, batch(client, **work) as job_id:
        job = page.get_by_label(f"Batch {job_id}", exact=True)
        wait_for_progress(job)
        yield job
