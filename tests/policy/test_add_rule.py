"""Tests of adding a rule to the user's policy file."""

import codecs
import re
from dataclasses import replace
from pathlib import Path

import pytest

from server.common.errors import BadArguments, FileChanged, SettingsError
from server.offload.files.resolve import PathResolver
from server.offload.files.workspace import Workspace
from server.offload.values import Caller
from server.policy.rules.add_rule import NewRule, first_policy, policy_with, write_policy, writes_into
from server.policy.rules.detect_format import parse_policy
from server.policy.rules.policy_file import SHIPPED, read_policy_text
from server.policy.values import Condition
from tests.policy.conftest import GateHarness

RULE = NewRule(
    "offload_work", "require_approval", 'Not in "docs": ask', Condition("args.output", "regex", "^docs/")
)
COMMENTED = """\
version: "1"   # the only one
default: allow
tools:
  # what Claude writes
  offload_work:
    rules:
      - name: "slow"
        rate_limit: 30/minute   # enough

  # what Claude loads
  pull_model:
    rules:
      - name: "no"
        action: deny
hide: [auto_setup]
"""
EMPTY_TOOL = (
    'version: "1"\ntools:\n  offload_work:\n    rules: []   # none yet\n  check_job:\n    rules: []\n'
)


@pytest.mark.parametrize(
    "text",
    [
        pytest.param(COMMENTED, id="comments"),
        pytest.param(EMPTY_TOOL, id="empty-rules"),
        pytest.param('version: "1"\ntools: {}\n', id="no-tools"),
        pytest.param('version: "1"\ntools:\n  check_job:\n    rules: []\n', id="other-tool"),
        pytest.param('version: "1"\ntools:\n- 1', id="broken"),
        pytest.param(SHIPPED.read_text(encoding="utf-8"), id="own-rules"),
    ],
)
def test_a_rule_is_added_and_every_other_line_is_kept(text: str) -> None:
    if text.endswith("- 1"):
        with pytest.raises(SettingsError):
            policy_with(text, "policy.yaml", RULE)
        return
    changed = policy_with(text, "policy.yaml", RULE)
    before, after = parse_policy(text, "policy.yaml"), parse_policy(changed, "policy.yaml")
    assert len(after.tools["offload_work"]) == len(before.tools.get("offload_work", ())) + 1
    added = after.tools["offload_work"][-1]
    assert (added.name, added.on_deny) == (RULE.reason, RULE.reason)
    assert (added.action, added.conditions) == (RULE.action, (RULE.condition,))
    kept = [line.replace(" []", "").replace(" {}", "") for line in text.splitlines()]
    remaining = iter(line.replace(" []", "") for line in changed.splitlines())
    assert all(line in remaining for line in kept)


@pytest.mark.parametrize(
    "text",
    [
        pytest.param('version: "1"\ntools: {check_job: {rules: []}}\n', id="flow-tools"),
        pytest.param(
            'version: "1"\ntools:\n  offload_work: {rules: [{name: x, action: deny}]}\n', id="flow-rules"
        ),
        pytest.param('version: "1"\ntools:\n  offload_work:\n    rules: [\n    ]\n', id="open-list"),
        pytest.param('version: "1"\ntools:\n  offload_work: {rules: []}\n', id="flow-tool"),
        pytest.param('version: "1"\ntools: {\n}\n', id="open-tools"),
        pytest.param('{"version": "1", "default": "allow", "tools": {}}', id="json"),
    ],
)
def test_a_file_in_another_form_is_left_to_the_user(text: str) -> None:
    with pytest.raises(BadArguments, match="by hand"):
        policy_with(text, "policy.yaml", RULE)


@pytest.mark.parametrize("newline", [pytest.param("\r\n", id="crlf"), pytest.param("\n", id="lf")])
@pytest.mark.parametrize(
    "text", [pytest.param(COMMENTED, id="comments"), pytest.param(EMPTY_TOOL, id="empty-rules")]
)
def test_line_endings_and_a_byte_order_mark_are_kept(text: str, newline: str, harness: GateHarness) -> None:
    path = harness.folders.policy_file
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(codecs.BOM_UTF8 + text.replace("\n", newline).encode())
    _, active = read_policy_text(harness.folders)
    write_policy(harness.folders, policy_with(active, path.name, RULE), active)
    written = path.read_bytes()
    expected = policy_with(text, path.name, RULE).replace("\n", newline)
    assert written == codecs.BOM_UTF8 + expected.encode()


def test_a_text_without_a_last_line_break_keeps_its_lines() -> None:
    at_end = COMMENTED.partition("\nhide:")[0]
    for tool, text in (("pull_model", at_end), ("offload_work", COMMENTED.rstrip())):
        rule = replace(RULE, tool=tool)
        changed = policy_with(text, "policy.yaml", rule)
        assert changed.rstrip() == policy_with(f"{text}\n", "policy.yaml", rule).rstrip()
        assert changed.endswith("\n") == (tool == "pull_model")


@pytest.mark.parametrize(
    "rule",
    [
        pytest.param(NewRule("pull_model", "deny", "No downloads"), id="deny"),
        pytest.param(NewRule("*", "evaluate", "Few", Condition("call.files", "lte", 5)), id="limit"),
    ],
)
def test_every_kind_of_rule_is_readable(rule: NewRule) -> None:
    added = parse_policy(policy_with(COMMENTED, "policy.yaml", rule), "policy.yaml").tools[rule.tool][-1]
    assert (added.action, added.on_deny) == (rule.action, rule.reason)


def test_a_rule_needs_a_reason() -> None:
    with pytest.raises(BadArguments, match="no reason"):
        policy_with(COMMENTED, "policy.yaml", NewRule("pull_model", "deny", "  "))


def test_the_first_file_has_the_rules_of_the_app(harness: GateHarness) -> None:
    text = first_policy(harness.folders)
    shipped = SHIPPED.read_text(encoding="utf-8")
    assert {tool: len(rules) for tool, rules in parse_policy(text, "policy.yaml").tools.items()} == {
        tool: len(rules) for tool, rules in parse_policy(shipped, "policy.yaml").tools.items()
    }
    write_policy(harness.folders, text, shipped)
    assert harness.folders.policy_file.read_text(encoding="utf-8") == text
    with pytest.raises(BadArguments, match="already exists"):
        first_policy(harness.folders)
    with pytest.raises(FileChanged):
        write_policy(harness.folders, text, shipped)


@pytest.mark.parametrize(
    "given",
    [
        pytest.param("docs/sub", id="plain"),
        pytest.param("./docs/sub/", id="leading-dot"),
        pytest.param("docs//sub", id="two-slashes"),
        pytest.param("docs/./sub", id="dot-inside"),
        pytest.param("docs\\sub\\", id="backslashes"),
        pytest.param(" docs/sub ", id="spaces"),
    ],
)
def test_a_folder_matches_resolved_outputs_however_it_is_spelled(given: str, tmp_path: Path) -> None:
    resolver = PathResolver(Workspace(Caller("", "test", tmp_path, (tmp_path,)), 1000))
    pattern = str(writes_into(given).value)
    for output in ("docs/sub/a.md", "./docs/sub/deeper/a.md", str(tmp_path / "docs" / "sub" / "a.md")):
        assert re.search(pattern, resolver.of({"output": output})["output"]), output
    for output in ("docs/submarine/a.md", "docs/a.md", "a.md"):
        assert not re.search(pattern, resolver.of({"output": output})["output"]), output


@pytest.mark.parametrize(
    "given",
    [
        pytest.param("/home/u/p/docs", id="absolute"),
        pytest.param("/", id="root"),
        pytest.param("C:\\p\\docs", id="drive"),
        pytest.param("~/docs", id="home"),
        pytest.param(".", id="project"),
        pytest.param("./", id="project-with-slash"),
        pytest.param("..", id="above"),
        pytest.param("docs/../../other", id="outside"),
        pytest.param("docs/*", id="pattern"),
        pytest.param("  ", id="empty"),
    ],
)
def test_a_folder_that_no_output_can_be_in_is_refused(given: str) -> None:
    with pytest.raises(BadArguments, match="such as docs"):
        writes_into(given)
