"""Every page at every width, light and dark: nothing wider than the window, nothing serious for axe-core.

A page is loaded once. Then the window is resized and the scheme changed, as a user does it.
"""

import itertools

import pytest
from playwright.sync_api import Browser, expect

from dashboard.components.frame.page_frame import PAGES
from tests.dashboard.support.examine import examine
from tests.dashboard.support.harness import DashboardHarness, settle, visit

WIDTHS = (360, 640, 1280, 2560)
"""640 pixels are a window of 1280 at 200 % zoom."""
SCHEMES = ("light", "dark")
PATHS = (
    "/",
    "/history",
    "/offload/{id}",
    "/batches",
    "/review",
    "/models",
    "/savings",
    "/savings?by=week&stack=model&sum=1",
    "/savings?by=session&stack=project",
    "/context",
    "/digests",
    "/policy",
    "/settings",
    "/welcome",
)


@pytest.mark.parametrize("path", PATHS)
def test_a_page_at_every_width_in_both_schemes(browser: Browser, stage: DashboardHarness, path: str) -> None:
    stage.ollama.loaded.clear()  # the state with the longest detail beside the heading
    with visit(browser, stage.hub, width=WIDTHS[0], scheme=SCHEMES[0], reduced_motion="reduce") as (page, _):
        page.goto(stage.url(path.format(id=stage.ids[-1])))
        expect(page.locator("h1")).to_be_visible()
        for scheme, width in itertools.product(SCHEMES, WIDTHS):
            page.set_viewport_size({"width": width, "height": 900})
            page.emulate_media(color_scheme=scheme, reduced_motion="reduce")
            settle(page)
            examine(page, width)
            dark = page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(15, 19, 21)"
            assert dark == (scheme == "dark")


def test_every_page_of_the_navigation_is_examined() -> None:
    assert {path for path, _, _ in PAGES} <= set(PATHS)
