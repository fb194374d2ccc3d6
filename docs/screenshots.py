"""Generator of the pictures in ``docs/screenshots``: ``uv run --group e2e python docs/screenshots.py``.

It shows a real hub with a month of sample history, in front of a stand-in for Ollama, in the system's
Chromium. Arguments select pictures: ``--page now --width 1280 --scheme dark``; the default is all of them.
"""

import argparse
import contextlib
import io
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import product
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from PIL import Image  # noqa: E402 - after the path is set
from playwright.sync_api import Page, sync_playwright  # noqa: E402

from tests.bridge_client import LEGACY, RawClient  # noqa: E402
from tests.dashboard.support.browser import launch  # noqa: E402
from tests.dashboard.support.harness import login_link, settle  # noqa: E402
from tests.dashboard.support.sample import AFTER, BEFORE, CODER, PROJECT, SMALL, write_month  # noqa: E402
from tests.hub_process import HubProcess, start_hub  # noqa: E402
from tests.standins.answers import Answer  # noqa: E402
from tests.standins.ollama import OllamaStandIn, StandInModel  # noqa: E402

WIDTHS = {360: 780, 1280: 860, 2560: 1300}
WIDTH = 1280
"""Width of every page; running work is also shown at the other widths."""
SCHEMES = ("light", "dark")
REPLACE = """pairs => {
  const texts = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (texts.nextNode()) {
    for (const [from, to] of pairs) texts.currentNode.data = texts.currentNode.data.replaceAll(from, to);
  }
}"""
"""Replaces paths in the texts of a page."""
TASK = ("Write unit tests for the berth fees, with the edge at 12 metres", "tests/test_fees.py")
NEXT_TASK = ("Write a changelog entry for the new berth fees", "changes/fees.md")


@dataclass(frozen=True)
class Shot:
    """One picture: its name, the path, and the work that runs meanwhile."""

    name: str
    path: str
    working: bool = False
    batch: bool = False


def main() -> None:
    """Take the pictures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--page", action="append", help="only these pages")
    parser.add_argument("--width", action="append", type=int, help="only these widths")
    parser.add_argument("--scheme", action="append", choices=SCHEMES, help="only these schemes")
    parser.add_argument("--to", type=Path, default=ROOT / "docs" / "screenshots")
    chosen = parser.parse_args()
    chosen.to.mkdir(parents=True, exist_ok=True)
    with sync_playwright() as playwright, launch(playwright) as browser:
        for scheme, width in product(chosen.scheme or SCHEMES, chosen.width or WIDTHS):
            everything = bool(chosen.width) or width == WIDTH
            # One hub for each picture, so that work for one does not appear in the next.
            with stage() as (hub, project, ids):
                context = browser.new_context(
                    viewport={"width": width, "height": WIDTHS.get(width, 900)},
                    color_scheme=scheme,
                    reduced_motion="reduce",
                )
                page = context.new_page()
                page.goto(login_link(hub))
                for shot in shots(ids[-1]):
                    if shot.name in chosen.page if chosen.page else everything or shot.working:
                        take(page, hub, project, shot, chosen.to / f"{shot.name}-{width}-{scheme}.webp")
                context.close()


def shots(offload_id: str) -> tuple[Shot, ...]:
    """Return the pictures for every width and both colour schemes."""
    return (
        Shot("now", "/"),
        Shot("history", "/history"),
        Shot("offload", f"/offload/{offload_id}"),
        Shot("review", "/review"),
        Shot("models", "/models"),
        Shot("savings", "/savings?stack=model"),
        Shot("context", "/context"),
        Shot("digests", "/digests"),
        Shot("policy", "/policy"),
        Shot("settings", "/settings"),
        Shot("first-steps", "/welcome"),
        # Last, because their calls end as cancelled.
        Shot("working", "/", working=True),
        Shot("batches", "/batches", batch=True),
    )


def take(page: Page, hub: HubProcess, project: Path, shot: Shot, file: Path) -> None:
    """Take one picture."""
    runs = offloads_running if shot.working else batch_running if shot.batch else _nothing_running
    with runs(hub, project):
        page.goto(f"{hub.info.url}{shot.path}")
        settle(page)
        if shot.working:
            page.locator(".ts-stream-text", has_text="def test_").first.wait_for(timeout=15_000)
            page.locator(".ts-loaded .ts-model").wait_for(timeout=15_000)  # at the next engine poll
        if shot.batch:
            page.get_by_text("about").first.wait_for()
        if shot.path == "/models":
            page.locator(".ts-coach tbody tr").first.wait_for(timeout=60_000)
        if shot.path == "/welcome":
            page.locator(".ts-suggestions .ts-model").first.wait_for(timeout=60_000)
        page.wait_for_timeout(400)
        page.evaluate(REPLACE, _neutral_paths(hub, project))
        _save(page.screenshot(), file)
        if shot.batch:
            page.get_by_role("button", name="Cancel batch").first.click()
            page.get_by_role("button", name="Cancel batch").wait_for(state="detached")
    sys.stdout.write(f"{file}\n")


def _neutral_paths(hub: HubProcess, project: Path) -> list[list[str]]:
    """Return paths of this machine, each with the path to show instead."""
    return [
        [str(Path(sys.executable).parent), "/home/kim/.local/bin"],
        [str(project), PROJECT],
        [str(hub.home), "/home/kim"],
    ]


def _save(picture: bytes, file: Path) -> None:
    """Write as lossless WebP with 256 colours, which suffice for the pages: half the size of such a PNG."""
    with Image.open(io.BytesIO(picture)) as image:
        small = image.convert("RGB").quantize(256, dither=Image.Dither.NONE)
    small.convert("RGB").save(file, lossless=True, quality=100, method=6)


@contextlib.contextmanager
def offloads_running(hub: HubProcess, project: Path) -> Iterator[None]:
    """Let two clients request work, one more than the engine runs concurrently."""
    with RawClient(hub.environ, project) as first, RawClient(hub.environ, project) as second:
        for client, task, output in ((first, *TASK), (second, *NEXT_TASK)):
            _introduce(client)
            arguments = {"task": task, "files": ["fees.py"], "output": output}
            client.send("tools/call", {"name": "offload_work", "arguments": arguments})
            time.sleep(0.5)
        yield


@contextlib.contextmanager
def batch_running(hub: HubProcess, project: Path) -> Iterator[None]:
    """Let a client request a batch that takes longer than the picture."""
    for number in range(40):  # more files would wait for an approval
        (project / f"berth{number:02}.py").write_text(BEFORE)
    with RawClient(hub.environ, project) as client:
        _introduce(client)
        arguments = {
            "task": "Add one-line docstrings to every function of the file",
            "each": ["berth*.py"],
            "output": "{path}",
            "wait": False,
        }
        client.answer(client.send("tools/call", {"name": "batch_offload", "arguments": arguments}))
        yield


def _introduce(client: RawClient) -> None:
    info = {"name": "claude-code", "version": "2"}
    params = {"protocolVersion": LEGACY, "capabilities": {}, "clientInfo": info}
    client.request("initialize", params)
    client.notify("notifications/initialized")


@contextlib.contextmanager
def _nothing_running(_hub: HubProcess, _project: Path) -> Iterator[None]:
    yield


@contextlib.contextmanager
def stage() -> Iterator[tuple[HubProcess, Path, list[str]]]:
    """Run the hub with its history and its engine."""
    with tempfile.TemporaryDirectory() as folder, OllamaStandIn() as ollama:
        home, project = Path(folder) / "home", Path(folder) / "harbour"
        (project / "tests").mkdir(parents=True)
        (project / "fees.py").write_text(BEFORE)
        ids = write_month(home / "history.db")
        ollama.models = {
            CODER: StandInModel(size=4_683_087_332, parameters="7.6B", vram=0.0),
            SMALL: StandInModel(size=986_061_892, parameters="1.5B"),
            "gemma3:4b": StandInModel(size=3_338_801_804, parameters="4.3B", family="gemma3"),
        }
        tests = "".join(
            f'def test_fee_at_{length}_metres() -> None:\n    """The rate changes above 12 metres."""\n'
            f"    assert berth_fee({length}, 3) == {fee}\n\n\n"
            for length, fee in ((8, 37.5), (12, 37.5), (13, 54), (20, 54), (40, 54))
        )
        ollama.answers.default = Answer(f"```python\n{tests * 40}\n{AFTER}```", delay=0.03)
        documented = BEFORE.replace("):\n", '):\n    """Say what it does."""\n')
        ollama.answers.when(
            "Add one-line docstrings to every function of the file",
            Answer(f"```python\n{documented}```", delay=0.012),
        )
        (home / "claude").mkdir(exist_ok=True)
        settings = {"TOKEN_SAVER_BACKEND__URL": ollama.url, "TOKEN_SAVER_BACKEND__MODEL": CODER}
        with start_hub(home, **settings, HOME=str(home)) as hub:
            yield hub, project, ids


if __name__ == "__main__":
    main()
