"""Settings, client connections and start at login in a real browser, with the files that they change."""

import json
import re
import tomllib
from pathlib import Path

from playwright.sync_api import Browser, Page, expect

from tests.dashboard.support.harness import DashboardHarness, ask, visit

DARK_GROUND = "rgb(15, 19, 21)"


def test_settings_show_their_source(page: Page, stage: DashboardHarness) -> None:
    page.goto(stage.url("/settings"))
    url = page.locator(".ts-setting", has_text="The engine's address")
    expect(url.locator(".ts-setting-value")).to_have_text(stage.ollama.url)
    expect(url.locator(".ts-tag")).to_have_text("environment")
    expect(url.locator(".ts-tag")).to_have_attribute("title", re.compile("TOKEN_SAVER_BACKEND__URL"))
    expect(url.get_by_role("button")).to_have_count(0)
    expect(page.locator(".ts-main")).to_contain_text(str(stage.hub.home / "config.toml"))
    expect(page.locator(".ts-main")).to_contain_text("claude mcp add token-saver")


def test_changed_settings_are_written_to_the_file(page: Page, stage: DashboardHarness) -> None:
    page.goto(stage.url("/settings"))
    rounds = page.locator(".ts-setting", has_text="repair_rounds")
    rounds.get_by_role("button", name="Change").click()
    rounds.get_by_label("offload.repair_rounds").fill("99")
    rounds.get_by_role("button", name="Save").click()
    wrong = page.locator(".ts-notice", has_text="settings_invalid")
    expect(wrong).to_contain_text("Give a whole number from 0 to 5.")
    expect(wrong.get_by_role("button", name="Close")).to_have_css("color", "rgb(255, 255, 255)")
    rounds.get_by_label("offload.repair_rounds").fill("1")
    rounds.get_by_role("button", name="Save").click()
    expect(rounds.locator(".ts-tag")).to_have_text("config.toml")
    expect(wrong).to_have_count(0)
    assert tomllib.loads((stage.hub.home / "config.toml").read_text())["offload"]["repair_rounds"] == 1
    contents = page.locator(".ts-setting", has_text="Keep tasks, prompts, answers and diffs")
    contents.get_by_role("button", name="Change").click()
    contents.get_by_role("combobox").click()
    page.get_by_role("option", name="off").click()
    contents.get_by_role("button", name="Cancel").click()
    expect(contents.locator(".ts-setting-value")).to_have_text("on")


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
    line = page.locator(".ts-setting", has_text="start at login")
    expect(line.locator(".ts-setting-value")).to_have_text("off")
    expect(line.locator(".ts-tag")).to_have_attribute("title", re.compile(re.escape(str(entry))))
    line.get_by_role("button", name="Turn on").click()
    expect(line.locator(".ts-setting-value")).to_have_text("on")
    assert "--background" in entry.read_text()
    line.get_by_role("button", name="Turn off").click()
    expect(line.locator(".ts-setting-value")).to_have_text("off")
    assert not entry.exists()


def test_the_appearance_changes_at_once_on_every_page(
    browser: Browser, page: Page, stage: DashboardHarness
) -> None:
    page.goto(stage.url("/settings"))
    with visit(browser, stage.hub) as (other, _):
        for name, ground, scheme in (
            ("dark", DARK_GROUND, "light"),
            ("light", "rgb(244, 246, 247)", "dark"),
            ("system", DARK_GROUND, "dark"),
        ):
            other.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]
            appearance = page.locator(".ts-setting", has_text="The dashboard's colours")
            appearance.get_by_role("button", name="Change").click()
            appearance.get_by_role("combobox").click()
            page.get_by_role("option", name=name).click()
            appearance.get_by_role("button", name="Save").click()
            expect(other.locator("body")).to_have_css("background-color", ground)
            other.reload()
            expect(other.locator("body")).to_have_css("background-color", ground)
    assert tomllib.loads((stage.hub.home / "config.toml").read_text())["appearance"] == "system"


def test_an_added_root_applies_at_once(page: Page, stage: DashboardHarness, tmp_path: Path) -> None:
    stage.ollama.answers.when("another root", "done\n")
    with stage.client() as client:
        work = {"output": str(tmp_path / "far.txt")}
        assert "path_outside_roots" in str(client.answer(ask(client, "Write to another root", **work)))
        page.goto(stage.url("/settings"))
        roots = page.locator(".ts-setting", has_text="Folders that every client may work in")
        expect(roots.locator(".ts-setting-value")).to_have_text("none")
        roots.get_by_label("Add a folder to roots").fill("/no/such/folder")
        roots.get_by_role("button", name="Add").click()
        expect(page.locator(".ts-notice", has_text="settings_invalid")).to_contain_text("does not exist")
        page.locator(".ts-notice").get_by_role("button", name="Close").click()
        roots.get_by_label("Add a folder to roots").fill(str(tmp_path))
        roots.get_by_role("button", name="Add").click()
        expect(roots.locator(".ts-tag")).to_have_text("config.toml")
        expect(roots.locator(".ts-setting-row")).to_have_text(re.compile(re.escape(str(tmp_path))))
        client.answer(ask(client, "Write to another root", **work))
        assert (tmp_path / "far.txt").read_text() == "done\n"
        roots.get_by_role("button", name="Remove").click()
        expect(roots.locator(".ts-setting-value")).to_be_visible()  # "none" once no folder is left
        assert "path_outside_roots" in str(client.answer(ask(client, "Write to another root", **work)))
    of_environment = page.locator(".ts-setting", has_text="that may be read nevertheless")
    expect(of_environment.locator(".ts-tag")).to_have_text("environment")
    expect(of_environment).to_contain_text("~/.netrc")
    expect(of_environment.get_by_role("button")).to_have_count(0)


def test_an_added_check_can_be_used_at_once(page: Page, stage: DashboardHarness) -> None:
    stage.ollama.answers.when("a checked note", "done\n")
    page.goto(stage.url("/settings"))
    checks = page.get_by_role("region", name="Your own checks")
    lint = checks.locator(".ts-setting-row", has_text="ruff check")
    expect(lint.locator(".ts-tag")).to_have_text("environment")
    expect(lint.locator(".ts-tag")).to_have_attribute("title", re.compile("TOKEN_SAVER_CHECKS__LINT"))
    expect(lint.get_by_role("button")).to_have_count(0)
    for name, command, wrong in (("nope", "'", "quotation"), ("lint", "true", "environment variable sets")):
        checks.get_by_label("Name of the check").fill(name)
        checks.get_by_label("Command", exact=True).fill(command)
        checks.get_by_role("button", name="Add check").click()
        notice = page.locator(".ts-notice", has_text=wrong)
        expect(notice).to_contain_text("settings_invalid")
        notice.get_by_role("button", name="Close").click()
        expect(notice).to_have_count(0)
    checks.get_by_label("Name of the check").fill("never")
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
