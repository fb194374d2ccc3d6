"""Tests of the *Policy* page's form: a preview first, then the rule in the user's file."""

from playwright.sync_api import Page, expect

from server.policy.rules.detect_format import parse_policy
from tests.dashboard.support.examine import examine
from tests.dashboard.support.harness import DashboardHarness, settle

REASON = "docs/ needs my approval"


def test_a_rule_is_previewed_and_then_added(page: Page, stage: DashboardHarness) -> None:
    policy = stage.hub.home / "policy.yaml"
    page.goto(stage.url("/policy"))
    settle(page)
    rules = page.get_by_label("Active rules", exact=True)
    expect(rules).to_contain_text("These are the app's own rules.")
    rules.get_by_role("button", name="Create policy.yaml").click()
    expect(rules).to_contain_text(str(policy))
    expect(rules.get_by_role("button", name="Create policy.yaml")).to_have_count(0)
    policy.write_text(f"# mine\n{policy.read_text()}")

    rules.get_by_text("Add a rule").click()
    rules.get_by_role("button", name="Preview the rule").click()
    expect(rules.locator(".q-field__messages")).to_contain_text("Enter a reason.")
    rules.get_by_label("Condition").click()
    page.get_by_role("option", name="If it writes into the folder").click()
    rules.get_by_label("Folder in the project").fill("/home/u/p/docs")
    rules.get_by_role("button", name="Preview the rule").click()
    expect(rules.locator(".q-field__messages")).to_contain_text("is not relative to the project.")
    rules.get_by_label("Folder in the project").fill("./docs/")
    expect(rules.locator(".q-field__messages")).to_have_count(0)
    rules.get_by_label("Reason, for you and Claude").fill(REASON)
    rules.get_by_role("button", name="Preview the rule").click()
    expect(rules.locator(".ts-diff-added").first).to_contain_text(REASON)
    examine(page, 1280, ".ts-rule-form")
    assert REASON not in policy.read_text()
    rules.get_by_role("button", name="Add the rule").click()
    expect(rules.locator(".ts-rule", has_text=REASON)).to_contain_text("when it writes into the folder docs")
    expect(rules.get_by_text("Add a rule", exact=True)).to_be_focused()
    expect(rules.get_by_label("Reason, for you and Claude")).to_be_hidden()
    text = policy.read_text()
    assert text.startswith("# mine\n")
    assert parse_policy(text, policy.name).tools["offload_work"][-1].name == REASON

    rules.get_by_role("button", name=f"Edit: {REASON}").click()
    rules.get_by_label("Folder in the project").fill("notes")
    rules.get_by_role("button", name="Preview the rule").click()
    rules.get_by_role("button", name="Save the rule").click()
    expect(rules.locator(".ts-rule", has_text=REASON)).to_contain_text("into the folder notes")
    rules.get_by_role("button", name="Switch off: writing limit").click()
    expect(rules.get_by_text("After this, no rule limits")).to_contain_text("model downloads")
    rules.get_by_role("button", name="Switch it off").click()
    expect(rules.locator(".ts-rule-off")).to_contain_text("writing limit")
    assert {rule.name for rule in parse_policy(policy.read_text(), policy.name).off} == {"writing limit"}
    rules.get_by_role("button", name=f"Remove: {REASON}").click()
    rules.get_by_role("button", name="Remove the rule").click()
    expect(rules.locator(".ts-rule", has_text=REASON)).to_have_count(0)
    rules.get_by_role("button", name="Undo the change of the rules").click()
    expect(rules.locator(".ts-rule", has_text=REASON)).to_be_visible()
    examine(page, 1280, ".ts-rules")
