"""Tests of the page *Digests* in a browser, in front of a real hub that gets events of the hook."""

import gzip
import json
import re
import subprocess
from pathlib import Path

from playwright.sync_api import Page, expect

from server.clients.hooks import hook_entries
from tests.dashboard.support.harness import DashboardHarness, settle

SAMPLE = Path(__file__).parents[1] / "digests" / "samples" / "pytest-verbose" / "output.txt.gz"
LOG = gzip.decompress(SAMPLE.read_bytes()).decode()[-25_000:]


def send_result(stage: DashboardHarness, session: str) -> bool:
    """Let the hook handle the result of a test run; return whether it became a digest."""
    event = {
        "tool_name": "Bash",
        "tool_input": {"command": "pytest -v"},
        "tool_response": {"stdout": LOG, "stderr": "", "interrupted": False, "isImage": False},
        "cwd": str(stage.project),
        "session_id": session,
        "tool_use_id": "toolu_1",
        "transcript_path": str(stage.project / "session.jsonl"),
    }
    command = hook_entries("digest")[0][1]["hooks"][0]
    # The entry names this test's folder; the hub has its own.
    [*options, program] = command["args"]
    program = program[program.index("import sys") :]
    done = subprocess.run(
        [command["command"], *options, program],
        input=json.dumps(event).encode(),
        env=stage.hub.environ,
        capture_output=True,
        check=True,
    )
    return b"updatedToolOutput" in done.stdout


def test_digests_losses_and_switches(page: Page, stage: DashboardHarness) -> None:
    page.goto(stage.url("/digests"))
    settle(page)
    expect(page.get_by_text("No digests yet.").first).to_be_visible()

    assert send_result(stage, "one")
    latest = page.get_by_role("region", name="Latest")
    expect(latest.get_by_text("pytest -v")).to_be_visible()
    latest.get_by_text("What Claude saw").click()
    expect(latest.get_by_text("6 failed, 1707 passed")).to_be_visible()

    assert not send_result(stage, "one"), "Claude came back for it"
    expect(latest.get_by_text("Claude ran the command again")).to_be_visible()
    assert not send_result(stage, "two"), "it is left alone"
    page.get_by_role("button", name="Use again: pytest").click()
    expect(page.get_by_role("region", name="Switched off")).to_be_hidden()
    assert send_result(stage, "three")

    page.get_by_role("button", name="Switch off: pytest").click()
    expect(page.get_by_role("button", name="Use again: pytest")).to_be_visible()
    assert not send_result(stage, "four")


def test_a_question_about_a_file_is_answered(page: Page, stage: DashboardHarness) -> None:
    log = stage.project / "build.log"
    log.write_text(LOG)
    page.goto(stage.url("/digests"))
    settle(page)
    card = page.get_by_role("region", name="Ask about a file")
    card.get_by_role("button", name="Ask about the file").click()
    expect(card.get_by_text("The file is missing.")).to_be_visible()
    card.get_by_label("File", exact=True).fill(str(log))
    card.get_by_label("Question").fill("failed")
    page.keyboard.press("Enter")
    expect(card.get_by_role("region", name="Answer")).to_contain_text("6 failed, 1707 passed")
    card.get_by_role("link", name="How the answer was made").click()
    expect(page.locator("h1")).to_have_text("failed")


def test_the_switch_shows_the_change_and_writes_it(page: Page, stage: DashboardHarness) -> None:
    settings = Path(stage.hub.environ["CLAUDE_CONFIG_DIR"]) / "settings.json"
    page.goto(stage.url("/digests"))
    settle(page)
    expect(page.get_by_text("Off. When you switch digests on")).to_be_visible()
    page.get_by_role("button", name="Switch on…").click()
    expect(page.get_by_text("server.digest_hook").first).to_be_visible()
    assert not settings.exists()
    page.get_by_role("button", name="Write the file").click()
    expect(page.get_by_text("On: Claude gets digests")).to_be_visible()
    assert "server.digest_hook" in settings.read_text()
    page.get_by_role("button", name="Switch off…").click()
    page.get_by_role("button", name="Write the file").click()
    expect(page.get_by_text("Off. When you switch digests on")).to_be_visible()
    assert not settings.exists()


def test_the_dry_run_reads_the_sessions(page: Page, stage: DashboardHarness) -> None:
    folder = Path(stage.hub.environ["CLAUDE_CONFIG_DIR"]) / "projects" / "-p"
    folder.mkdir(parents=True)
    usage = {"input_tokens": 1_000, "output_tokens": 100}
    message = {"id": "m", "model": "claude-opus-5.5", "content": [], "usage": usage}
    line = json.dumps({"type": "assistant", "message": message})
    (folder / "a.jsonl").write_text(line + "\n")
    page.goto(stage.url("/digests"))
    settle(page)
    page.get_by_role("button", name="Estimate what digests would have saved").click()
    expect(page.get_by_text(re.compile(r"1 transcript: .* 0\.0% of a bill"))).to_be_visible()
