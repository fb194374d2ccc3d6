"""Every page at every width, light and dark: nothing wider than the window, nothing serious for axe-core.

A page is loaded once. Then the window is resized and the scheme changed, as a user does it.

In the daily run a page has each width in one scheme, and axe-core examines it once in each scheme.
``TOKEN_SAVER_TEST_LOOKS=all`` is the long form: every width in both schemes, each with axe-core.
"""

import itertools

import pytest
from playwright.sync_api import Page, expect

from dashboard.components.frame.page_frame import PAGES
from tests.dashboard.support.examine import SCHEMES, WIDTHS, examine, fits, looks
from tests.dashboard.support.harness import HEIGHT, DashboardHarness, settle

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
def test_a_page_at_every_width_in_both_schemes(page: Page, stage: DashboardHarness, path: str) -> None:
    stage.ollama.loaded.clear()  # the state with the longest detail beside the heading
    page.emulate_media(color_scheme="light", reduced_motion="reduce")
    page.goto(stage.url(path.format(id=stage.ids[-1])))
    expect(page.locator("h1")).to_be_visible()
    for width, scheme, closely in looks(PATHS.index(path)):
        page.set_viewport_size({"width": width, "height": HEIGHT})
        page.emulate_media(color_scheme=scheme, reduced_motion="reduce")
        settle(page)
        (examine if closely else fits)(page, width)
        dark = page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(15, 19, 21)"
        assert dark == (scheme == "dark")


def test_every_page_of_the_navigation_is_examined() -> None:
    assert {path for path, _, _ in PAGES} <= set(PATHS)


@pytest.mark.fast
def test_the_daily_run_has_every_width_and_axe_in_both_schemes() -> None:
    for number in (0, 1):
        daily = list(looks(number, every=False))
        assert [width for width, _, _ in daily] == list(WIDTHS)
        assert sorted(scheme for _, scheme, closely in daily if closely) == ["dark", "light"]
    both = {each[:2] for number in (0, 1) for each in looks(number, every=False)}
    assert both == set(itertools.product(WIDTHS, SCHEMES))
