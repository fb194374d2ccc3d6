"""Size, use and weekly cost of each part of the set-up that Claude's requests contain.

The parts and their costs come from the transcript check's summaries (see
``ledger.transcripts.context_cost``); the costs of all parts add up to the bill. Character counts are exact.
Token counts are estimates, scaled so that the parts of a session's first request add up to the size reported
by the API.
"""

import datetime
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from server.ledger.transcripts.bill import unrecorded_money
from server.ledger.transcripts.summary import PartCost, Summary

SETUP = ("mcp", "skill", "agent", "memory", "hook", "client")
"""Kinds of parts that the set-up puts into the context: the user's own and the client's."""
NAMES = {
    "mcp": "MCP server",
    "skill": "skill",
    "agent": "agent",
    "memory": "CLAUDE.md",
    "hook": "hook",
    "client": "client",
    "plugin": "plugin",
}
UNRECORDED = "requests without a line"
"""Compactions, titles and similar requests, which appear only in the client's own total."""
DAYS = 7


@dataclass(frozen=True)
class Weight:
    """One part of the set-up.

    ``sessions``: number of sessions that listed the part this week. ``tokens`` and ``characters``: its size
    in each request of the latest such session. ``uses``: calls of the part this week. ``microusd``: cost this
    week. ``plugin``: the plugin that contains the part; empty if there is none.
    """

    part: str
    kind: str
    name: str
    tokens: int
    characters: int
    sessions: int
    uses: int
    microusd: int
    plugin: str = ""

    @property
    def unused(self) -> bool:
        """Return whether the part was listed but never used. The client cannot tell for memory files."""
        return self.kind in ("mcp", "skill", "agent") and not self.uses


@dataclass(frozen=True)
class ContextReport:
    """Parts of the set-up, most expensive first. A plugin is the sum of its parts; all other costs (results,
    output, the user's text) are listed by part. ``sessions`` and ``microusd`` cover the week. ``priced`` is
    the date of the price table; several dates if it changed during the week.
    """

    weights: tuple[Weight, ...]
    plugins: tuple[Weight, ...]
    others: tuple[tuple[str, int], ...]
    sessions: int
    microusd: int
    since: str
    priced: str = ""

    @property
    def unused(self) -> int:
        """Cost of parts that were listed but never used during the week (micro-dollars)."""
        return sum(weight.microusd for weight in self.weights if weight.unused)


def weigh(summaries: Iterable[Summary], today: datetime.date, project: str = "") -> ContextReport:
    """Return the report for the last seven days, including today; with ``project``, for that folder."""
    since = (today - datetime.timedelta(days=DAYS - 1)).isoformat()
    week = sorted(
        (each for each in summaries if each.last_day >= since and (not project or each.project == project)),
        key=lambda each: each.last_day,
    )
    parts = {name for each in week for name in each.parts}
    weights = [_weight(name, week) for name in parts if name.partition(":")[0] in SETUP]
    others = {name: _money(name, week) for name in parts if name.partition(":")[0] not in SETUP}
    others[UNRECORDED] = round(sum(unrecorded_money(week).values()))
    return ContextReport(
        weights=tuple(sorted(weights, key=lambda each: (-each.microusd, each.part))),
        plugins=_plugins(weights),
        others=tuple(sorted(((name, money) for name, money in others.items() if money), key=_by_money)),
        sessions=sum(not each.side for each in week),
        microusd=round(sum(each.money for each in week)) + others[UNRECORDED],
        since=since,
        priced=" and ".join(sorted({each.priced for each in week if each.priced})),
    )


def _by_money(named: tuple[str, int]) -> int:
    return -named[1]


def plugin_of(part: str) -> str:
    """Return the plugin containing a part; empty if none. The client prefixes the names of such parts."""
    kind, _, name = part.partition(":")
    if kind == "mcp":
        return name.removeprefix("plugin_").rpartition("_")[0] if name.startswith("plugin_") else ""
    return name.partition(":")[0] if kind in ("skill", "agent") and ":" in name else ""


def _weight(part: str, week: Sequence[Summary]) -> Weight:
    kind, _, name = part.partition(":")
    listed = [each for each in week if part in each.parts and _present(each.parts[part])]
    last = listed[-1].parts[part] if listed else PartCost()
    return Weight(
        part=part,
        kind=kind,
        name=name,
        tokens=round(last.fitted or last.listed),
        characters=last.characters,
        sessions=sum(not each.side for each in listed),
        uses=sum(each.parts[part].uses for each in week if part in each.parts),
        microusd=_money(part, week),
        plugin=plugin_of(part),
    )


def _plugins(weights: Iterable[Weight]) -> tuple[Weight, ...]:
    sums: dict[str, list[Weight]] = {}
    for weight in weights:
        if weight.plugin:
            sums.setdefault(weight.plugin, []).append(weight)
    return tuple(
        Weight(
            part=f"plugin:{name}",
            kind="plugin",
            name=name,
            tokens=sum(each.tokens for each in parts),
            characters=sum(each.characters for each in parts),
            sessions=max(each.sessions for each in parts),
            uses=sum(each.uses for each in parts),
            microusd=sum(each.microusd for each in parts),
        )
        for name, parts in sorted(sums.items())
    )


def _present(part: PartCost) -> bool:
    return bool(part.listed or part.entered)


def _money(part: str, week: Iterable[Summary]) -> int:
    return round(sum(each.parts[part].money for each in week if part in each.parts))
