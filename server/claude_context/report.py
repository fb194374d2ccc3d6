"""The context report: read from the history, as text for a terminal and as a single line for Claude."""

import datetime
import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from sqlalchemy import Connection

from server.claude_context.habits import CostlyHabit, costly_habits
from server.claude_context.switches import ClaudeFolders, Scope, can_switch, find_switch
from server.claude_context.weights import NAMES, ContextReport, Weight, weigh
from server.config.settings import Settings
from server.ledger.transcripts.summary import Summary
from server.store.transcript_checks import read_summaries

SHOWN = 40


@dataclass(frozen=True)
class Context:
    """Parts and habits from the last seven days, and the folders that switches change."""

    report: ContextReport
    habits: tuple[CostlyHabit, ...]
    claude: ClaudeFolders


def read_context(
    connection: Connection, settings: Settings, today: datetime.date, project: Path | None = None
) -> Context:
    """Return the context report based on the transcript check's findings so far. Reads files; blocks.

    Without a ``project``, project switches apply to the latest session's project.
    """
    summaries = [Summary.from_json(text) for text in read_summaries(connection)]
    latest = max((each for each in summaries if each.project), key=lambda each: each.last_day, default=None)
    folder = project or Path(latest.project if latest is not None else Path.home())
    claude = claude_folders(settings.savings.transcripts, folder)
    return Context(weigh(summaries, today), costly_habits(summaries, today), claude)


def claude_folders(
    setting: str, project: Path, environ: Mapping[str, str] = os.environ, home: Path | None = None
) -> ClaudeFolders:
    """Return Claude Code's folders, from the setting, else ``CLAUDE_CONFIG_DIR``, else ``~/.claude``."""
    chosen = setting or environ.get("CLAUDE_CONFIG_DIR", "")
    if chosen:
        config = Path(chosen).expanduser()
        return ClaudeFolders(config, config / ".claude.json", project)
    home = home or Path.home()
    return ClaudeFolders(home / ".claude", home / ".claude.json", project)


def context_text(context: Context, scope: Scope, off: frozenset[str] = frozenset()) -> str:
    """Return the report as text for a terminal."""
    report = context.report
    if not report.sessions:
        return (
            "No sessions from the last 7 days are known. `token-saver savings --audit on` reads Claude "
            "Code's transcripts."
        )
    head = ("part", "tokens", "characters", "sessions", "used", "a week", "switch off")
    rows = [head, *(_row(each, context, scope, off) for each in (*report.plugins, *report.weights)[:SHOWN])]
    widths = [max(len(row[column]) for row in rows) for column in range(len(head))]
    lines = [
        "  ".join(
            cell.ljust(width) if column in (0, 6) else cell.rjust(width)
            for column, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in rows
    ]
    lines.append(
        f"{report.sessions:,} sessions since {report.since} cost {_dollars(report.microusd)} at list "
        f"prices (table of {report.priced}), according to the token counts in Claude Code's transcripts. "
        f"Listed but never used: {_dollars(report.unused)}. Characters are exact. Tokens are estimates, "
        "fitted to each session's first request; a plugin is the sum of its parts."
    )
    lines += [
        f"{each.name}: {each.amount} ({each.counted}), {_dollars(each.microusd)}. {each.help}"
        + _apply_words(each.remedy, off)
        for each in context.habits
    ]
    return "\n".join(lines)


def context_line(context: Context) -> str:
    """Return a one-line report for ``cost_dashboard``; empty if there are no sessions."""
    report = context.report
    if not report.sessions or not report.microusd:
        return ""
    unused = [weight for weight in report.weights if weight.unused]
    names = ", ".join(f"{NAMES[weight.kind]} {weight.name}" for weight in unused[:3])
    most = f" (mostly {names})" if names else ""
    return (
        f"Context, 7 days: {_dollars(report.unused)} of {_dollars(report.microusd)} for {len(unused):,} "
        f"parts that were listed but never used{most}; see `token-saver context`."
    )


def context_values(context: Context, scope: Scope, off: frozenset[str] = frozenset()) -> dict[str, Any]:
    """Return the report as JSON values."""
    report = context.report
    return {
        "since": report.since,
        "sessions": report.sessions,
        "microusd": report.microusd,
        "priced": report.priced,
        "unused_microusd": report.unused,
        "parts": [
            asdict(each) | {"switch": _switch(each, context, scope), "off": each.part in off}
            for each in (*report.plugins, *report.weights)
        ],
        "others": [{"part": part, "microusd": amount} for part, amount in report.others],
        "habits": [asdict(each) for each in context.habits],
    }


def _row(weight: Weight, context: Context, scope: Scope, off: frozenset[str]) -> tuple[str, ...]:
    return (
        weight.part,
        f"{weight.tokens:,}",
        f"{weight.characters:,}",
        f"{weight.sessions:,}",
        f"{weight.uses:,}",
        _dollars(weight.microusd),
        "off" if weight.part in off else _switch(weight, context, scope),
    )


def _apply_words(remedy: str, off: frozenset[str]) -> str:
    if not remedy:
        return ""
    return " (applied)" if remedy in off else f" (--apply {remedy})"


def _switch(weight: Weight, context: Context, scope: Scope) -> str:
    found = can_switch(weight.part, context.claude) and find_switch(weight.part, scope, context.claude)
    return f"--off {weight.part}" if found else ""


def _dollars(amount: int) -> str:
    return f"${amount / 1e6:,.2f}" if amount >= 10_000 or not amount else f"${amount / 1e6:,.4f}"
