"""What ``token-saver policy`` and ``token-saver audit`` do. They read files, and need no hub."""

import asyncio
import json
from collections.abc import Awaitable, Callable
from dataclasses import asdict, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypeVar

import typer
from sqlalchemy import Connection

from server.calls.judge import refused_path
from server.calls.prepare import prepare
from server.commands.output import echo, in_line, print_json
from server.common.errors import BadArguments, NotFound
from server.config.folders import Folders, find_folders
from server.config.settings import Settings, load_settings
from server.offload.files.workspace import Workspace, open_workspace
from server.offload.values import Caller
from server.policy.approvals import granted_in_project
from server.policy.limits import counter_reader
from server.policy.rules.describe import FORMATS, path_rules, said
from server.policy.rules.detect_format import parse_policy
from server.policy.rules.evaluate import approved_before, evaluate
from server.policy.rules.policy_file import read_policy_text
from server.policy.trail import export_lines, find, read_head, verify, verify_lines
from server.policy.values import EVERY_TOOL, Call, Decision, Policy
from server.store.database import Database, open_database
from server.store.records import SHELL

T = TypeVar("T")
REFUSES = "the app itself; `roots` and `[paths] read` in config.toml say what it lets pass"
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
"""What Claude can call; written here, as the commands of the policy start no hub to ask."""
WITH_FILES = ("offload_work", "batch_offload", "compress_context")


def check(file: Path | None, *, as_json: bool) -> None:
    """Say whether the policy file is right, or where it is broken."""
    path, policy = _read(file)
    rules = sum(len(group) for group in policy.tools.values())
    if as_json:
        print_json({"path": str(path), "format": policy.format, "tools": len(policy.tools), "rules": rules})
    else:
        echo(f"{path}: right ({policy.format}, {len(policy.tools)} tools, {rules} rules)")


def explain(tool: str, file: Path | None) -> None:
    """Print the rules in force, or those of one tool, in words."""
    path, policy = _read(file)
    if tool:
        _require_tool(tool, policy)
    settings = load_settings(find_folders())
    echo(f"{path} (written as {FORMATS[policy.format]})")
    echo(f"tools that it does not list: {policy.default}")
    for hidden in sorted(policy.hide):
        echo(f"hidden: {'every tool' if hidden == EVERY_TOOL else hidden}")
    for name, rules in policy.tools.items():
        if tool in ("", name) or name == EVERY_TOOL:
            echo(f"{'every tool' if name == EVERY_TOOL else name}:{'' if rules else ' allowed'}")
            for rule in rules:
                echo(f"  line {rule.line}: {rule.name}: {said(rule)}")
    if tool and tool not in policy.tools:
        echo(f"{tool}: no rules of its own")
    if tool in ("", EVERY_TOOL, *WITH_FILES):
        echo("files, by `[paths]` in config.toml:")
        for words in path_rules(settings.paths):
            echo(f"  {words}")


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
    """Say what would become of a call, which rule decides and why. Nothing is counted."""
    path, policy = _read(file)
    folders = find_folders()
    tool, values = _call(call, arguments)
    _require_tool(tool, policy)
    settings = load_settings(folders)
    workspace = _workspace(settings, folders, root, session)
    prepared = asyncio.run(prepare(settings, workspace, tool, values))
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
    if as_json:
        print_json({"verdict": decision.verdict, "reason": decision.reason, "rule": by, "file": str(where)})
    else:
        echo(f"{decision.verdict}: {decision.reason}")
        in_file = f" in {path}" if where == path else ""
        echo(f"decided by {by or 'the default or the list of hidden tools'}{in_file}")


def verify_trail(file: Path | None) -> None:
    """Check that no row was changed, removed or moved. Exit status 1 if one was."""
    if file is not None:
        try:
            with file.open(encoding="utf-8") as lines:
                found = verify_lines(iter(lines))
        except (ValueError, TypeError, KeyError) as error:
            raise BadArguments(
                f"{file} is no export of the trail ({error}).", "Make one: token-saver audit export."
            ) from None
    else:
        folders = _trail_folders()
        found = _with_database(
            folders,
            lambda database: database.read(
                lambda connection: verify(connection, read_head(folders.state / "trail.head"))
            ),
        )
    if found.problem:
        echo(f"broken: {found.problem} Rows {found.first} to {found.last} are whole.")
        raise typer.Exit(1)
    echo(f"whole: {found.rows} rows ({found.first} to {found.last})")


def export(output: Path) -> None:
    """Write the whole trail as JSON lines; `audit verify FILE` checks them on their own."""

    def write(connection: Any) -> int:
        count = 0
        with output.open("w", encoding="utf-8") as file:
            for count, line in enumerate(export_lines(connection)):  # noqa: B007 - the first line is no row
                file.write(f"{line}\n")
        return count

    count = _with_database(_trail_folders(), lambda database: database.read(write))
    echo(f"{count} rows in {output}")


def search(text: str, kind: str, limit: int, *, as_json: bool) -> None:
    """Print rows that contain a text, the newest first."""
    records = _with_database(
        _trail_folders(),
        lambda database: database.read(lambda connection: find(connection, text, kind, limit, None)),
    )
    if as_json:
        print_json([{**asdict(record), "details": json.loads(record.details)} for record in records])
        return
    for record in records:
        when = datetime.fromtimestamp(record.at, UTC).astimezone()
        about = " ".join(part for part in (record.tool, record.client, record.verdict) if part)
        row = f"{record.seq:>6}  {when:%Y-%m-%d %H:%M:%S}  {record.kind:<10}  {about}: {record.text}"
        echo(in_line(row))


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
        raise BadArguments("The arguments are no JSON object.", EXAMPLE)
    return name, values


def _require_tool(tool: str, policy: Policy) -> None:
    """Return if there is such a tool, or the policy's file lists it all the same.

    Raises:
        NotFound: it is neither; most likely a slip of the pen.
    """
    if tool not in (*TOOLS, EVERY_TOOL) and tool not in policy.tools:
        raise NotFound(f"There is no tool {tool!r}.", f"There are {', '.join(TOOLS)}.")


def _workspace(settings: Settings, folders: Folders, root: Path | None, session: str) -> Workspace:
    project = (root or Path.cwd()).resolve()
    if not project.is_dir():
        raise NotFound(f"{project} is no folder.", "Name the folder of a project.")
    roots = tuple(dict.fromkeys((project, *settings.roots)))
    return open_workspace(Caller(SHELL, session, project, roots), settings, folders)


def _decide(policy: Policy, call: Call, folders: Folders) -> Decision:
    now = datetime.now(UTC).timestamp()
    if not folders.database.exists():
        return evaluate(policy, call, lambda _key, _window, _start: 0.0, now)

    def judge(connection: Connection) -> Decision:
        decision = evaluate(policy, call, counter_reader(connection), now)
        if decision.verdict != "approve":
            return decision
        return approved_before(decision, lambda rule: granted_in_project(connection, call, rule))

    return _with_database(folders, lambda database: database.read(judge))


def _trail_folders() -> Folders:
    folders = find_folders()
    if not folders.database.exists():
        raise NotFound("There is no audit trail yet.", "It begins with the first start of token-saver.")
    return folders


def _with_database(folders: Folders, work: Callable[[Database], Awaitable[T]]) -> T:
    async def run() -> T:
        database = await asyncio.to_thread(open_database, folders.database)
        try:
            return await work(database)
        finally:
            await database.close()

    return asyncio.run(run())
