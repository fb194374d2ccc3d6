"""Benchmark of a page's first load: ``uv run python -m tests.bench.page_load``, about 2 minutes.

A real hub with a month of history, viewed in the system's Chromium with an empty cache. For each page:

- ``KB``: everything that the browser loads, compressed as it arrives, in thousands of bytes.
- ``first paint ms``: from the start of the navigation to the first text or picture, at the median of
  ``--rounds``; ``worst ms`` is the slowest round.

Compare with another version by running this file in its checkout, alternately, on the same machine:
``cd OTHER && PYTHONPATH=. uv run python /path/to/this/tests/bench/page_load.py``.
"""

import argparse
import json
import statistics
import tempfile
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser, BrowserContext, sync_playwright

from tests.dashboard.support.browser import launch
from tests.dashboard.support.harness import login_link, settle
from tests.dashboard.support.sample import write_month
from tests.hub_process import HubProcess, start_hub
from tests.standins.ollama import OllamaStandIn

PATHS = ("/", "/history", "/review", "/models", "/savings", "/policy", "/settings")
PAINT = "() => performance.getEntriesByName('first-contentful-paint')[0]?.startTime ?? 0"
PATIENCE_MS = 180_000
RESULT = Path(__file__).parent / "results" / "page_load.json"


def main() -> None:
    """Measure, print, write."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--page", action="append", help="only these paths")
    asked = parser.parse_args()
    paths = tuple(asked.page or PATHS)
    with (
        tempfile.TemporaryDirectory() as name,
        OllamaStandIn() as ollama,
        sync_playwright() as playwright,
        launch(playwright) as browser,
    ):
        home = Path(name) / "home"
        write_month(home / "history.db")
        with start_hub(home, TOKEN_SAVER_BACKEND__URL=ollama.url, HOME=str(home)) as hub:
            load(browser, hub, "/")  # the first page of a hub waits for its modules
            runs = {path: [load(browser, hub, path) for _ in range(asked.rounds)] for path in paths}
    figures = {path: summary(loads) for path, loads in runs.items()}
    print(json.dumps(figures, indent=2))
    RESULT.parent.mkdir(exist_ok=True)
    RESULT.write_text(json.dumps(figures, indent=2) + "\n", encoding="utf-8")


def load(browser: Browser, hub: HubProcess, path: str) -> tuple[int, float]:
    """Open the page in a new context, whose cache is empty. Return bytes and milliseconds."""
    context = browser.new_context(viewport={"width": 1280, "height": 900})
    context.set_default_timeout(PATIENCE_MS)
    try:
        log_in(context, hub)
        page = context.new_page()
        received: list[float] = []
        session = context.new_cdp_session(page)
        session.send("Network.enable")
        session.send("Network.setCacheDisabled", {"cacheDisabled": True})
        session.on("Network.loadingFinished", lambda event: received.append(event["encodedDataLength"]))
        page.goto(f"{hub.info.url}{path}")
        settle(page)
        return round(sum(received)), float(page.evaluate(PAINT))
    finally:
        context.close()


def log_in(context: BrowserContext, hub: HubProcess) -> None:
    """Set the login cookie without a page."""
    response = context.request.get(login_link(hub), max_redirects=0)
    assert response.status < 400, response.status


def summary(loads: list[tuple[int, float]]) -> dict[str, Any]:
    """Return the figures of one page."""
    paints = [paint for _, paint in loads]
    return {
        "KB": round(statistics.median(size for size, _ in loads) / 1000, 1),
        "first paint ms": round(statistics.median(paints)),
        "worst ms": round(max(paints)),
    }


if __name__ == "__main__":
    main()
