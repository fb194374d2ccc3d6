"""The page *Now* in a real browser: it follows the hub without a reload."""

import re
from threading import Event

from playwright.sync_api import Browser, Page, expect

from tests.dashboard.support.harness import DashboardHarness, ask, batch, visit
from tests.standins.answers import Answer, without_end
from tests.standins.ollama import CODER
from tests.standins.serving import wait_until

SLUGIFY = '''\
def slugify(text: str) -> str:
    """Return text as a slug."""
    return "-".join(text.lower().split())
'''
TASK = "Write slugify(text) in Python: lower case, words joined by dashes."
# What a browser does with a background tab. Here every tab has its own window and is visible.
HIDE = """hidden => {
  Object.defineProperty(document, 'hidden', {value: hidden, configurable: true});
  document.dispatchEvent(new Event('visibilitychange'));
}"""


def test_the_page_follows_an_offload_from_start_to_end(page: Page, stage: DashboardHarness) -> None:
    page.goto(stage.url())
    seen = Event()
    stage.ollama.answers.when("slugify", Answer(f"```python\n{SLUGIFY}```", delay=0.02, held=seen))
    in_all = page.locator(".ts-figure", has_text="Total").locator(".ts-figure-value")
    expect(in_all).to_have_attribute("title", re.compile("tokens"))
    before = in_all.get_attribute("title")
    assert before
    expect(page.locator(".ts-run")).to_have_count(0)
    with stage.client() as client:
        request = ask(client, TASK, output="slug.py")
        run = page.locator(".ts-run")
        expect(run.locator(".ts-task")).to_have_text(TASK)
        expect(run.locator(".ts-stream-text")).to_contain_text("def slugify")
        expect(run.locator(".ts-run-stage")).to_have_text("Writing the answer")
        expect(run).to_contain_text(re.compile(r"~\d+ tokens"))
        expect(run).to_contain_text("tokens/s")
        expect(page.locator(".ts-chip-word")).to_have_text("Working")
        seen.set()
        client.answer(request)
    expect(page.locator(".ts-run")).to_have_count(0)
    last = page.locator(".ts-last")
    expect(last.locator(".ts-run-task")).to_have_text(TASK)
    expect(last.locator(".ts-outcome")).to_contain_text("Written")
    expect(in_all).not_to_have_attribute("title", before)
    expect(page.locator(".ts-chip-word")).to_have_text("Ready")
    assert "def slugify" in (stage.project / "slug.py").read_text()
    last.get_by_role("button", name="Undo").click()
    expect(last.locator(".ts-outcome")).to_contain_text("Undone")
    assert not (stage.project / "slug.py").exists()


def test_a_long_answer_is_shown_without_a_gap(page: Page, stage: DashboardHarness) -> None:
    page.goto(stage.url())
    words = " ".join(f"w{number:05}_{'x' * 24}" for number in range(600))
    stage.ollama.answers.when("count on", Answer(words, delay=0.005, held=Event()))
    with stage.client() as client:
        ask(client, "Please count on", output="count.txt")
        stream = page.locator(".ts-run .ts-stream-text")
        expect(stream).to_contain_text("w00598_")  # the last word is held back, so that the text stops here
        shown = [int(number) for number in re.findall(r"w(\d{5})_x{24} ", stream.inner_text())]
        assert len(shown) > 100  # only the end is kept
        assert shown == list(range(shown[0], shown[0] + len(shown)))
        page.locator(".ts-run").get_by_role("button", name="Cancel").click()
        expect(page.locator(".ts-run")).to_have_count(0)


def test_running_and_waiting_offloads_can_be_cancelled(page: Page, stage: DashboardHarness) -> None:
    page.goto(stage.url())
    stage.ollama.answers.when("essay", without_end())
    with stage.client() as first, stage.client() as second:
        ask(first, "Write the first essay", output="a.txt")
        expect(page.locator(".ts-run .ts-stream-text")).to_contain_text("word")
        ask(second, "Write the second essay", output="b.txt")
        waiting = page.locator(".ts-wait", has_text="second essay")
        waiting.get_by_role("button", name="Cancel").click()
        expect(page.locator(".ts-wait")).to_have_count(0)
        page.locator(".ts-run").get_by_role("button", name="Cancel").click()
        expect(page.locator(".ts-run")).to_have_count(0)
    wait_until(lambda: stage.ollama.running == 0)
    outcomes = page.locator(".ts-now .ts-outcome")
    expect(outcomes.nth(0)).to_contain_text("Cancelled")
    expect(outcomes.nth(1)).to_contain_text("Cancelled")
    assert not (stage.project / "a.txt").exists()


def test_the_top_says_what_is_unknown_and_how_to_learn_it(page: Page, stage: DashboardHarness) -> None:
    page.goto(stage.url())
    facts = page.locator(".ts-today-facts")
    expect(facts).to_contain_text("Share of your bill: not known yet.")
    facts.get_by_role("link", name=re.compile("written$")).click()
    page.wait_for_url(re.compile("outcome=delivered&time=today"))
    expect(page.locator(".ts-rows .ts-offload").first).to_be_visible()
    page.go_back()
    facts.get_by_role("link", name="Set the price of your subscription").click()
    expect(page.locator(".ts-setting:visible")).to_contain_text("Weekly price of your subscription")


def test_the_queue_is_shown_in_its_order(page: Page, stage: DashboardHarness) -> None:
    page.goto(stage.url())
    stage.ollama.answers.when("poem", without_end())
    with stage.client() as first, stage.client() as second:
        ask(first, "Write the running poem", output="p0.txt")
        expect(page.locator(".ts-run .ts-stream-text")).to_contain_text("word")
        waiting = page.locator(".ts-wait .ts-task")
        for number in (1, 2):
            ask(first, f"Write poem {number}", output=f"p{number}.txt")
            expect(waiting).to_have_count(number)
        ask(second, "Write the poem of another client", output="p3.txt")
        # Clients take turns, so that the other client does not wait for both.
        expected = ["Write poem 1", "Write the poem of another client", "Write poem 2"]
        expect(waiting).to_have_text(expected)
        for task in reversed(expected):
            line = page.locator(".ts-wait", has_text=task)
            line.get_by_role("button", name="Cancel").click()
            expect(line).to_have_count(0)
        page.locator(".ts-run").get_by_role("button", name="Cancel").click()
        expect(page.locator(".ts-run")).to_have_count(0)
    expect(page.locator(".ts-idle-ready")).to_have_text(
        f"Nothing is running. The next task runs on {CODER}, which is loaded."
    )


def test_a_batch_says_how_long_it_will_take(page: Page, stage: DashboardHarness) -> None:
    page.goto(stage.url())
    for name in ("one", "two", "three"):
        (stage.project / f"{name}.txt").write_text(name)
    stage.ollama.answers.when("haiku", Answer("five seven five\n" * 3, delay=0.05))
    stage.ollama.answers.when("haiku of two", without_end())
    with stage.client() as client:
        tasks = [
            {"task": f"Write a haiku of {name}", "files": [f"{name}.txt"], "output": f"haiku-{name}.txt"}
            for name in ("one", "two", "three")
        ]
        with batch(client, tasks=tasks):
            pane = page.locator(".ts-run-batch")
            expect(pane).to_contain_text(re.compile(r"1 of 3 tasks done .* · about \d+ s left"))
    expect(page.locator(".ts-run-batch")).to_have_count(0)


def test_a_model_is_loaded_and_unloaded(page: Page, stage: DashboardHarness) -> None:
    page.goto(stage.url())
    stage.ollama.loaded.clear()
    expect(page.locator(".ts-loaded .ts-model")).to_have_count(0)
    page.get_by_role("button", name="Load the chosen model into memory").click()
    model = page.locator(".ts-loaded .ts-model", has_text=CODER)
    expect(model).to_contain_text(re.compile(r"unloads in \d+:\d\d"))
    expect(page.locator(".ts-pool .ts-legend")).to_contain_text(CODER)
    assert CODER in stage.ollama.loaded
    page.get_by_role("button", name=f"Unload {CODER}").click()
    expect(model).to_have_count(0)
    assert CODER not in stage.ollama.loaded


def test_an_error_names_its_code_and_next_step(page: Page, stage: DashboardHarness) -> None:
    page.goto(stage.url())
    stage.ollama.memory = 1
    model = stage.ollama.models[CODER]
    stage.ollama.models[CODER] = type(model)(needs=8 << 30)
    try:
        page.get_by_role("button", name="Load the chosen model into memory").click()
        notice = page.locator(".ts-notice")
        expect(notice).to_contain_text(re.compile("model_too_large|backend_failed"))
        notice.get_by_role("button", name="Close").click()
        expect(notice).to_have_count(0)
    finally:
        stage.ollama.models[CODER] = model


def test_offloading_is_paused_and_resumed(page: Page, stage: DashboardHarness) -> None:
    page.goto(stage.url())
    page.get_by_role("button", name="Pause").click()
    page.get_by_text("For 1 hour").click()
    expect(page.locator(".ts-chip-word")).to_have_text("Paused")
    assert stage.hub.get("/api/status")["state"] == "paused"
    page.get_by_role("button", name="Resume").click()
    expect(page.locator(".ts-chip-word")).not_to_have_text("Paused")
    assert stage.hub.get("/api/status")["paused_until"] is None


def test_times_stay_correct_while_the_page_is_open(page: Page, stage: DashboardHarness) -> None:
    page.goto(stage.url())
    stage.ollama.answers.when("slugify", Answer(f"```python\n{SLUGIFY}```"))
    with stage.client() as client:
        client.answer(ask(client, TASK, output="again.py"))
    when = page.locator(".ts-last time")
    expect(when).to_have_text(re.compile(r"just now|\d s ago"))
    shown = when.inner_text()
    expect(when).not_to_have_text(shown)
    expect(when).to_have_text(re.compile(r"\d+ (s|min) ago"))
    expect(when).to_have_attribute("title", re.compile(r"\d{4}, \d\d:\d\d:\d\d"))


def test_two_pages_show_the_same(browser: Browser, stage: DashboardHarness) -> None:
    stage.ollama.answers.when("essay", without_end())
    with (
        visit(browser, stage.hub) as (one, _),
        visit(browser, stage.hub) as (two, _),
        stage.client() as client,
    ):
        ask(client, "Write an essay for both", output="c.txt")
        for page in (one, two):
            expect(page.locator(".ts-run .ts-stream-text")).to_contain_text("word")
        two.locator(".ts-run").get_by_role("button", name="Cancel").click()
        for page in (one, two):
            expect(page.locator(".ts-run")).to_have_count(0)


def test_a_hidden_page_receives_nothing_until_it_is_visible(
    browser: Browser, stage: DashboardHarness
) -> None:
    words = " ".join(f"w{number:05}" for number in range(4000))
    stage.ollama.answers.when("count behind", Answer(words, delay=0.04))
    with (
        visit(browser, stage.hub) as (seen, _),
        visit(browser, stage.hub) as (behind, _),
        stage.client() as client,
    ):
        ask(client, "Please count behind a tab", output="d.txt")
        for page in (seen, behind):
            expect(page.locator(".ts-run .ts-stream-text")).to_contain_text(re.compile(r"w\d{5}"))
        hide(behind, seen)
        assert last_word(seen) > last_word(behind)
        behind.evaluate(HIDE, False)
        expect(behind.locator(".ts-run .ts-stream-text")).to_contain_text(last_word(seen))
        shown = [
            int(number) for number in re.findall(r"w(\d{5})", behind.locator(".ts-stream-text").inner_text())
        ]
        assert shown == list(range(shown[0], shown[0] + len(shown)))
        hide(behind, seen)
        seen.locator(".ts-run").get_by_role("button", name="Cancel").click()
        expect(seen.locator(".ts-run")).to_have_count(0)
        expect(seen.locator(".ts-chip-word")).not_to_have_text("Working")
        assert behind.locator(".ts-run").count() == 1
        assert behind.locator(".ts-chip-word").inner_text() == "Working"
        behind.evaluate(HIDE, False)
        expect(behind.locator(".ts-run")).to_have_count(0)
        expect(behind.locator(".ts-chip-word")).not_to_have_text("Working")


def hide(behind: Page, seen: Page) -> None:
    """Hide a page and wait until the hub stops sending to it."""
    behind.evaluate(HIDE, True)
    before = ""
    while (now := last_word(behind)) != before:
        before = now
        wait_for_words(seen)


def last_word(page: Page) -> str:
    return re.findall(r"w\d{5}", page.locator(".ts-run .ts-stream-text").inner_text())[-1]


def wait_for_words(page: Page) -> None:
    """Wait until the page shows more words."""
    wanted = int(last_word(page)[1:]) + 20
    expect(page.locator(".ts-run .ts-stream-text")).to_contain_text(f"w{wanted:05}")
