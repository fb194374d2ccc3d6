"""Benchmark of the dashboard's speed and cost: ``uv run python -m tests.bench.dashboard``, about 5 minutes.

A real hub in front of a stand-in engine, viewed in the system's Chromium. ``--only`` selects one of:

- ``idle``: the hub's share of one core and its resident set in MB with one page open and no work; the limits
  are 2 % and 250 MB.
- ``shown``: milliseconds from a click that causes an event until the page's document shows the change;
counted
  from the event, the limit is 250 at the median.
- ``streaming``: the tokens a second of an offload with ``--pages`` open pages that stream it, compared with
  none, alternately; the limit is a loss of 3 %. Tokens come from a separate engine process that is paced at
  ``TOKENS_A_SECOND``. There are three runs: the pages are socket.io clients without a browser, which measures
  the hub's cost; tabs of one Chromium window, one drawn and the others hidden, as users have them; and
  headless Chromium windows that are all drawn on the same cores. The hub's and the browser's shares of one
  core are printed as well.
"""

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager, nullcontext, suppress
from pathlib import Path
from typing import Any

import psutil
from playwright.sync_api import Browser, Locator, Page, expect, sync_playwright

from tests.bench.support.window import one_window
from tests.bridge_client import RawClient
from tests.dashboard.support.browser import launch
from tests.dashboard.support.harness import login_link, settle
from tests.dashboard.support.sample import write_month
from tests.hub_process import HubProcess, start_hub

IDLE_SECONDS = 20.0
CHANGES = 30
TOKENS = 400
TOKENS_A_SECOND = 50
MB = 1_000_000
PARTS = ("idle", "shown", "streaming")
ENGINE = f"""
import sys
from tests.standins.answers import Answer
from tests.standins.ollama import OllamaStandIn
with OllamaStandIn() as engine:
    engine.answers.when("count words", Answer("word " * {TOKENS}, delay=1 / {TOKENS_A_SECOND}))
    print(engine.url, flush=True)
    sys.stdin.read()
"""
RESULT = Path(__file__).parent / "results" / "dashboard.json"
NOTE_CHANGES = """() => {
  document.addEventListener('click', () => { window.clickedAt = performance.now(); }, true);
  new MutationObserver(() => { window.changedAt = performance.now(); })
    .observe(document.querySelector('.ts-chip-word'), {subtree: true, childList: true, characterData: true});
}"""


def main() -> None:
    """Measure, print, write."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--pages", type=int, default=10)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--only", action="append", choices=PARTS)
    asked = parser.parse_args()
    parts = asked.only or PARTS
    figures: dict[str, Any] = json.loads(RESULT.read_text()) if asked.only and RESULT.exists() else {}
    with (
        tempfile.TemporaryDirectory() as name,
        start_engine() as engine,
        sync_playwright() as playwright,
        launch(playwright) as browser,
    ):
        home, project = Path(name) / "home", Path(name) / "project"
        project.mkdir()
        write_month(home / "history.db")
        with start_hub(home, TOKEN_SAVER_BACKEND__URL=engine, HOME=str(home)) as hub:
            if {"idle", "shown"} & {*parts}:
                with opened(browser, hub) as page:
                    if "idle" in parts:
                        figures["idle"] = idle(hub)
                    if "shown" in parts:
                        figures["shown ms"] = shown(page)
            if "streaming" in parts:
                bench = Streaming(hub, browser, project, asked.pages)
                figures[f"streaming, {asked.pages} pages"] = bench.run(asked.rounds)
    print(json.dumps(figures, indent=2))
    RESULT.parent.mkdir(exist_ok=True)
    RESULT.write_text(json.dumps(figures, indent=2) + "\n", encoding="utf-8")


def idle(hub: HubProcess) -> dict[str, float]:
    """Measure the hub's CPU and memory with one open page."""
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
    """Pause and resume with the page's buttons, and measure the time until the page shows the new state.

    The time includes the click's way to the hub, so it is slightly longer than from the event.
    """
    times = []
    page.evaluate(NOTE_CHANGES)
    for _ in range(CHANGES):
        page.get_by_role("button", name="Pause offloading").click()
        times.append(_until_shown(page, page.get_by_text("Until I resume")))
        times.append(_until_shown(page, page.get_by_role("button", name="Resume")))
    return {"median": statistics.median(times), "worst": max(times), "count": len(times)}


def _until_shown(page: Page, button: Locator) -> float:
    before = page.locator(".ts-chip-word").inner_text()
    button.click()
    expect(page.locator(".ts-chip-word")).not_to_have_text(before)
    return float(page.evaluate("window.changedAt - window.clickedAt"))


class Streaming:
    """The same offload with and without open pages."""

    def __init__(self, hub: HubProcess, browser: Browser, project: Path, pages: int) -> None:
        self._hub = hub
        self._browser = browser
        self._project = project
        self._pages = pages
        self._count = 0
        self._received: dict[str, int] = {}

    def run(self, rounds: int) -> dict[str, Any]:
        """Alternate the runs, so that other load on the machine affects all of them."""
        ways: dict[str, Callable[[], AbstractContextManager[None]]] = {
            "no page": nullcontext,
            "clients": self._clients,
            "tabs of one window": self._tabs,
            "windows": self._windows,
        }
        found: dict[str, list[dict[str, float]]] = {way: [] for way in ways}
        with RawClient(self._hub.environ, self._project) as client:
            client.initialize()
            self._offload(client)
            for _ in range(rounds):
                for way, pages in ways.items():
                    with pages():
                        found[way].append(self._offload(client))
        medians = {
            way: {key: statistics.median(each[key] for each in runs) for key in runs[0]}
            for way, runs in found.items()
        }
        for way in ("clients", "tabs of one window", "windows"):
            fall = 1 - medians[way]["tokens/s"] / medians["no page"]["tokens/s"]
            medians[way]["falls by percent"] = 100 * fall
        medians["clients"].update(
            {key: value / rounds / self._pages for key, value in self._received.items()}
        )
        return {way: {key: round(value, 2) for key, value in each.items()} for way, each in medians.items()}

    def _offload(self, client: RawClient) -> dict[str, float]:
        self._count += 1
        arguments = {"task": "count words", "output": f"words{self._count}.txt"}
        own = [psutil.Process(self._hub.process.pid)]
        began, used, drawn = time.perf_counter(), _cpu(own), _cpu(_browser_processes())
        client.answer(client.send("tools/call", {"name": "offload_work", "arguments": arguments}))
        seconds = time.perf_counter() - began
        return {
            "tokens/s": TOKENS / seconds,
            "hub, percent of a core": 100 * _since(used, _cpu(own)) / seconds,
            "browser, percent of a core": 100 * _since(drawn, _cpu(_browser_processes())) / seconds,
        }

    @contextmanager
    def _clients(self) -> Iterator[None]:
        links = [login_link(self._hub) for _ in range(self._pages)]
        command = [sys.executable, "-m", "tests.bench.support.page_peers", *links]
        with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as peers:
            assert peers.stdin is not None
            assert peers.stdout is not None
            assert peers.stdout.readline() == "connected\n"
            yield
            peers.stdin.close()
            for key, value in json.loads(peers.stdout.readline()).items():
                name = f"{key} a page"
                self._received[name] = self._received.get(name, 0) + value

    @contextmanager
    def _tabs(self) -> Iterator[None]:
        with one_window([login_link(self._hub) for _ in range(self._pages)]):
            yield

    @contextmanager
    def _windows(self) -> Iterator[None]:
        with ExitStack() as stack:
            for _ in range(self._pages):
                stack.enter_context(opened(self._browser, self._hub))
            yield


def _browser_processes() -> list[psutil.Process]:
    return [each for each in psutil.Process().children(recursive=True) if "chrom" in each.name()]


def _cpu(processes: list[psutil.Process]) -> dict[psutil.Process, float]:
    """Return the CPU seconds of each process."""
    used = {}
    for process in processes:
        with suppress(psutil.NoSuchProcess):
            times = process.cpu_times()
            used[process] = times.user + times.system
    return used


def _since(before: dict[psutil.Process, float], after: dict[psutil.Process, float]) -> float:
    """Return the CPU seconds between two measurements, of processes present in both or new in the second."""
    return sum(used - before.get(process, 0.0) for process, used in after.items())


@contextmanager
def start_engine() -> Iterator[str]:
    """Run the stand-in in a separate process, so that this one does not slow it down; return its URL."""
    command = [sys.executable, "-c", ENGINE]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as engine:
        assert engine.stdin is not None
        assert engine.stdout is not None
        yield engine.stdout.readline().strip()
        engine.stdin.close()


@contextmanager
def opened(browser: Browser, hub: HubProcess) -> Iterator[Page]:
    """Open the page *Now* in a separate browser context."""
    context = browser.new_context()
    try:
        page = context.new_page()
        page.goto(login_link(hub))
        page.locator(".ts-chip-word").wait_for()
        settle(page)
        yield page
    finally:
        context.close()


if __name__ == "__main__":
    main()
