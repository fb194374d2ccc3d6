"""The system's Chromium, without any background traffic."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager

from playwright.sync_api import Browser, Playwright

FLAGS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    # One process for all pages. Otherwise each address starts one, which takes a third of a second.
    "--renderer-process-limit=1",
    "--disable-site-isolation-trials",
)


@contextmanager
def launch(playwright: Playwright, *more: str) -> Iterator[Browser]:
    """Run the browser, with ``more`` flags, for the ``with`` block."""
    browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=[*FLAGS, *more])
    try:
        yield browser
    finally:
        browser.close()
