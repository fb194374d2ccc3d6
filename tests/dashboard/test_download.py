"""Models of the app's own engine in a real browser: a download asks first, a folder is taken off."""

from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect

from tests.dashboard.support.axe import serious
from tests.dashboard.support.harness import settle, visit
from tests.hub_process import start_hub
from tests.standins.model_hub import ModelHub
from tests.system import require

REPO, FILE = "org/toy-GGUF", "toy-Q4_K_M.gguf"
REFERENCE = f"hf.co/{REPO}:Q4_K_M"
CONTENT = b"GGUF" + bytes(3_000_000)


@pytest.mark.parametrize("width", [360, 1280], ids=["phone", "laptop"])
def test_size_and_licence_are_shown_before_anything_is_downloaded(
    browser: Browser, tmp_path: Path, width: int
) -> None:
    require("chromium")
    with ModelHub() as models:
        models.add(REPO, FILE, CONTENT)
        home = tmp_path / "home"
        engine = {"TOKEN_SAVER_BACKEND__KIND": "embedded", "TOKEN_SAVER_BACKEND__URL": ""}
        with (
            start_hub(home, **engine, HF_ENDPOINT=models.url, HOME=str(home)) as hub,
            visit(browser, hub, width=width, reduced_motion="reduce") as (page, _),
        ):
            page.goto(f"{hub.info.url}/models")
            settle(page)
            page.get_by_label("Name, address or path").fill(REFERENCE)
            page.get_by_role("button", name="Add this model").click()
            dialog = page.get_by_role("dialog", name=f"Download {REFERENCE}?")
            expect(dialog).to_contain_text("0.0 GB")
            expect(dialog).to_contain_text("apache-2.0")
            assert page.evaluate("document.documentElement.scrollWidth") <= width
            page.add_style_tag(content=".q-dialog__backdrop { visibility: hidden; }")
            assert serious(page, "[role=dialog]") == []
            dialog.get_by_role("button", name="Cancel").click()
            expect(dialog).to_have_count(0)
            assert models.sent == 0

            page.get_by_role("button", name="Add this model").click()
            dialog.get_by_role("button", name="Download it").click()
            expect(page.locator(".ts-notice", has_text="is installed")).to_be_visible()
            assert models.sent == len(CONTENT)


def test_a_folder_is_listed_until_the_user_takes_it_off(browser: Browser, tmp_path: Path) -> None:
    require("chromium")
    home, own = tmp_path / "home", tmp_path / "own models"
    own.mkdir()
    for name in ("one.gguf", "two.gguf"):
        (own / name).write_bytes(name.encode() + CONTENT)
    engine = {"TOKEN_SAVER_BACKEND__KIND": "embedded", "TOKEN_SAVER_BACKEND__URL": ""}
    with start_hub(home, **engine, HOME=str(home)) as hub, visit(browser, hub) as (page, _):
        page.goto(f"{hub.info.url}/models")
        settle(page)
        page.get_by_label("Name, address or path").fill(str(own))
        page.get_by_role("button", name="Add this model").click()
        lines = page.locator(".ts-models .ts-model")
        expect(lines).to_have_count(2)
        expect(lines.first.get_by_role("button", name="Delete…")).to_be_hidden()
        lines.first.get_by_role("button", name="Stop listing…").click()
        dialog = page.get_by_role("dialog", name=f"Stop listing {own}?")
        expect(dialog).to_contain_text("2 models there will no longer be offered. No file is changed.")
        dialog.get_by_role("button", name="Stop listing").click()
        expect(lines).to_have_count(0)
    assert sorted(each.name for each in own.iterdir()) == ["one.gguf", "two.gguf"]
