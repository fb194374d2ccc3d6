"""Batches, models, savings, policy and settings in a real browser, with every button."""

import csv
import io
import re
from collections.abc import Iterator
from threading import Event

import pytest
from playwright.sync_api import Page, expect

from tests.bridge_client import RawClient
from tests.dashboard.support.harness import DashboardHarness, ask, batch
from tests.ledger.conversation import Conversation
from tests.standins.answers import without_end
from tests.standins.ollama import CODER, StandInModel
from tests.standins.ollama_registry import Registered

POLICY = """\
version: "1"
default: allow
tools:
  offload_work:
    rules:
      - name: ask first
        action: require_approval
        conditions: [{path: args.task, op: contains, value: careful}]
        approval_timeout: 2m
"""


FUNCTION = (
    "def total(values):\n    result = 0\n    for each in values:\n        result += each\n    return result\n"
)


@pytest.fixture
def client(stage: DashboardHarness) -> Iterator[RawClient]:
    with stage.client() as client:
        yield client


def test_a_batch_is_shown_live_paused_resumed_and_cancelled(
    page: Page, stage: DashboardHarness, client: RawClient
) -> None:
    for number in range(4):
        (stage.project / f"part{number}.py").write_text(f"def part{number}(x):\n    return x\n")
    stage.ollama.answers.when("comment each part", without_end(delay=0.02))
    page.goto(stage.url("/batches"))
    expect(page.locator(".ts-empty")).to_contain_text("Claude starts a batch")
    with batch(client, task="comment each part", each=["part*.py"], output="{path}") as job_id:
        job = page.get_by_label(f"Batch {job_id}", exact=True)
        expect(job).to_contain_text("0 of 4 items")
        job.get_by_role("button", name="Pause batch").click()
        expect(job.locator(".ts-outcome")).to_contain_text("Paused")
        job.get_by_role("button", name="Resume batch").click()
        expect(job.locator(".ts-outcome")).to_contain_text("Running")
        job.locator(".ts-job-task").click()
        page.wait_for_url(re.compile("/batch/j"))
        expect(page.locator(".ts-item")).to_have_count(4)
        expect(page.locator(".ts-item", has_text="part3.py")).to_be_visible()
        page.get_by_role("button", name="Cancel batch").click()
        expect(page.locator(".ts-job .ts-outcome")).to_contain_text("Cancelled")
        expect(page.locator(".ts-item .ts-outcome", has_text="Cancelled")).to_have_count(4)


def test_failed_items_are_grouped_and_retried(page: Page, stage: DashboardHarness, client: RawClient) -> None:
    (stage.project / "sum.py").write_text("def total(x):\n    return sum(x)\n")
    stage.ollama.answers.when("annotate the sum", "I cannot.")
    page.goto(stage.url("/batches"))
    with batch(client, task="annotate the sum", each=["sum.py"], output="{path}") as job_id:
        job = page.get_by_label(f"Batch {job_id}", exact=True)
        expect(job.locator(".ts-failures li")).to_have_count(1)
        page.goto(stage.url(f"/batch/{job_id}"))
        page.get_by_role("link", name="Without a result 1").click()
        page.wait_for_url(re.compile("show=failed"))
        expect(page.locator(".ts-item")).to_have_count(1)
        page.goto(stage.url(f"/batch/{job_id}?show=done"))
        expect(page.get_by_role("link", name="With a result 0")).to_have_attribute("aria-current", "true")
        expect(page.get_by_text("No item is like that now.")).to_be_visible()
        expect(page.locator(".ts-item")).to_have_count(0)
        page.goto(stage.url("/batches"))
        fixed = "def total(x: list[int]) -> int:\n    return sum(x)\n"
        stage.ollama.answers.when("annotate the sum", f"```python\n{fixed}```")
        job.get_by_role("button", name="Retry 1 failed").click()
        expect(job.locator(".ts-failures li")).to_have_count(0)
        expect(job.locator(".ts-legend")).to_have_text("done1")
        job.get_by_role("button", name="Undo all… files").click()
        page.get_by_role("dialog", name="Undo 1 file?").get_by_role("button", name="Undo all").click()
        expect(job.locator(".ts-outcome")).to_contain_text("Done, 1 undone")
        expect(job.locator(".ts-legend")).to_have_text("undone1")
        assert "list[int]" not in (stage.project / "sum.py").read_text()
        job.locator(".ts-job-task").click()
        expect(page.locator(".ts-item .ts-outcome")).to_contain_text("Undone")


def test_a_model_is_downloaded_and_a_download_is_cancelled(page: Page, stage: DashboardHarness) -> None:
    page.goto(stage.url("/models"))
    expect(page.locator(".ts-models .ts-model")).to_have_count(1)
    stage.ollama.registry["tiny:1b"] = Registered(layers=(4000,), delay=0.05)
    page.get_by_label("Name, address or path").fill("tiny:1b")
    page.get_by_role("button", name="Add this model").click()
    expect(page.locator(".ts-models .ts-model", has_text="tiny:1b")).to_be_visible()
    stage.ollama.registry["huge:70b"] = Registered(layers=(40_000_000,), held=Event())
    page.get_by_label("Name, address or path").fill("huge:70b")
    page.get_by_role("button", name="Add this model").click()
    expect(page.locator(".ts-activity", has_text="Downloading huge:70b")).to_be_visible()
    page.get_by_role("button", name="Cancel the download of huge:70b").click()
    expect(page.locator(".ts-activity")).to_have_count(0)
    page.get_by_label("Name, address or path").fill("nowhere:1b")
    page.get_by_role("button", name="Add this model").click()
    expect(page.get_by_label("Add a model").get_by_role("alert")).to_contain_text("nowhere:1b")
    expect(page.get_by_label("Name, address or path")).to_have_attribute("aria-invalid", "true")


def test_a_model_is_loaded_and_unloaded_from_the_list(page: Page, stage: DashboardHarness) -> None:
    stage.ollama.loaded.clear()
    page.goto(stage.url("/models"))
    page.get_by_role("button", name=f"Load {CODER}", exact=True).click()
    unload = page.get_by_role("button", name=f"Unload {CODER}")
    expect(unload).to_be_visible()
    expect(page.locator(".ts-models .ts-model", has_text=CODER)).to_contain_text("unloads in")
    unload.click()
    expect(page.get_by_role("button", name=f"Load {CODER}", exact=True)).to_be_visible()


def test_a_model_is_deleted_after_a_confirmation(page: Page, stage: DashboardHarness) -> None:
    stage.ollama.models["spare:1b"] = StandInModel(size=1 << 30)
    page.goto(stage.url("/settings"))
    page.get_by_role("button", name="Test the engine").click()
    expect(page.locator(".ts-notice")).to_contain_text("The engine responds")
    page.goto(stage.url("/models"))
    line = page.locator(".ts-models .ts-model", has_text="spare:1b")
    line.get_by_role("button", name="Delete").click()
    page.get_by_role("button", name="Keep").click()
    expect(page.locator(".ts-dialog")).to_have_count(0)
    assert "spare:1b" in stage.ollama.models
    line.get_by_role("button", name="Delete").click()
    page.locator(".ts-dialog").get_by_role("button", name="Delete").click()
    expect(line).to_have_count(0)
    assert "spare:1b" not in stage.ollama.models


def test_a_model_is_measured(page: Page, stage: DashboardHarness) -> None:
    before = stage.ollama.answers.default
    stage.ollama.answers.default = without_end()
    page.goto(stage.url("/models"))
    line = page.locator(".ts-models .ts-model", has_text=CODER).first
    line.get_by_role("button", name="Measure").click()
    expect(page.locator(".ts-activity")).to_contain_text(f"Measuring {CODER}")
    line.get_by_role("button", name="Stop measuring").click()
    expect(page.locator(".ts-notice")).to_contain_text("was stopped")
    expect(page.locator(".ts-activity")).to_have_count(0)
    stage.ollama.answers.default = before


def test_a_model_is_tried_on_the_users_own_work(
    page: Page, stage: DashboardHarness, client: RawClient
) -> None:
    (stage.project / "shop.py").write_text(FUNCTION)
    stage.ollama.answers.when("about the shop", "")
    client.answer(ask(client, "Write notes about the shop.", files=["shop.py"], output="shop.md"))
    stage.ollama.answers.when("about the shop", "# Shop\n\nIt adds numbers.\n")
    page.goto(stage.url("/models"))
    own = page.get_by_label("Your own work")
    own.get_by_role("button", name="Try my last hand-backs").click()
    expect(own).to_contain_text(re.compile(rf"{CODER} would have saved [1-5] of your last "))
    assert not (stage.project / "shop.md").exists()

    choose(page, "Project", str(stage.project))
    own.get_by_role("button", name="Measure on my files").click()
    expect(page.locator(".ts-notice")).to_contain_text(f"{CODER} was measured on {stage.project}")
    asked = [str(body["messages"]) for body in stage.ollama.bodies("/api/chat")]
    assert any("def total(values)" in each and "docstring" in each for each in asked)


def choose(page: Page, label: str, option: str) -> None:
    page.get_by_role("combobox", name=label).click()
    page.get_by_role("option", name=option).click()


def test_models_that_suit_the_machine_are_recommended(page: Page, stage: DashboardHarness) -> None:
    page.goto(stage.url("/models"))
    recommended = page.get_by_label("Recommended for this machine")
    expect(recommended.get_by_role("button", name="Download").first).to_be_visible()
    expect(recommended.locator("tbody tr").first).to_contain_text(re.compile("spare|short"))
    heads = recommended.locator("thead th").all_inner_texts()
    assert heads[:6] == ["Model", "Memory", "Speed", "Quality", "Licence", "Download"]


def test_a_model_is_made_the_default(page: Page, stage: DashboardHarness) -> None:
    other = "gemma3:4b"
    stage.ollama.models[other] = StandInModel(size=1 << 30)
    page.goto(stage.url("/settings"))
    page.get_by_role("button", name="Test the engine").click()
    expect(page.locator(".ts-notice")).to_contain_text("The engine responds")
    page.goto(stage.url("/models"))
    row = page.locator(".ts-coach tbody tr", has_text=other)
    expect(page.locator(".ts-coach tbody tr", has_text=CODER)).to_contain_text("default")
    row.get_by_role("button", name=f"Make {other} the default").click()
    expect(page.locator(".ts-notice")).to_contain_text(f"{other} is used from now on")
    expect(row.locator(".ts-tag")).to_be_visible()
    config = (stage.hub.home / "config.toml").read_text()
    assert f'model = "{other}"' in config
    installed = page.locator(".ts-models .ts-model", has_text=CODER)
    installed.get_by_role("button", name=f"Make default: {CODER}").click()
    expect(installed.locator(".ts-tag", has_text="default")).to_be_visible()
    expect(page.locator(".ts-coach tbody tr", has_text=CODER).locator(".ts-tag")).to_be_visible()
    assert f'model = "{CODER}"' in (stage.hub.home / "config.toml").read_text()


def test_savings_by_span_and_as_csv(page: Page, stage: DashboardHarness) -> None:
    page.goto(stage.url("/savings"))
    net = page.locator(".ts-figure", has_text="Net").locator(".ts-figure-value")
    of_all = net.inner_text()
    page.get_by_role("link", name="Last 7 days").click()
    page.wait_for_url(re.compile("time=7d"))
    expect(net).not_to_have_text(of_all)
    expect(page.locator(".ts-groups")).to_have_count(3)
    with page.expect_download() as download:
        page.get_by_role("link", name="CSV by day").click()
    rows = list(csv.DictReader(io.StringIO(download.value.path().read_text())))
    totals = stage.hub.get("/api/status")["saved_all"]
    assert sum(int(row["net_tokens"]) for row in rows) == totals["net_tokens"]


def test_the_user_allows_the_transcript_check_and_sees_its_result(
    page: Page, stage: DashboardHarness
) -> None:
    conversation = Conversation(stage.hub.home / "claude")
    conversation.read("/home/me/project/log.txt", "some words in a line\n" * 1000, 9_000)
    conversation.end()
    page.goto(stage.url("/savings"))
    card = page.get_by_role("region", name="Check against Claude Code's transcripts")
    expect(card).to_contain_text(str(stage.hub.home / "claude"))
    card.get_by_role("button", name="Check against the transcripts").click()
    expect(card).to_contain_text("Missed opportunities")
    expect(card).to_contain_text("Files read (")
    expect(card.locator("pre")).to_contain_text("compress_context")
    card.get_by_role("button", name="Stop reading transcripts").click()
    expect(card.get_by_role("button", name="Check against the transcripts")).to_be_visible()


def test_waiting_calls_are_approved_and_denied(
    page: Page, stage: DashboardHarness, client: RawClient
) -> None:
    page.goto(stage.url())
    (stage.hub.home / "policy.yaml").write_text(POLICY)
    stage.ollama.answers.when("careful", "done\n")
    try:
        request = ask(client, "Write a careful note", output="note.txt")
        approval = page.locator(".ts-approval")
        expect(approval.locator(".ts-task")).to_have_text("Write a careful note")
        expect(approval).to_contain_text("note.txt")
        expect(approval).to_contain_text("created")
        expect(approval).to_contain_text('Rule "ask first" (line 6 of the rules): task contains "careful".')
        expect(approval).not_to_contain_text("offload_work")
        expect(page.get_by_text("“Always” covers later calls")).to_have_count(1)
        expect(approval).to_contain_text(re.compile(r"denied automatically in [12]:\d\d"))
        approval.get_by_role("button", name="Approve", exact=True).click()
        expect(approval).to_have_count(0)
        client.answer(request)
        assert (stage.project / "note.txt").read_text() == "done\n"

        page.goto(stage.url("/policy"))
        expect(page.locator(".ts-rules")).to_contain_text("ask first")
        expect(page.locator(".ts-path-rules")).to_contain_text("Asks for approval before writing .env*")
        request = ask(client, "Write another careful note", output="other.txt")
        approval.get_by_role("button", name="Deny").focus()
        page.keyboard.press("Enter")
        assert "denied" in str(client.answer(request))
        assert not (stage.project / "other.txt").exists()
        expect(approval).to_have_count(0)
        expect(page.get_by_role("heading", name="Waiting for you")).to_be_focused()

        request = ask(client, "Write a third careful note", output="third.txt")
        approval.get_by_role("button", name="Always approve in this project").click()
        client.answer(request)
        client.answer(ask(client, "Write a fourth careful note", output="fourth.txt"))
        assert (stage.project / "fourth.txt").exists()
    finally:
        (stage.hub.home / "policy.yaml").unlink()


def test_the_trail_is_searched_and_verified(page: Page, stage: DashboardHarness, client: RawClient) -> None:
    stage.ollama.answers.when("trail", "done\n")
    client.answer(ask(client, "Write to the trail", output="trail.txt"))
    page.goto(stage.url("/policy"))
    expect(page.locator(".ts-trail-row").first).to_be_visible()
    page.get_by_label("Search the trail").fill("zebra")
    expect(page.locator(".ts-trail")).to_contain_text("No rows match")
    page.get_by_label("Search the trail").fill("trail.txt")
    row = page.locator(".ts-trail-row", has_text="File written").first
    row.locator("summary").click()
    expect(row.get_by_role("link", name="Open the call")).to_be_visible()
    page.get_by_label("Search the trail").fill("offload_work")
    expect(page.locator(".ts-trail-row .ts-trail-about").first).to_contain_text("Task")
    client.answer(client.send("tools/call", {"name": "list_loaded_models", "arguments": {}}))
    page.get_by_label("Search the trail").fill("list_loaded_models")
    expect(page.locator(".ts-trail")).to_contain_text("No rows match")
    page.get_by_role("switch", name="Include calls that no rule matched").click()
    expect(page.locator(".ts-trail-row").first).to_contain_text("No rule applies")
    page.get_by_role("button", name="Verify").click()
    expect(page.get_by_text("The trail is complete")).to_be_visible()
