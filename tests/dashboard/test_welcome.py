"""The first steps of a new user in a real browser."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect

from tests.dashboard.support.harness import visit
from tests.hub_process import HubProcess, start_hub
from tests.standins.ollama import CODER, OllamaStandIn
from tests.standins.ollama_registry import Registered
from tests.system import require


@pytest.fixture
def ollama() -> Iterator[OllamaStandIn]:
    with OllamaStandIn() as ollama:
        yield ollama


@pytest.fixture
def fresh(tmp_path: Path, ollama: OllamaStandIn) -> Iterator[HubProcess]:
    require("chromium")
    home = tmp_path / "home"
    (home / "claude").mkdir(parents=True)
    with start_hub(home, TOKEN_SAVER_BACKEND__URL=ollama.url, HOME=str(home)) as hub:
        yield hub


def test_the_first_steps_lead_to_a_result_and_appear_once(
    browser: Browser, fresh: HubProcess, ollama: OllamaStandIn
) -> None:
    ollama.answers.when("slugify", "```python\ndef slugify(text: str) -> str:\n    return text\n```")
    with visit(browser, fresh) as (page, _):
        page.wait_for_url("**/welcome")
        expect(page.get_by_label("1. This machine")).to_contain_text("of RAM")
        expect(page.get_by_label("2. The engine")).to_contain_text("Ollama")
        expect(page.get_by_label("3. A model")).to_contain_text(CODER)
        client = page.get_by_label("Claude Code", exact=True)
        client.get_by_role("button", name="Connect").click()
        expect(client.locator(".ts-diff-added").first).to_be_visible()
        client.get_by_role("button", name="Write the file").click()
        expect(client.locator(".ts-tag")).to_have_text("connected")
        page.get_by_role("button", name="Try it").click()
        expect(page.locator(".ts-first-answer")).to_contain_text("def slugify")
        page.get_by_role("button", name="Done").click()
        expect(page.locator("h1")).to_have_text("Now")
        page.goto(f"{fresh.info.url}/")
        expect(page.locator("h1")).to_have_text("Now")


def test_a_model_is_downloaded_and_the_steps_can_be_skipped(browser: Browser, tmp_path: Path) -> None:
    require("chromium")
    with OllamaStandIn() as ollama:
        ollama.models.clear()
        home = tmp_path / "home"
        with (
            start_hub(home, TOKEN_SAVER_BACKEND__URL=ollama.url, HOME=str(home)) as hub,
            visit(browser, hub) as (page, _),
        ):
            step = page.get_by_label("3. A model")
            expect(step).to_contain_text("No model is installed yet")
            name = step.locator(".ts-model-name").inner_text()
            ollama.registry[name] = Registered(layers=(4000,))
            step.get_by_role("button", name="Download").click()
            expect(step).to_contain_text(f"1 model installed. Default: {name}")
            page.get_by_role("button", name="Skip").click()
            expect(page.locator("h1")).to_have_text("Now")
