"""One hub with a month of history and one browser per test module."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, expect, sync_playwright

from tests.dashboard.support.browser import launch
from tests.dashboard.support.harness import HEIGHT, WIDTH, DashboardHarness, Witness, visit
from tests.dashboard.support.sample import write_month
from tests.hub_process import start_hub
from tests.standins.ollama import OllamaStandIn
from tests.system import require

# A page shows most changes within half a second, but the machine is busy during tests.
expect.set_options(timeout=60_000)


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DashboardHarness]:
    require("chromium")
    folder = tmp_path_factory.mktemp("dashboard")
    home, project = folder / "home", folder / "project"
    project.mkdir()
    ids = write_month(home / "history.db", count=70)
    # The settings search HOME for clients. The variables are settings that cannot be edited.
    environ = {"TOKEN_SAVER_CHECKS__LINT": "ruff check {file}", "TOKEN_SAVER_PATHS__READ": '["~/.netrc"]'}
    with (
        OllamaStandIn() as ollama,
        start_hub(home, TOKEN_SAVER_BACKEND__URL=ollama.url, HOME=str(home), **environ) as hub,
    ):
        yield DashboardHarness(hub, ollama, project, ids)


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    require("chromium")
    with sync_playwright() as playwright, launch(playwright) as browser:
        yield browser


@pytest.fixture(scope="module")
def tab(browser: Browser, stage: DashboardHarness) -> Iterator[tuple[Page, Witness]]:
    """A browser that is logged in. From the second test on, its cache holds the scripts of the pages."""
    with visit(browser, stage.hub) as visited:
        yield visited


@pytest.fixture
def page(tab: tuple[Page, Witness]) -> Iterator[Page]:
    """The tab of the module's browser. Any recorded error fails the test at the end."""
    page, witness = tab
    yield page
    page.goto("about:blank")
    page.emulate_media(color_scheme="light", reduced_motion="no-preference")
    page.set_viewport_size({"width": WIDTH, "height": HEIGHT})
    found = [*witness.errors]
    witness.errors.clear()  # they are of this test alone
    assert found == []
