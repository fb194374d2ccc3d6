"""The history and the page of one offload in a real browser."""

import json
import re
from threading import Event
from urllib.parse import parse_qs, urlsplit

from playwright.sync_api import Browser, Page, expect

from tests.dashboard.support.harness import DashboardHarness, ask, settle, visit
from tests.standins.answers import Answer
from tests.standins.serving import wait_until

FIXED = "def double(number: int) -> int:\n    return 2 * number\n"


def test_filters_are_part_of_the_address_and_survive_a_reload(page: Page, stage: DashboardHarness) -> None:
    page.goto(stage.url("/history"))
    expect(page.locator(".ts-rows .ts-offload")).to_have_count(50)
    page.get_by_label("Search tasks and files").fill("docstrings")
    expect(page.locator(".ts-rows .ts-offload .ts-task").first).to_contain_text("docstrings")
    expect(page.locator(".ts-rows .ts-offload", has_not_text="docstrings")).to_have_count(0)
    page.get_by_role("button", name="Model", exact=True).click()
    page.get_by_role("menuitem", name="qwen2.5-coder:7b").click()
    page.wait_for_url(re.compile("model="))
    expect(page.get_by_role("button", name="Model: qwen2.5-coder:7b")).to_be_visible()
    query = parse_qs(urlsplit(page.url).query)
    assert query == {"q": ["docstrings"], "model": ["qwen2.5-coder:7b"]}
    found = page.locator(".ts-rows .ts-offload")
    expect(found.filter(has_text="1.5b")).to_have_count(0)
    expect(found).not_to_have_count(0)
    count = found.count()
    assert 0 < count < 50
    page.reload()
    expect(page.get_by_label("Search tasks and files")).to_have_value("docstrings")
    expect(found).to_have_count(count)
    page.get_by_role("button", name="Clear all filters").click()
    page.wait_for_url(stage.url("/history"))
    expect(page.get_by_label("Search tasks and files")).to_be_focused()
    expect(found).to_have_count(50)


def test_older_pages_have_their_own_address(page: Page, stage: DashboardHarness) -> None:
    page.goto(stage.url("/history"))
    last = page.locator(".ts-rows .ts-offload").nth(49).get_attribute("href")
    page.get_by_role("link", name="Older").click()
    page.wait_for_url(re.compile("before="))
    expect(page.locator(".ts-rows .ts-offload").first).to_be_visible()
    assert last not in [row.get_attribute("href") for row in page.locator(".ts-rows .ts-offload").all()]
    page.go_back()
    expect(page.locator(".ts-rows .ts-offload")).to_have_count(50)


def test_a_filter_has_counts_and_is_removed_alone(page: Page, stage: DashboardHarness) -> None:
    page.goto(stage.url("/history?model=qwen2.5-coder%3A7b"))
    found = page.locator(".ts-listing > .ts-sub")
    page.get_by_role("button", name="Outcome", exact=True).click()
    written = page.get_by_role("menuitem", name=re.compile(r"^Written"))
    many = written.locator(".ts-num").inner_text()
    written.click()
    expect(found).to_have_text(f"{many} offloads found.")
    page.get_by_role("button", name="Remove the filter: Model").click()
    page.wait_for_url(re.compile(r"/history\?outcome=delivered$"))
    expect(found).not_to_have_text(f"{many} offloads found.")
    # All calls of this history are of one kind.
    expect(page.get_by_role("button", name="Kind", exact=True)).to_be_hidden()


def test_the_list_is_sorted_by_what_was_saved(page: Page, stage: DashboardHarness) -> None:
    page.goto(stage.url("/history"))
    settle(page)
    page.get_by_role("button", name="Order", exact=True).click()
    page.get_by_role("menuitem", name="Most lost first").click()
    page.wait_for_url(re.compile("order=lost"))
    expect(page.get_by_role("link", name="Next page")).to_be_visible()
    lost = [int(row.inner_text().replace("−", "-")) for row in page.locator(".ts-rows .ts-loss").all()]
    assert lost == sorted(lost)
    page.get_by_role("link", name="Next page").click()
    page.wait_for_url(re.compile("before="))
    expect(page.get_by_role("link", name="First page")).to_be_visible()


def test_back_returns_to_the_row_and_the_filters(page: Page, stage: DashboardHarness) -> None:
    page.goto(stage.url("/history?outcome=delivered"))
    settle(page)
    row = page.locator("main a.ts-offload").nth(30)
    href = row.get_attribute("href")
    row.click()
    page.wait_for_url("**/offload/*")
    settle(page)
    page.go_back()
    again = page.locator(f'main a.ts-offload[href="{href}"]')
    expect(again).to_be_focused()
    expect(again).to_be_in_viewport()
    expect(page.get_by_role("button", name="Outcome: Written")).to_be_visible()


def test_an_empty_result_says_what_to_do(page: Page, stage: DashboardHarness) -> None:
    page.goto(stage.url("/history?q=zebra&outcome=failed"))
    listing = page.locator(".ts-listing")
    expect(listing).to_contain_text("“zebra” in the task or a file name, outcome Failed")
    listing.get_by_role("button", name="Clear all").click()
    page.wait_for_url(stage.url("/history"))
    expect(page.locator(".ts-rows .ts-offload")).to_have_count(50)
    page.goto(stage.url("/offload/00000000"))
    expect(page.locator(".ts-main")).to_contain_text("Offload 00000000 does not exist")


def test_the_details_show_everything(page: Page, stage: DashboardHarness) -> None:
    page.goto(stage.url("/history"))
    page.locator(f'a[href="/offload/{stage.ids[-1]}"]').click()
    expect(page.locator("h1")).to_have_text("Add type hints and one-line docstrings to every function")
    expect(page.locator(".ts-diff-added").first).to_contain_text("def berth_fee(length: float")
    expect(page.locator(".ts-diff-removed").first).to_contain_text("def berth_fee(length, days)")
    expect(page.get_by_role("main").get_by_role("link", name="Review", exact=True)).to_be_visible()
    # What the user can do stands above the facts.
    undo = page.get_by_role("main").get_by_role("button", name="Undo: restore")
    tops = [
        each.evaluate("each => each.getBoundingClientRect().top") for each in (undo, page.locator("dt").first)
    ]
    assert tops == sorted(tops)
    expect(page.locator(".ts-attempt")).to_have_count(2)
    expect(page.locator(".ts-attempt").first).to_contain_text("parses: failed")
    expect(page.locator(".ts-files li")).to_have_count(2)
    expect(page.locator(".ts-receipt tbody tr").nth(1)).to_be_visible()
    rows = [row.inner_text().split("\t") for row in page.locator(".ts-receipt tbody tr").all()]
    in_tokens = [row[1] for row in rows if "turn" not in row[1]]
    tokens = [int(each.replace("−", "-").replace("+", "").replace(",", "")) for each in in_tokens]
    assert sum(tokens[:-1]) == tokens[-1]
    prompt = page.locator(".ts-attempt").first.locator("details", has_text="Prompt")
    prompt.locator("summary").click()
    expect(prompt.locator("pre")).to_contain_text("File harbour/fees.py")
    call = page.locator("details", has_text="Claude's call").locator("pre")
    assert json.loads(call.inner_text())["output"] == "harbour/fees.py"


def test_a_text_is_copied(browser: Browser, stage: DashboardHarness) -> None:
    permissions = ["clipboard-read", "clipboard-write"]
    with visit(browser, stage.hub, permissions=permissions) as (page, _):
        page.goto(stage.url(f"/offload/{stage.ids[-1]}"))
        page.get_by_role("button", name="Copy: Claude's call").click()
        expect(page.locator(".ts-notice")).to_contain_text("Copied")
        copied = page.wait_for_function("navigator.clipboard.readText()").json_value()
        assert json.loads(copied)["files"] == ["harbour/fees.py"]


def test_a_text_that_the_browser_does_not_copy_is_selected(page: Page, stage: DashboardHarness) -> None:
    page.goto(stage.url(f"/offload/{stage.ids[-1]}"))
    settle(page)
    page.evaluate("() => { navigator.clipboard.writeText = () => Promise.reject(new Error('no')); }")
    page.get_by_role("button", name="Copy: Claude's call").click()
    dialog = page.get_by_role("dialog", name="Copy by hand")
    expect(dialog).to_contain_text("The text is selected")
    selected = page.evaluate("getSelection().toString()")
    assert json.loads(selected)["files"] == ["harbour/fees.py"]
    expect(page.locator(".ts-notice")).to_have_count(0)
    page.keyboard.press("Escape")
    expect(dialog).to_have_count(0)


def test_an_offload_is_shown_live_undone_and_run_again(page: Page, stage: DashboardHarness) -> None:
    page.goto(stage.url())
    file = stage.project / "double.py"
    before = "def double(number):\n    return 2 * number\n"
    file.write_text(before)
    seen = Event()
    answer = Answer(f"```python\n{FIXED}```", delay=0.02, held=seen)
    stage.ollama.answers.when("type hints to double", answer)
    with stage.client() as client:
        request = ask(client, "Add type hints to double", files=["double.py"], output="double.py")
        page.locator(".ts-run .ts-run-task").click()
        page.wait_for_url(re.compile("/offload/"))
        expect(page.locator(".ts-run .ts-stream-text")).to_contain_text("def double")
        seen.set()
        client.answer(request)
    expect(page.locator(".ts-result-head .ts-outcome")).to_contain_text("Written")
    assert "int" in file.read_text()
    page.get_by_role("button", name="Undo: restore").click()
    expect(page.locator(".ts-result-head .ts-outcome")).to_contain_text("Undone")
    expect(page.get_by_role("button", name="Undo: restore")).to_have_count(0)
    assert file.read_text() == before
    expect(page.locator(".ts-receipt-sum .ts-num").first).to_have_class(re.compile("loss"))
    undone = page.url
    page.get_by_role("button", name="Run again").click()
    page.wait_for_url(lambda url: "/offload/" in url and url != undone)
    expect(page.locator(".ts-result-head .ts-outcome")).to_contain_text("Written")
    wait_until(lambda: "int" in file.read_text())
    expect(page.locator(".ts-facts-wide")).to_contain_text("dashboard")
    expect(page.locator(".ts-details-page")).to_contain_text("You started this yourself")
    expect(page.locator(".ts-receipt")).to_have_count(0)
    expect(page.locator("summary", has_text="Your call")).to_have_count(1)
    page.goto(stage.url("/history"))
    own = page.locator(".ts-rows .ts-offload .ts-num.ts-sub").first
    expect(own).to_have_text(re.compile(r"^\([+−][\d.k]+\)$"))
    expect(own).to_have_attribute("title", re.compile("Made by Claude, it would have"))
    expect(page.locator(".ts-listing > p")).to_contain_text("Made by Claude, this work would have")
