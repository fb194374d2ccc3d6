"""One hub with a month of history and one browser per test module."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, expect, sync_playwright

from tests.dashboard.support.browser import launch
from tests.dashboard.support.harness import DashboardHarness, visit
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


@pytest.fixture
def page(browser: Browser, stage: DashboardHarness) -> Iterator[Page]:
    with visit(browser, stage.hub) as (page, _):
        yield page
