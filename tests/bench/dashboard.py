"""How quick the pages are and what they cost: ``uv run python -m tests.bench.dashboard [--pages N]``.

A real hub in front of a stand-in engine, seen by the system's Chromium.

- ``shown ms``: from a click that makes an event until the change is in the page's document, in milliseconds;
  from the event on, the bar is 250 at the median.
- ``idle``: the hub's share of one core and its resident set in MB with one page open and nothing to do; the
  bars are 2 % and 250 MB.
- ``ten pages``: the tokens a second of an engine-bound offload with ten open pages that stream it, against
  none, alternating; it may fall by 3 %. Tokens come from an engine that paces itself at ``TOKENS_A_SECOND``,
  as a real one does. The browsers' own work is on the same machine, so its cores are part of the result.
"""

import argparse
import json
import statistics
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import psutil
from playwright.sync_api import Browser, Locator, Page, expect, sync_playwright

from tests.bridge_client import RawClient
from tests.dashboard.browser import launch
from tests.dashboard.sample import write_month
from tests.dashboard.stage import login_link, settle
from tests.hub_process import HubProcess, start_hub
from tests.standins.answers import Answer
from tests.standins.ollama import OllamaStandIn

IDLE_SECONDS = 20.0
CHANGES = 30
TOKENS = 400
TOKENS_A_SECOND = 50
ROUNDS = 3
MB = 1_000_000
RESULT = Path(__file__).parent / "results" / "dashboard.json"
NOTE_CHANGES = """() => {
  document.addEventListener('click', () => { window.clickedAt = performance.now(); }, true);
  new MutationObserver(() => { window.changedAt = performance.now(); })
    .observe(document.querySelector('.chip-word'), {subtree: true, childList: true, characterData: true});
}"""


def main() -> None:
    """Measure, print, write."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--pages", type=int, default=10)
    pages = parser.parse_args().pages
    with (
        tempfile.TemporaryDirectory() as name,
        OllamaStandIn() as engine,
        sync_playwright() as playwright,
        launch(playwright) as browser,
    ):
        home, project = Path(name) / "home", Path(name) / "project"
        project.mkdir()
        write_month(home / "history.db")
        with start_hub(home, TOKEN_SAVER_BACKEND__URL=engine.url, HOME=str(home)) as hub:
            figures: dict[str, Any] = {}
            with opened(browser, hub) as page:
                figures["idle"] = idle(hub)
                figures["shown ms"] = shown(page)
            figures["ten pages"] = streaming(browser, hub, engine, project, pages)
    print(json.dumps(figures, indent=2))
    RESULT.parent.mkdir(exist_ok=True)
    RESULT.write_text(json.dumps(figures, indent=2) + "\n", encoding="utf-8")


def idle(hub: HubProcess) -> dict[str, float]:
    """Take the hub's CPU and memory with one page open."""
    process = psutil.Process(hub.process.pid)
    time.sleep(5)
    before = process.cpu_times()
    time.sleep(IDLE_SECONDS)
    after = process.cpu_times()
    used = after.user + after.system - before.user - before.system
    return {
        "percent of a core": round(100 * used / IDLE_SECONDS, 2),
        "MB": round(process.memory_info().rss / MB, 1),
    }


def shown(page: Page) -> dict[str, float]:
    """Pause and resume by the page's own buttons, and take the time until the page shows the new state.

    The click's way to the hub is in it: it is a little more than from the event on.
    """
    times = []
    page.evaluate(NOTE_CHANGES)
    for _ in range(CHANGES):
        page.get_by_role("button", name="Pause offloading").click()
        times.append(_until_shown(page, page.get_by_text("Until I resume")))
        times.append(_until_shown(page, page.get_by_role("button", name="Resume")))
    return {"median": statistics.median(times), "worst": max(times), "count": len(times)}


def _until_shown(page: Page, button: Locator) -> float:
    before = page.locator(".chip-word").inner_text()
    button.click()
    expect(page.locator(".chip-word")).not_to_have_text(before)
    return float(page.evaluate("window.changedAt - window.clickedAt"))


def streaming(
    browser: Browser, hub: HubProcess, engine: OllamaStandIn, project: Path, pages: int
) -> dict[str, float]:
    """Take the seconds of the same offload with and without open pages."""
    engine.answers.when("count words", Answer("word " * TOKENS, delay=1 / TOKENS_A_SECOND))
    alone, watched = [], []
    with RawClient(hub.environ, project) as client:
        client.initialize()
        offload(client, 0)
        for number in range(ROUNDS):
            alone.append(offload(client, 2 * number + 1))
            with ExitStack() as stack:
                for _ in range(pages):
                    stack.enter_context(opened(browser, hub))
                watched.append(offload(client, 2 * number + 2))
    fall = 1 - statistics.median(alone) / statistics.median(watched)
    return {
        "tokens/s alone": round(TOKENS / statistics.median(alone), 2),
        f"tokens/s with {pages} pages": round(TOKENS / statistics.median(watched), 2),
        "falls by percent": round(100 * fall, 2),
    }


def offload(client: RawClient, number: int) -> float:
    """Run one offload and return its seconds."""
    arguments = {"task": "count words", "output": f"words{number}.txt"}
    began = time.perf_counter()
    client.answer(client.send("tools/call", {"name": "offload_work", "arguments": arguments}))
    return time.perf_counter() - began


@contextmanager
def opened(browser: Browser, hub: HubProcess) -> Iterator[Page]:
    """Open the page *Now* in a context of its own."""
    context = browser.new_context()
    try:
        page = context.new_page()
        page.goto(login_link(hub))
        page.locator(".chip-word").wait_for()
        settle(page)
        yield page
    finally:
        context.close()


if __name__ == "__main__":
    main()
