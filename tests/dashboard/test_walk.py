"""Every button of every page while work is running, in a narrow dark window and in a zoomed light one.

Other tests cover the effect of each button; here each is pressed once per window. Each page is checked with
everything that its buttons open. ``visit`` records the browser's errors. ``TOKEN_SAVER_TEST_SIZES=all``
opens windows of every size.

In the daily run axe-core examines every second state in one walk and the others in the other walk. With
``TOKEN_SAVER_TEST_LOOKS=all`` it examines every state in each.
"""

import itertools
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from threading import Event

import pytest
from playwright.sync_api import Browser, Locator, Page, expect

from tests.bridge_client import RawClient
from tests.dashboard.support.examine import EVERY_LOOK, examine, fits
from tests.dashboard.support.harness import DashboardHarness, ask, batch, settle
from tests.dashboard.support.sizes import Size, sizes, window
from tests.standins.answers import without_end
from tests.standins.ollama import CODER, StandInModel
from tests.standins.ollama_registry import Registered

SLOWLY = 0.3
"""Time between two words of an answer that never ends (seconds). The page draws each of them."""
WALKED = sizes(Size(360, 1, "dark"), Size(2560, 2, "light"))
POLICY = """\
version: "1"
default: allow
tools:
  offload_work:
    rules:
      - name: ask at {look}
        action: require_approval
        conditions: [{{path: args.task, op: contains, value: careful}}]
"""
NOTICES_LET_CLICKS_THROUGH = ".q-notification { pointer-events: none; }"
NO_SHADE = ".q-dialog__backdrop { visibility: hidden; }"
"""axe-core takes the backdrop of a dialog for something in front of it and reports too little contrast."""


@dataclass(frozen=True)
class Walk:
    """One user's walk through the pages."""

    page: Page
    stage: DashboardHarness
    client: RawClient
    number: int
    width: int
    states: "itertools.count[int]" = field(default_factory=itertools.count)

    def open(self, path: str) -> None:
        """Open a page."""
        self.page.goto(self.stage.url(path))
        settle(self.page)
        self.page.add_style_tag(content=NOTICES_LET_CLICKS_THROUGH)

    def look(self, within: str | None = None) -> None:
        """Examine the page, or the part ``within`` a selector."""
        closely = EVERY_LOOK or next(self.states) % 2 == self.number % 2
        if closely:
            examine(self.page, self.width, within)
        else:
            fits(self.page, self.width)

    def button(self, name: str, within: Locator | None = None) -> Locator:
        """Return the first button whose name contains these words."""
        return (within or self.page).get_by_role("button", name=name).first

    def press(self, *names: str, within: Locator | None = None) -> None:
        """Press buttons one after another."""
        for name in names:
            self.button(name, within).click()


@pytest.fixture
def client(stage: DashboardHarness) -> Iterator[RawClient]:
    with stage.client() as client:
        yield client


@pytest.fixture(autouse=True)
def _work(stage: DashboardHarness) -> None:
    """Give the engine work, a model to download and a model to delete."""
    stage.ollama.answers.when("essay", without_end(SLOWLY))
    stage.ollama.answers.when("refuse", "I cannot.")
    stage.ollama.models["spare:1b"] = StandInModel(size=1 << 30)
    measured = without_end(SLOWLY)
    stage.ollama.answers.choose(lambda _, body: measured if body.get("model") == "spare:1b" else None)
    stage.ollama.registry["slow:70b"] = Registered(layers=(40_000_000,), delay=20.0, held=Event())
    (stage.hub.home / "claude").mkdir(exist_ok=True)
    for number in range(3):
        (stage.project / f"part{number}.py").write_text(f"def part{number}(x):\n    return x\n")


@pytest.mark.parametrize("size", WALKED, ids=str)
def test_every_page_and_every_button(
    browser: Browser, stage: DashboardHarness, client: RawClient, size: Size
) -> None:
    policy = stage.hub.home / "policy.yaml"
    policy.write_text(POLICY.format(look=str(size)))
    try:
        with window(browser, stage, size) as page:
            walk = Walk(page, stage, client, WALKED.index(size), size.css_width)
            for step in (now, policy_page, batches, models, history, offload, savings, settings, welcome):
                step(walk)
    finally:
        policy.unlink()


def now(walk: Walk) -> None:
    """Deny, cancel waiting and running offloads, pause, resume, unload and load."""
    page = walk.page
    for task in ("Write an essay", "Write a second essay", "Write a careful note"):
        ask(walk.client, task, output="out.txt")
    walk.open("/")
    expect(page.locator(".ts-run .ts-stream-text", has_text="word")).to_have_count(1)
    expect(page.locator(".ts-wait")).to_have_count(1)
    expect(page.locator(".ts-approval")).to_be_visible()
    walk.look()
    walk.press("Deny")
    walk.press("Cancel", within=page.locator(".ts-wait"))
    expect(page.locator(".ts-wait")).to_have_count(0)
    walk.press("Cancel", within=page.locator(".ts-run"))
    expect(page.locator(".ts-run")).to_have_count(0)
    walk.press("Pause offloading")
    page.get_by_text("For 15 minutes").click()
    expect(page.locator(".ts-banner-words")).to_be_visible()
    walk.look()
    walk.press("Resume")
    walk.press(f"Unload {CODER}")
    expect(page.locator(".ts-loaded .ts-model")).to_have_count(0)
    walk.press("Load the chosen model")
    expect(page.locator(".ts-loaded .ts-model")).to_have_count(1)


def policy_page(walk: Walk) -> None:
    """Approve once, approve always, search, verify."""
    for _ in range(2):
        ask(walk.client, "Write a careful note", output="out.txt")
    walk.open("/policy")
    approvals = walk.page.locator(".ts-approval")
    expect(approvals).to_have_count(2)
    walk.page.get_by_label("Search the trail").fill("offload_work")
    walk.look()
    walk.press("Approve")
    expect(approvals).to_have_count(1)
    walk.press("Always approve in this project", "Verify")
    expect(approvals).to_have_count(0)
    expect(walk.page.get_by_text("The trail is complete")).to_be_visible()


def batches(walk: Walk) -> None:
    """Retry, pause, resume and cancel a batch and one of its items."""
    page = walk.page
    refused = {"task": "refuse it", "each": ["part0.py"], "output": "{path}"}
    work = {"task": "an essay on each", "each": ["part*.py"], "output": "{path}"}
    with batch(walk.client, **refused) as first:
        walk.open("/batches")
        failed = page.get_by_label(f"Batch {first}", exact=True)
        # The other batch would take the engine from this one for good.
        expect(failed.locator(".ts-failures li")).to_have_count(1)
        with batch(walk.client, **work) as second:
            walk.look()
            walk.press("Retry 1 failed", within=failed)
            walk.open(f"/batch/{second}")
            walk.press("Pause batch")
            expect(walk.button("Resume batch")).to_be_visible()
            walk.look()
            walk.press("Resume batch")
            expect(page.locator(".ts-job .ts-outcome")).to_contain_text("Running")
            last = page.locator(".ts-item").last
            walk.press("Cancel", within=last)
            expect(last.locator(".ts-outcome")).to_contain_text("Cancelled")
            walk.press("Retry", within=last)
            expect(last.locator(".ts-outcome")).to_contain_text("Waiting")
            walk.press("Cancel batch")
            expect(page.locator(".ts-job .ts-outcome")).to_contain_text("Cancelled")


def models(walk: Walk) -> None:
    """Download and cancel, load, unload, measure and stop, delete after a confirmation."""
    page = walk.page
    walk.open("/models")
    expect(walk.button("Download", page.get_by_label("Recommended for this machine"))).to_be_visible()
    page.get_by_label("Name, address or path").fill("slow:70b")
    walk.press("Add this model")
    expect(page.locator(".ts-activity")).to_contain_text("Downloading slow:70b")
    walk.open("/")  # its size is not known yet
    expect(page.locator(".ts-activity")).to_contain_text("Downloading slow:70b")
    walk.look()
    walk.open("/models")
    spare = page.locator(".ts-models .ts-model", has_text="spare:1b")
    # The hub reads the installed models every half minute, and for this tool.
    walk.client.request("tools/call", {"name": "list_loaded_models", "arguments": {}})
    expect(spare).to_be_visible(timeout=120_000)
    walk.look()
    walk.press("Delete", within=spare)
    expect(page.get_by_role("dialog", name="Delete spare:1b?")).to_be_visible()
    page.add_style_tag(content=NO_SHADE)
    walk.look("[role=dialog]")
    walk.press("Keep")
    expect(page.locator(".ts-dialog")).to_have_count(0)
    walk.press("Cancel the download of slow:70b")
    expect(page.locator(".ts-activity")).to_have_count(0)
    walk.press("Load spare:1b")
    expect(walk.button("Unload spare:1b")).to_be_visible()
    walk.press("Unload spare:1b", "Measure", within=spare)
    walk.press("Stop measuring", within=spare)
    expect(page.locator(".ts-activity")).to_have_count(0)
    walk.press("Delete", within=spare)
    walk.press("Delete", within=page.locator(".ts-dialog"))
    expect(spare).to_have_count(0)


def history(walk: Walk) -> None:
    """Search, filter, clear, go to older offloads."""
    page = walk.page
    walk.open("/history?outcome=delivered")
    page.get_by_label("Search tasks and files").fill("docstrings")
    expect(page.locator(".ts-rows .ts-offload", has_not_text="docstrings")).to_have_count(0)
    walk.look()
    walk.press("Clear all filters")
    page.get_by_role("link", name="Older").click()
    page.wait_for_url(re.compile("before="))


def offload(walk: Walk) -> None:
    """Unfold, copy, undo, run again."""
    page = walk.page
    note = f"Write note {walk.number}"  # not the one of another walk
    walk.client.answer(ask(walk.client, note, output="note.txt"))
    walk.open(f"/offload/{walk.stage.ids[-1]}")
    expect(page.locator("summary").first).to_be_visible()
    for fold in page.locator("summary").all():
        fold.click()
    walk.look()
    walk.press("Copy")
    walk.open("/")
    page.locator(".ts-last .ts-run-task", has_text=note).click()
    walk.press("Undo")
    expect(page.locator(".ts-result-head .ts-outcome")).to_contain_text("Undone")
    undone = page.url
    walk.press("Run again")
    page.wait_for_url(lambda url: "/offload/" in url and url != undone)
    expect(page.locator(".ts-result-head .ts-outcome")).to_contain_text("Written")


def savings(walk: Walk) -> None:
    """Choose a time span, download the CSV, allow the transcript check and stop it."""
    page = walk.page
    walk.open("/savings")
    page.get_by_role("link", name="Last 7 days").click()
    page.wait_for_url(re.compile("time=7d"))
    walk.press("Check against the transcripts")
    expect(walk.button("Stop reading transcripts")).to_be_visible()
    walk.look()
    walk.press("Stop reading transcripts")
    with page.expect_download():
        page.get_by_role("link", name="CSV by day").click()


def settings(walk: Walk) -> None:
    """Open an editor, save, cancel; add and remove; show the change of a client's file."""
    page = walk.page
    walk.open("/settings")
    for fold in page.locator(".ts-setting-advanced summary:visible").all():
        fold.click()
    for name in ("Start at login", "Keep prompts, answers and diffs"):
        page.get_by_role("switch", name=name).click()
    page.get_by_label("Longest answer", exact=True).fill("3")
    expect(page.get_by_text("Give a whole number of at least 16.")).to_be_visible()
    roots = "New folder for Folders Claude can work in"
    page.get_by_role("textbox", name=roots).fill(str(walk.stage.project))
    walk.press("Add to Folders Claude can work in")
    expect(page.locator(".ts-setting-row", has_text=str(walk.stage.project))).to_be_visible()
    page.get_by_label("Check name").fill("test")
    page.get_by_label("Command", exact=True).fill("true")
    walk.press("Add check")
    connect = page.get_by_label("Claude Code", exact=True)
    walk.press("Connect", within=connect)
    expect(connect.locator(".ts-diff-added").first).to_be_visible()
    expect(walk.button("Remove test")).to_be_visible()
    walk.look()
    walk.press("Cancel", within=connect)
    page.get_by_label("Longest answer", exact=True).fill("4096")
    page.get_by_role("switch", name="Start at login").click()
    walk.press("Reset Keep prompts, answers and diffs", f"Remove {walk.stage.project}", "Remove test")
    expect(walk.button("Remove test")).to_have_count(0)
    walk.press("Test the engine", "Copy the command")
    walk.press("Allow reading")
    walk.press("Stop reading")
    expect(walk.button("Allow reading")).to_be_visible()


def welcome(walk: Walk) -> None:
    """Try a first offload and finish."""
    walk.open("/welcome")
    walk.press("Connect", "Cancel", "Try it")
    expect(walk.page.locator(".ts-first-result .ts-outcome")).to_be_visible()
    walk.look()
    walk.press("Done")
    expect(walk.page.locator("h1")).to_have_text("Now")
