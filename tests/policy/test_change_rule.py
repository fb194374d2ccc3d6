"""Tests of removing, editing and switching off rules in the user's policy file."""

import pytest

from server.common.errors import BadArguments, SettingsError
from server.policy.rules.add_rule import NewRule, folder_of, policy_with, writes_into
from server.policy.rules.change_rule import RulePlace, place_of, with_replaced, with_switched, without_rule
from server.policy.rules.detect_format import parse_policy
from server.policy.rules.policy_file import SHIPPED
from server.policy.values import Condition

NAME = "policy.yaml"
TEXT = """\
version: "1"
tools:
  # what Claude writes
  offload_work:
    rules:   # in order
      - name: "slow"   # not too fast
        rate_limit: 30/minute
      - name: "many"
        action: require_approval
        conditions:
          - path: call.files
            op: gt
            value: 50
        approval_timeout: 10m

  pull_model:
    rules:
      - name: "no"
        action: deny
hide: [auto_setup]
"""
MANY, NO = RulePlace("offload_work", 1), RulePlace("pull_model", 0)
ENDINGS = [pytest.param("\n", id="lf"), pytest.param("\r\n", id="crlf")]


@pytest.mark.parametrize("newline", ENDINGS)
def test_a_removed_rule_takes_only_its_own_lines(newline: str) -> None:
    text = TEXT.replace("\n", newline)
    changed = without_rule(text, NAME, MANY)
    kept = [line for line in text.splitlines(keepends=True) if line in changed]
    assert "".join(kept) == changed
    assert [rule.name for rule in parse_policy(changed, NAME).tools["offload_work"]] == ["slow"]
    assert "# not too fast" in changed


def test_a_tool_without_rules_stays_listed() -> None:
    changed = without_rule(TEXT, NAME, NO)
    assert parse_policy(changed, NAME).tools["pull_model"] == ()
    again = policy_with(changed, NAME, NewRule("pull_model", "deny", "no"))
    assert [rule.name for rule in parse_policy(again, NAME).tools["pull_model"]] == ["no"]


@pytest.mark.parametrize("newline", ENDINGS)
def test_a_rule_that_is_off_keeps_its_lines_and_has_no_effect(newline: str) -> None:
    text = TEXT.replace("\n", newline)
    off = with_switched(text, NAME, MANY, on=False)
    policy = parse_policy(off, NAME)
    assert [rule.name for rule in policy.tools["offload_work"]] == ["slow"]
    assert [(rule.name, rule.tool) for rule in policy.off] == [("many", "offload_work")]
    assert with_switched(off, NAME, place_of(off, policy.off[0]), on=False) == off
    assert with_switched(off, NAME, place_of(off, policy.off[0]), on=True) == text


def test_an_edited_rule_stays_in_its_place() -> None:
    rule = NewRule(
        "offload_work", "require_approval", "Docs", writes_into("my docs"), name="many", approval_seconds=60
    )
    changed = with_replaced(TEXT, NAME, MANY, rule)
    slow, many = parse_policy(changed, NAME).tools["offload_work"]
    assert (slow.name, many.name, many.on_deny, many.approval_seconds) == ("slow", "many", "Docs", 60)
    assert folder_of(many.conditions[0]) == "my docs"
    limit = with_replaced(TEXT, NAME, MANY, NewRule("offload_work", "evaluate", "Few", rate_limit="5/day"))
    assert parse_policy(limit, NAME).tools["offload_work"][1].limit == 5
    with pytest.raises(BadArguments, match="no reason"):
        with_replaced(TEXT, NAME, MANY, NewRule("offload_work", "deny", " "))


def test_every_rule_of_the_app_can_be_changed() -> None:
    text = SHIPPED.read_text(encoding="utf-8")
    for rules in parse_policy(text, NAME).tools.values():
        for rule in rules:
            place = place_of(text, rule)
            assert with_switched(with_switched(text, NAME, place, on=False), NAME, place, on=True) == text
            assert len(parse_policy(without_rule(text, NAME, place), NAME).tools[rule.tool]) == len(rules) - 1


@pytest.mark.parametrize(
    "text",
    [
        pytest.param(
            'version: "1"\ntools: {pull_model: {rules: [{name: x, action: deny}]}}\n', id="brackets"
        ),
        pytest.param('version: "1"\ntools:\n  pull_model:\n    rules: []\n', id="no-rule"),
        pytest.param(
            'version: "1"\ntools:\n  pull_model:\n    rules:\n      -\n        name: x\n'
            + "        action: deny\n",
            id="dash-alone",
        ),
    ],
)
def test_a_file_in_another_form_is_left_to_the_user(text: str) -> None:
    with pytest.raises(BadArguments, match="by hand"):
        without_rule(text, NAME, NO)


def test_a_counter_that_another_rule_reads_is_not_removed() -> None:
    text = """\
version: "1"
tools:
  pull_model:
    rules:
      - name: "count"
        conditions: [{path: args.model, op: exists, value: true}]
        state: {counter: pulls, window: day}
      - name: "ask"
        action: require_approval
        conditions: [{path: state.pull_model.pulls, op: gt, value: 3}]
"""
    with pytest.raises(SettingsError, match="no rule's state counts it"):
        without_rule(text, NAME, NO)


def test_only_a_whole_folder_is_read_as_a_folder() -> None:
    assert folder_of(writes_into("a.b/c d")) == "a.b/c d"
    for pattern in ("^(docs|tests)/", "docs/", "^docs", "^/"):
        assert folder_of(Condition("args.output", "regex", pattern)) == ""


def test_enabled_must_be_true_or_false() -> None:
    text = 'version: "1"\ntools:\n  pull_model:\n    rules:\n    - {name: x, action: deny, enabled: %s}\n'
    assert parse_policy(text % "true", NAME).tools["pull_model"]
    with pytest.raises(SettingsError, match="line 5: enabled must be true or false"):
        parse_policy(text % "no", NAME)
