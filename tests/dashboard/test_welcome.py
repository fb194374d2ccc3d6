"""The first steps of a new user in a real browser."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect

from tests.dashboard.support.axe import serious
from tests.dashboard.support.harness import visit
from tests.hub_process import HubProcess, start_hub
from tests.standins.ollama import CODER, OllamaStandIn
from tests.standins.ollama_registry import Registered
from tests.system import require

SLUGIFY = '''\
import re


def slugify(text: str) -> str:
    """Return text as a slug."""
    return re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-")
'''


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
    ollama.answers.when("slugify", f"```python\n{SLUGIFY}```")
    with visit(browser, fresh) as (page, _):
        page.wait_for_url("**/welcome")
        engine, model, connect, task = (
            page.get_by_label(name, exact=True) for name in ("Engine", "Model", "Connect", "First task")
        )
        expect(engine.locator(".ts-path-state")).to_have_text("Running")
        expect(engine).to_contain_text("of RAM")
        expect(engine).to_contain_text("Ollama")
        expect(model).to_contain_text(CODER)
        expect(connect.locator(".ts-path-mark")).to_have_text("3")
        client = page.get_by_label("Claude Code", exact=True)
        client.get_by_role("button", name="Connect").click()
        expect(client.locator(".ts-diff-added").first).to_be_visible()
        client.get_by_role("button", name="Write the file").click()
        expect(client.locator(".ts-tag")).to_have_text("connected")
        expect(connect.locator(".ts-path-mark")).to_have_text("✓")
        page.get_by_role("button", name="Try it").click()
        expect(task.locator(".ts-diff-added").first).to_contain_text("import re")
        expect(task.locator(".ts-path-mark")).to_have_text("✓")
        progress = page.locator(".ts-path-progress")
        expect(progress).to_contain_text("4 of 5 steps done. Next: Save more.")
        digests = page.get_by_label("Digests", exact=True)
        digests.get_by_role("button", name="Switch on").click()
        expect(digests.locator(".ts-diff-added").first).to_be_visible()
        digests.get_by_role("button", name="Write the file").click()
        expect(digests.locator(".ts-tag")).to_have_text("on")
        expect(progress).to_contain_text("5 of 5 steps done.")
        task.get_by_role("button", name="Keep").click()
        expect(task).to_contain_text(re.compile(r"Kept in .*slug\.py\."))
        task.get_by_role("button", name="Undo").click()
        expect(task.locator(".ts-outcome")).to_contain_text("Undone")
        page.reload()  # the last try is still there
        expect(task.locator(".ts-outcome")).to_contain_text("Undone")
        assert serious(page) == []
        page.get_by_role("button", name="Done").click()
        expect(page.locator("h1")).to_have_text("Now")
        page.goto(f"{fresh.info.url}/")
        expect(page.locator("h1")).to_have_text("Now")


def test_a_failure_names_its_reason_and_can_be_retried(
    browser: Browser, fresh: HubProcess, ollama: OllamaStandIn
) -> None:
    ollama.answers.when("slugify", "nothing useful")
    with visit(browser, fresh) as (page, _):
        page.wait_for_url("**/welcome")
        task = page.get_by_label("First task", exact=True)
        task.get_by_role("button", name="Try it").click()
        expect(task.locator(".ts-outcome")).to_contain_text("Handed back")
        expect(task).to_contain_text("invalid syntax")
        expect(task.locator(".ts-path-mark")).to_have_text("4")
        ollama.answers.when("slugify", f"```python\n{SLUGIFY}```")
        task.get_by_role("button", name="Try again").click()
        expect(task.locator(".ts-outcome")).to_contain_text("Written")
        model = page.get_by_label("Model", exact=True)
        model.get_by_role("button", name="Download").click()  # the stand-in's registry has no such model
        expect(model.get_by_role("alert")).not_to_be_empty()
        expect(model.get_by_role("button", name="Try again")).to_be_enabled()


def test_a_model_is_downloaded_and_the_steps_can_be_skipped(browser: Browser, tmp_path: Path) -> None:
    require("chromium")
    with OllamaStandIn() as ollama:
        ollama.models.clear()
        home = tmp_path / "home"
        with (
            start_hub(home, TOKEN_SAVER_BACKEND__URL=ollama.url, HOME=str(home)) as hub,
            visit(browser, hub) as (page, _),
        ):
            step = page.get_by_label("Model", exact=True)
            expect(step).to_contain_text("No model is installed yet")
            expect(step.locator(".ts-path-mark")).to_have_text("2")
            name = step.locator(".ts-model-name").inner_text()
            ollama.registry[name] = Registered(layers=(4000,))
            step.get_by_role("button", name="Download").click()
            expect(step).to_contain_text(f"1 model installed. Default: {name}")
            page.get_by_role("button", name="Skip").click()
            expect(page.locator("h1")).to_have_text("Now")
