"""Settings, client connections and start at login in a real browser, with the files that they change."""

import json
import re
import tomllib
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser, Locator, Page, expect
from pydantic import BaseModel

from dashboard.components.settings.plain_names import ELSEWHERE, GROUPS, NAMES
from server.config.folders import find_folders
from server.config.settings import Settings
from server.config.settings_file import set_setting
from server.offload.checks.places import CheckPlaces
from tests.dashboard.support.harness import DashboardHarness, ask, settle, visit
from tests.standins.serving import wait_until

DARK_GROUND = "rgb(15, 19, 21)"


def test_settings_show_their_source(page: Page, stage: DashboardHarness) -> None:
    page.goto(stage.url("/settings"))
    url = page.locator(".ts-setting", has_text="Engine address")
    expect(url.locator(".ts-setting-value")).to_have_text(stage.ollama.url)
    expect(url.locator(".ts-tag")).to_have_text("environment")
    expect(url.locator(".ts-tag")).to_have_attribute("title", re.compile("TOKEN_SAVER_BACKEND__URL"))
    expect(url.get_by_role("button")).to_have_count(0)
    expect(page.locator(".ts-main")).to_contain_text(str(stage.hub.home / "config.toml"))
    expect(page.locator(".ts-main")).to_contain_text("claude mcp add token-saver")


def test_changed_settings_are_written_to_the_file_and_reset(page: Page, stage: DashboardHarness) -> None:
    page.goto(stage.url("/settings"))
    longest = page.locator(".ts-setting", has_text="Longest answer")
    field = longest.get_by_role("spinbutton", name="Longest answer")
    field.fill("3")
    expect(longest).to_contain_text("Give a whole number of at least 16.")  # while one types
    expect(field).to_have_attribute("aria-invalid", "true")
    field.press("Enter")
    expect(longest).to_contain_text("Not saved: 4096 tokens stays in use.")
    expect(field).to_have_attribute("aria-describedby", re.compile("ts-message-"))
    assert "max_output_tokens" not in config(stage).get("offload", {})
    field.fill("2048")
    field.press("Enter")
    expect_changed(longest, "Default: 4096 tokens")
    assert config(stage)["offload"]["max_output_tokens"] == 2048
    expect(page.locator(".ts-restart")).to_be_hidden()  # it is in effect already
    days = page.get_by_label("Keep the audit trail for", exact=True)
    days.fill("30")
    days.press("Enter")
    expect(page.locator(".ts-restart")).to_contain_text("1 changed setting takes effect after a restart")

    page.reload()  # a value that waits for the restart stays visible
    expect(field).to_have_value("2048")
    expect(days).to_have_value("30")
    expect(page.locator(".ts-restart")).to_be_visible()
    page.get_by_role("button", name="Reset Keep the audit trail for").click()
    longest.get_by_role("button", name="Reset Longest answer").click()
    expect(field).to_have_value("4096")
    expect(longest.locator(".ts-setting-changed")).to_be_hidden()
    expect(page.locator(".ts-restart")).to_be_hidden()
    assert "max_output_tokens" not in config(stage).get("offload", {})


def test_text_is_saved_on_enter_and_when_the_field_is_left(page: Page, stage: DashboardHarness) -> None:
    page.goto(stage.url("/settings"))
    row = page.locator(".ts-setting", has_text="Keep a model loaded for")
    field = row.get_by_role("textbox")
    field.fill("20m")
    field.press("Enter")
    expect_changed(row, "Default: 10m")
    assert config(stage)["backend"]["keep_alive"] == "20m"
    field.fill("2h")
    field.press("Tab")
    expect(page.locator(".ts-notice").last).to_contain_text("Saved")
    wait_until(lambda: config(stage)["backend"]["keep_alive"] == "2h")
    field.fill("soon")
    field.press("Enter")
    expect(row).to_contain_text("Give a value such as 10m, 1h30m, -1.")
    assert config(stage)["backend"]["keep_alive"] == "2h"
    row.get_by_role("button", name="Reset Keep a model loaded for").click()
    expect(field).to_have_value("10m")
    assert "keep_alive" not in config(stage).get("backend", {})


def test_models_are_chosen_from_those_that_are_installed(page: Page, stage: DashboardHarness) -> None:
    page.goto(stage.url("/settings"))
    page.get_by_role("combobox", name="Default model").click()
    options = page.get_by_role("option")
    expect(options.first).to_have_text("Chosen automatically")
    expect(options).not_to_have_count(1)
    page.keyboard.press("Escape")
    field = page.get_by_role("combobox", name="Built-in engine's model")
    field.fill("no/such/model.gguf")
    field.press("Enter")
    wait_until(lambda: config(stage).get("embedded", {}).get("model") == "no/such/model.gguf")
    page.get_by_role("button", name="Reset Built-in engine's model").click()
    wait_until(lambda: "model" not in config(stage).get("embedded", {}))


def test_switches_and_sliders_save_at_once(page: Page, stage: DashboardHarness) -> None:
    page.goto(stage.url("/settings"))
    page.get_by_role("switch", name="Keep prompts, answers and diffs").click()
    row = page.locator(".ts-setting", has_text="Keep prompts, answers and diffs")
    expect_changed(row, "Default: on")
    assert config(stage)["history"]["contents"] is False
    page.get_by_role("switch", name="Keep prompts, answers and diffs").click()
    expect(row.locator(".ts-setting-changed")).to_be_hidden()
    slider = page.get_by_role("slider", name="Attempts after a failed check")
    slider.press("ArrowRight")
    attempts = page.locator(".ts-setting", has_text="Attempts after a failed check")
    expect(attempts.locator(".ts-setting-figure")).to_have_text("3")
    expect_changed(attempts, "Default: 2")
    expect(slider).to_have_value("3")  # updates of the page do not move it
    assert config(stage)["offload"]["repair_rounds"] == 3
    attempts.get_by_role("button", name="Reset").click()
    expect(attempts.locator(".ts-setting-figure")).to_have_text("2")
    expect(slider).to_have_value("2")


def test_the_search_finds_settings_by_words_and_key(page: Page, stage: DashboardHarness) -> None:
    page.goto(stage.url("/settings"))
    settle(page)
    shown = page.locator(".ts-setting:visible")
    few = shown.count()
    page.get_by_label("Search settings").fill("audit trail")
    expect(shown).to_have_count(1)
    expect(shown).to_contain_text("Keep the audit trail for")
    page.get_by_label("Search settings").fill("offload.temperature")  # advanced ones are found as well
    expect(shown).to_contain_text("Sampling temperature")
    page.get_by_label("Search settings").fill("sandbox")
    expect(page.get_by_label("Sandboxes", exact=True)).to_be_visible()
    expect(page.get_by_label("Prices", exact=True)).to_be_hidden()
    links = page.locator(".ts-settings-link:visible")
    expect(links.filter(has_text="Sandboxes")).to_have_count(1)
    expect(links.filter(has_text="Prices")).to_have_count(0)
    page.get_by_label("Search settings").fill("zebra")
    expect(page.get_by_text("No setting matches “zebra”.")).to_be_visible()
    page.get_by_role("button", name="Show all settings").click()
    expect(shown).to_have_count(few)
    expect(page.get_by_label("Search settings")).to_have_value("")
    expect(page.get_by_label("Prices", exact=True)).to_be_visible()


def test_every_setting_has_plain_words() -> None:
    """A new key needs a group and a name; the page shows keys without words among the advanced ones."""
    settings = Settings()
    sections = {name for name in Settings.model_fields if isinstance(getattr(settings, name), BaseModel)}
    keys = {name for name in Settings.model_fields if name not in sections}
    keys |= {f"{name}.{key}" for name in sections for key in type(getattr(settings, name)).model_fields}
    assert keys - ELSEWHERE == set(NAMES)
    assert {words.group for words in NAMES.values()} == {group.key for group in GROUPS}


def test_a_client_is_connected_after_the_diff_was_shown(page: Page, stage: DashboardHarness) -> None:
    folder = stage.hub.home / "claude"
    folder.mkdir(exist_ok=True)
    page.goto(stage.url("/settings"))
    client = page.get_by_label("Claude Code", exact=True)
    client.get_by_role("button", name="Connect").click()
    expect(client.locator(".ts-diff-added").first).to_be_visible()
    assert not (folder / ".claude.json").exists()
    client.get_by_role("button", name="Cancel").click()
    expect(client.locator(".ts-diff")).to_have_count(0)
    client.get_by_role("button", name="Connect").click()
    client.get_by_role("button", name="Write the file").click()
    expect(client.locator(".ts-tag")).to_have_text("connected")
    assert "token-saver" in json.loads((folder / ".claude.json").read_text())["mcpServers"]
    client.get_by_role("button", name="Disconnect").click()
    client.get_by_role("button", name="Remove the entry").click()
    expect(client.locator(".ts-tag")).to_have_text("not connected")


def test_the_engine_is_tested(page: Page, stage: DashboardHarness) -> None:
    page.goto(stage.url("/settings"))
    page.get_by_role("button", name="Test the engine").click()
    expect(page.locator(".ts-notice")).to_contain_text("The engine responds")
    page.get_by_role("button", name="Allow reading").click()
    page.get_by_role("button", name="Stop reading").click()
    expect(page.get_by_role("button", name="Allow reading")).to_be_visible()


def test_start_at_login_creates_and_removes_an_entry(page: Page, stage: DashboardHarness) -> None:
    entry = stage.hub.home / ".config" / "autostart" / "token-saver.desktop"
    page.goto(stage.url("/settings"))
    name = page.locator(".ts-setting-name", has_text="Start at login")
    expect(name).to_have_attribute("title", re.compile(re.escape(str(entry))))
    switch = page.get_by_role("switch", name="Start at login")
    expect(switch).not_to_be_checked()
    switch.click()
    wait_until(entry.exists)
    assert "--background" in entry.read_text()
    expect(switch).to_be_checked()
    switch.click()
    wait_until(lambda: not entry.exists())


def test_the_appearance_changes_at_once_on_every_page(
    browser: Browser, page: Page, stage: DashboardHarness
) -> None:
    page.goto(stage.url("/settings"))
    with visit(browser, stage.hub) as (other, _):
        for name, ground, scheme in (
            ("Dark", DARK_GROUND, "light"),
            ("Light", "rgb(244, 246, 247)", "dark"),
            ("Same as the desktop", DARK_GROUND, "dark"),
        ):
            other.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]
            page.get_by_role("combobox", name="Appearance").click()
            page.get_by_role("option", name=name).click()
            expect(other.locator("body")).to_have_css("background-color", ground)
            other.reload()
            expect(other.locator("body")).to_have_css("background-color", ground)
    assert "appearance" not in config(stage)  # the default again


def test_an_added_root_applies_at_once(page: Page, stage: DashboardHarness, tmp_path: Path) -> None:
    stage.ollama.answers.when("another root", "done\n")
    with stage.client() as client:
        work = {"output": str(tmp_path / "far.txt")}
        assert "path_outside_roots" in str(client.answer(ask(client, "Write to another root", **work)))
        page.goto(stage.url("/settings"))
        roots = page.locator(".ts-setting", has_text="Folders Claude can work in")
        expect(roots.locator(".ts-setting-value")).to_have_text("none")
        roots.get_by_role("textbox").fill("/no/such/folder")
        roots.get_by_role("button", name="Add").click()
        expect(roots).to_contain_text("The folder /no/such/folder does not exist.")
        roots.get_by_role("textbox").fill(str(tmp_path))
        roots.get_by_role("button", name="Add").click()
        expect(roots.locator(".ts-setting-changed")).to_be_visible()
        expect(roots.locator(".ts-setting-row")).to_have_text(re.compile(re.escape(str(tmp_path))))
        client.answer(ask(client, "Write to another root", **work))
        assert (tmp_path / "far.txt").read_text() == "done\n"
        roots.get_by_role("button", name="Remove").click()
        expect(roots.locator(".ts-setting-value")).to_be_visible()  # "none" once no folder is left
        assert "path_outside_roots" in str(client.answer(ask(client, "Write to another root", **work)))
    page.locator("#settings-files").get_by_text("Advanced").click()
    of_environment = page.locator(".ts-setting", has_text="that may be read anyway")
    expect(of_environment.locator(".ts-tag")).to_have_text("environment")
    expect(of_environment).to_contain_text("~/.netrc")
    expect(of_environment.get_by_role("button")).to_have_count(0)


def test_a_list_keeps_entries_that_were_saved_elsewhere(page: Page, stage: DashboardHarness) -> None:
    folders = find_folders(stage.hub.environ)
    page.goto(stage.url("/settings"))
    entries = page.locator(".ts-setting", has=page.get_by_text("Never write", exact=True))
    for entry, elsewhere, expected in (
        ("a/", ["b/"], ["b/", "a/"]),
        ("d/", ["a/", "c/"], ["a/", "c/", "d/"]),
        ("c/", ["a/", "c/"], ["a/", "c/"]),  # already there
    ):
        set_setting(folders, "paths", "never_write", elsewhere)
        entries.get_by_role("textbox").fill(entry)
        entries.get_by_role("button", name="Add").click()
        expect(entries.locator(".ts-setting-row")).to_have_count(len(expected))
        assert config(stage)["paths"]["never_write"] == expected
    set_setting(folders, "paths", "never_write", ["e/", "a/"])
    entries.get_by_role("button", name="Remove a/").click()
    expect(entries.locator(".ts-setting-row")).to_have_count(1)
    expect(entries.locator(".ts-setting-row")).to_contain_text("e/")
    assert config(stage)["paths"]["never_write"] == ["e/"]


def test_an_added_check_can_be_used_at_once(page: Page, stage: DashboardHarness) -> None:
    stage.ollama.answers.when("a checked note", "done\n")
    page.goto(stage.url("/settings"))
    checks = page.get_by_role("region", name="Your own checks")
    lint = checks.locator(".ts-setting-row", has_text="ruff check")
    expect(lint.locator(".ts-tag")).to_have_text("environment")
    expect(lint.locator(".ts-tag")).to_have_attribute("title", re.compile("TOKEN_SAVER_CHECKS__LINT"))
    expect(lint.get_by_role("button")).to_have_count(0)
    for name, command, wrong in (("nope", "'", "quotation"), ("lint", "true", "environment variable sets")):
        checks.get_by_label("Check name").fill(name)
        checks.get_by_label("Command", exact=True).fill(command)
        checks.get_by_role("button", name="Add check").click()
        notice = page.locator(".ts-notice", has_text=wrong)
        expect(notice).to_contain_text("settings_invalid")
        notice.get_by_role("button", name="Close").click()
        expect(notice).to_have_count(0)
    checks.get_by_label("Check name").fill("never")
    checks.get_by_label("Command", exact=True).fill("false {file}")
    checks.get_by_role("button", name="Add check").click()
    row = checks.locator(".ts-setting-row", has_text="never")
    expect(row.locator(".ts-tag")).to_have_text("config.toml")
    with stage.client() as client:
        answer = str(client.answer(ask(client, "Write a checked note", output="checked.txt", check="never")))
        assert "never" in answer
        assert not (stage.project / "checked.txt").exists()
        row.get_by_role("button", name="Remove never").click()
        expect(row).to_have_count(0)
        answer = str(client.answer(ask(client, "Write a checked note", output="checked.txt", check="never")))
        assert "There is no check" in answer
    assert tomllib.loads((stage.hub.home / "config.toml").read_text())["checks"] == {}


def test_the_user_is_asked_where_an_older_check_runs(page: Page, stage: DashboardHarness) -> None:
    checks = {"lint": stage.hub.environ["TOKEN_SAVER_CHECKS__LINT"]}
    (stage.hub.home / "check-places.json").unlink(missing_ok=True)
    places = CheckPlaces(stage.hub.home / "check-places.json")
    places.start(checks, is_new=False)
    page.goto(stage.url("/settings"))
    card = page.get_by_role("region", name="Your own checks")
    question = card.get_by_text("The check lint runs outside the sandbox, as before.")
    expect(question).to_be_visible()
    card.get_by_role("button", name="Run in the sandbox: lint").click()
    expect(question).to_have_count(0)
    assert not places.questions(checks)
    assert not places.is_outside("lint", checks["lint"])


def test_a_project_check_is_accepted_with_one_click(page: Page, stage: DashboardHarness) -> None:
    (stage.project / "pytest.ini").write_text("[pytest]\n")
    page.goto(stage.url("/settings"))
    name = f"pytest of {stage.project.name}"
    page.get_by_role("button", name=f"Accept {name}").click()
    expect(page.get_by_role("button", name=f"Withdraw {name}")).to_be_visible()
    accepted = json.loads((stage.hub.home / "accepted-checks.json").read_text())
    assert list(accepted) == [str(stage.project)]
    page.get_by_role("button", name=f"Withdraw {name}").click()
    expect(page.get_by_role("button", name=f"Accept {name}")).to_be_visible()
    assert json.loads((stage.hub.home / "accepted-checks.json").read_text()) == {}


def test_the_sandboxes_are_tested_on_request(page: Page, stage: DashboardHarness) -> None:
    page.goto(stage.url("/settings"))
    expect(page.get_by_text("New Python code: not tested since the app started.")).to_be_visible()
    page.get_by_role("button", name="Test the sandboxes").click()
    expect(page.get_by_text("New Python code: not tested")).to_have_count(0, timeout=60_000)
    expect(page.locator(".ts-main")).to_contain_text("New Python code:")


def expect_changed(row: Locator, default: str) -> None:
    """Wait until a setting is saved: the page has the text before, but hides it."""
    marker = row.locator(".ts-setting-changed")
    expect(marker).to_be_visible()
    expect(marker).to_contain_text(default)


def config(stage: DashboardHarness) -> dict[str, Any]:
    """Return the contents of the settings file; empty before the first change."""
    path = stage.hub.home / "config.toml"
    return tomllib.loads(path.read_text()) if path.exists() else {}
