"""Tests of ``policy test`` and ``policy explain``: they predict the gate's decision."""

import asyncio
import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any, get_type_hints

import pytest

from server.commands.policy.cli import policy_app
from server.commands.policy.rules import explain, try_call
from server.common.errors import BadArguments, NotFound
from server.config.folders import find_folders
from server.policy.approvals import grant_in_project
from server.policy.rules.describe import describe_rule
from server.policy.rules.evaluate import evaluate
from server.policy.values import Call, Condition, Op, Policy, Rule
from server.store.database import open_database

pytestmark = pytest.mark.fast

PROTECT = "`[paths] protect` in config.toml"


@pytest.fixture
def project(tmp_path: Path) -> Path:
    folder = tmp_path / "project"
    folder.mkdir()
    (folder / "a.py").write_text("a = 1\n")
    (folder / ".env").write_text("A=1\n")
    return folder


def configure(text: str) -> None:
    path = find_folders().config_file
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


Tried = Callable[..., dict[str, str]]


@pytest.fixture
def tried(capsys: pytest.CaptureFixture[str], project: Path) -> Tried:
    def try_it(tool: str, arguments: dict[str, Any], files: int | None = None) -> dict[str, str]:
        try_call(tool, json.dumps(arguments), files, "", file=None, root=project, as_json=True)
        found: dict[str, str] = json.loads(capsys.readouterr().out)
        return found

    return try_it


@pytest.mark.parametrize(
    ("tool", "arguments", "pattern"),
    [
        ("offload_work", {"task": "x", "output": ".env"}, ".env*"),
        ("offload_work", {"task": "x", "output": "sub/../.github/workflows/ci.yml"}, ".github/workflows/*"),
        ("batch_offload", {"task": "x", "each": ["*.py"], "output": ".ci/{stem}"}, ".ci/*"),
    ],
)
def test_a_protected_file_asks_and_the_pattern_is_named(
    tried: Tried, tool: str, arguments: dict[str, Any], pattern: str
) -> None:
    found = tried(tool, arguments)
    assert found["verdict"] == "approve"
    assert found["rule"] == f"{PROTECT} ({pattern})"
    assert found["file"] == str(find_folders().config_file)


def test_a_link_to_a_protected_file_asks_as_well(tried: Tried, project: Path) -> None:
    (project / "harmless.txt").symlink_to(project / "Jenkinsfile")
    assert tried("offload_work", {"task": "x", "output": "harmless.txt"})["verdict"] == "approve"


def test_an_ordinary_file_is_allowed(tried: Tried) -> None:
    found = tried("offload_work", {"task": "x", "files": ["a.py"], "output": "b.py"})
    assert (found["verdict"], found["reason"]) == ("allow", "Allowed (within the limits).")


@pytest.mark.parametrize("tool", ["offload_work", "compress_context"])
@pytest.mark.parametrize("path", [".env", "../outside.py"])
def test_unreadable_files_are_denied(tried: Tried, tool: str, path: str) -> None:
    found = tried(tool, {"task": "x", "files": [path]})
    assert found["verdict"] == "deny"
    assert path in found["reason"]
    assert "config.toml" in found["rule"]


def test_files_allowed_by_the_settings_are_read(tried: Tried) -> None:
    configure('[paths]\nread = [".env"]\n')
    assert tried("offload_work", {"task": "x", "files": [".env"]})["verdict"] == "allow"


def test_the_files_of_a_call_are_counted(tried: Tried, project: Path) -> None:
    for number in range(51):
        (project / f"m{number}.py").write_text("a = 1\n")
    each = {"task": "x", "each": ["m*.py"], "output": "{path}"}
    assert '"many files"' in tried("batch_offload", each)["rule"]
    assert tried("batch_offload", each, files=3)["verdict"] == "allow"


def test_a_permanent_approval_counts(tried: Tried, project: Path) -> None:
    arguments = {"task": "x", "output": ".env"}
    call = Call("offload_work", arguments, project=str(project), protected=(".env",))
    rule = evaluate(Policy("intercept"), call, lambda *_: 0.0, 0.0).rule
    assert rule is not None

    configure("")

    async def grant(asks: Rule) -> None:
        database = open_database(find_folders().database)
        await database.write(lambda connection: grant_in_project(connection, call, asks, 1.0))
        await database.close()

    asyncio.run(grant(rule))
    found = tried("offload_work", arguments)
    assert (found["verdict"], found["reason"]) == ("allow", "The user approved this before.")


def test_rules_are_explained_with_the_path_settings(capsys: pytest.CaptureFixture[str]) -> None:
    configure('[paths]\nprotect = ["*.lock"]\nread = ["test.pem"]\n')
    explain("offload_work", None)
    words = capsys.readouterr().out
    assert "asks for approval when a call would touch more than 50 files" in words
    assert "by `[paths]` in config.toml" in words
    assert "asks for approval before writing *.lock" in words
    assert "except test.pem" in words


@pytest.mark.parametrize(
    ("path", "op", "value", "words"),
    [
        ("call.files", "gt", 50, "denies when a call would touch more than 50 files"),
        ("args.model", "in", ["a", "b"], 'denies when model is one of "a", "b"'),
        ("args.output", "exists", True, "denies when output is given"),
        ("state._global.calls", "gte", 3, "denies when the count every tool.calls is at least 3"),
    ],
)
def test_a_condition_is_described_in_words(path: str, op: Op, value: Any, words: str) -> None:
    assert describe_rule(Rule("r", "t", "deny", (Condition(path, op, value),))) == words


def test_an_unknown_tool_is_an_error(tried: Tried) -> None:
    with pytest.raises(NotFound, match="Unknown tool: 'nosuch'"):
        tried("nosuch", {})
    with pytest.raises(NotFound, match="Unknown tool: 'nosuch'"):
        explain("nosuch", None)


def test_a_tool_without_rules_is_explained(capsys: pytest.CaptureFixture[str]) -> None:
    explain("check_job", None)
    assert "check_job: no rules for this tool" in capsys.readouterr().out


@pytest.mark.parametrize("call", ["offload_work {bad", "offload_work [1]"])
def test_wrong_arguments_get_an_example(call: str) -> None:
    with pytest.raises(BadArguments) as refused:
        try_call(call, "{}", None, "", file=None, root=None, as_json=False)
    shown = refused.value.next_step.removeprefix("Write them like ").removesuffix(".")
    assert json.loads(shown) == {"files": ["a.py"]}


def test_the_form_in_the_help_works(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    [command] = [each for each in policy_app.registered_commands if each.name == "test"]
    assert command.callback is not None
    argument = get_type_hints(command.callback, include_extras=True)["call"].__metadata__[0]
    shown = re.search("'(.*)'", argument.help)
    assert shown is not None
    try_call(shown[1], "{}", None, "", file=None, root=project, as_json=False)
    assert capsys.readouterr().out.startswith("allow: ")
