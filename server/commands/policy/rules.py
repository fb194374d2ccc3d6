"""Actions of ``token-saver policy`` on the policy file: check, explain, test. They do not need a hub."""

import asyncio
import difflib
import json
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from server.calls.path_refusals import refused_path
from server.calls.prepare import prepare
from server.calls.prepared import Prepared
from server.commands.policy.database import with_database
from server.commands.terminal.output import echo, print_json
from server.common.errors import BadArguments, NotFound
from server.config.folders import Folders, find_folders
from server.config.settings import Settings, load_settings
from server.digests.kept import KeptTexts
from server.offload.files.workspace import Workspace, open_workspace
from server.offload.values import Caller
from server.policy.judge import judge
from server.policy.rules.describe import FORMATS, describe_rule, path_rules
from server.policy.rules.detect_format import parse_policy
from server.policy.rules.policy_file import read_policy_text
from server.policy.values import EVERY_TOOL, Call, Decision, Policy
from server.store.records import SHELL

REFUSES = "the app itself; `roots` and `[paths] read` in config.toml control access"
EXAMPLE = 'Write them like {"files": ["a.py"]}.'
TOOLS = (
    "offload_work",
    "batch_offload",
    "check_job",
    "compress_context",
    "list_loaded_models",
    "preload_model",
    "pull_model",
    "recommend_model",
    "auto_setup",
    "configure_model_selector",
    "cost_dashboard",
    "get_metrics",
)
"""The tools Claude can call, listed here because policy commands have no hub to ask."""
WITH_FILES = ("offload_work", "batch_offload", "compress_context")


def check(file: Path | None, *, as_json: bool) -> None:
    """Check the policy file and report the line of the first error."""
    path, policy = _read(file)
    rules = sum(len(group) for group in policy.tools.values())
    if as_json:
        summary = {"path": str(path), "format": policy.format, "tools": len(policy.tools), "rules": rules}
        print_json({**summary, "remark": policy.remark})
    else:
        echo(f"{path}: valid ({policy.format}, {len(policy.tools)} tools, {rules} rules)")
        if policy.remark:
            echo(policy.remark)


def explain(tool: str, file: Path | None, *, as_json: bool = False) -> None:
    """Describe the active rules, for all tools or for one."""
    path, policy = _read(file)
    if tool:
        _require_tool(tool, policy)
    settings = load_settings(find_folders())
    if as_json:
        print_json(_as_json(tool, path, policy, settings))
        return
    echo(f"{path} ({FORMATS[policy.format]})")
    echo(f"tools not listed: {policy.default}")
    for hidden in sorted(policy.hide):
        echo(f"hidden: {'every tool' if hidden == EVERY_TOOL else hidden}")
    for name, rules in policy.tools.items():
        if tool in ("", name) or name == EVERY_TOOL:
            echo(f"{'every tool' if name == EVERY_TOOL else name}:{'' if rules else ' allowed'}")
            for rule in rules:
                echo(f"  line {rule.line}: {rule.name}: {describe_rule(rule)}")
            for rule in (each for each in policy.off if each.tool == name):
                echo(f"  line {rule.line}: {rule.name}: switched off")
    if tool and tool not in policy.tools:
        echo(f"{tool}: no rules for this tool")
    if tool in ("", EVERY_TOOL, *WITH_FILES):
        echo("files, by `[paths]` in config.toml:")
        for key, words in path_rules(settings.paths):
            echo(f"  {words} ({key})")


def _as_json(tool: str, path: Path, policy: Policy, settings: Settings) -> dict[str, Any]:
    tools = {
        name: [{"line": rule.line, "name": rule.name, "text": describe_rule(rule)} for rule in rules]
        for name, rules in policy.tools.items()
        if tool in ("", name) or name == EVERY_TOOL
    }
    return {
        "file": str(path),
        "format": policy.format,
        "default": policy.default,
        "hidden": sorted(policy.hide),
        "tools": tools,
        "files": [f"{words} ({key})" for key, words in path_rules(settings.paths)],
    }


@dataclass(frozen=True)
class TriedCall:
    """The policy's decision on a call that was only tried: the deciding rule ``by``, and the file with the
    rule.
    """

    prepared: Prepared
    decision: Decision
    by: str | None
    where: Path
    in_file: str

    def as_json(self) -> dict[str, str | None]:
        """Return the decision for ``--json``."""
        return {
            "verdict": self.decision.verdict,
            "reason": self.decision.reason,
            "rule": self.by,
            "file": str(self.where),
        }


def try_call(
    call: str,
    arguments: str,
    files: int | None,
    session: str,
    *,
    file: Path | None,
    root: Path | None,
    as_json: bool,
) -> None:
    """Show how the policy would decide on a call: decision, rule and reason. The test is not counted."""
    tool, values = _call(call, arguments)
    tried = try_values(tool, values, files, session, file=file, root=root)
    if as_json:
        print_json(tried.as_json())
    else:
        echo(f"{tried.decision.verdict}: {tried.decision.reason}")
        echo(f"decided by {tried.by or 'the default, or the list of hidden tools'}{tried.in_file}")


def try_values(
    tool: str,
    values: dict[str, Any],
    files: int | None = None,
    session: str = "",
    *,
    file: Path | None = None,
    root: Path | None = None,
) -> TriedCall:
    """Return how the policy would decide on a call with these arguments. The test is not counted."""
    path, policy = _read(file)
    _require_tool(tool, policy)
    folders = find_folders()
    settings = load_settings(folders)
    workspace = _workspace(settings, folders, root, session)
    prepared = asyncio.run(prepare(settings, workspace, tool, values, KeptTexts(folders.kept_texts)))
    asked = prepared.call if files is None else replace(prepared.call, files=files)
    decision = _decide(policy, asked, folders)
    by, where = decision.rule.where if decision.rule else None, path
    if decision.rule is not None and decision.rule.source:
        where = folders.config_file
    if decision.verdict in ("allow", "approve"):
        refused = asyncio.run(refused_path(prepared))
        if refused is not None:
            decision = Decision("deny", f"{refused.cause} {refused.next_step}".strip())
            by, where = REFUSES, folders.config_file
    return TriedCall(prepared, decision, by, where, f" in {path}" if where == path else "")


def _read(file: Path | None) -> tuple[Path, Policy]:
    if file is None:
        path, text = read_policy_text(find_folders())
    else:
        try:
            path, text = file, file.read_text(encoding="utf-8-sig")
        except (OSError, UnicodeDecodeError) as error:
            raise NotFound(f"{file} cannot be read: {error}.", "Check the path.") from None
    return path, parse_policy(text, path.name)


def _call(tool: str, arguments: str) -> tuple[str, dict[str, Any]]:
    name, _, rest = tool.strip().partition(" ")
    try:
        values = json.loads(rest.strip() or arguments)
    except ValueError as error:
        raise BadArguments(f"The arguments are not JSON: {error}.", EXAMPLE) from None
    if not isinstance(values, dict):
        raise BadArguments("The arguments are not a JSON object.", EXAMPLE)
    return name, values


def _require_tool(tool: str, policy: Policy) -> None:
    """Check that the tool exists or that the policy file lists it.

    Raises:
        NotFound: the tool is unknown to both; its name is probably misspelt.
    """
    if tool not in (*TOOLS, EVERY_TOOL) and tool not in policy.tools:
        near = difflib.get_close_matches(tool, TOOLS, n=1)
        step = f"Did you mean {near[0]}?" if near else f"The tools are {', '.join(TOOLS)}."
        raise NotFound(f"Unknown tool: {tool!r}.", step)


def _workspace(settings: Settings, folders: Folders, root: Path | None, session: str) -> Workspace:
    project = (root or Path.cwd()).resolve()
    if not project.is_dir():
        raise NotFound(f"{project} is not a folder.", "Give the path of a project folder.")
    roots = tuple(dict.fromkeys((project, *settings.roots)))
    return open_workspace(Caller(SHELL, session, project, roots), settings, folders)


def _decide(policy: Policy, call: Call, folders: Folders) -> Decision:
    now = datetime.now(UTC).timestamp()
    if not folders.database.exists():
        return judge(policy, call, None, now)
    return with_database(
        folders, lambda database: database.read(lambda connection: judge(policy, call, connection, now))
    )
