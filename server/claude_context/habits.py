"""Costly habits of a week: how often they occur, what they cost, and how to avoid them."""

import datetime
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from server.claude_context.switches import DIGESTS, IDLE, MEMORY_LINES
from server.claude_context.weights import DAYS
from server.ledger.transcripts.summary import Summary

_READS = ("result:Read", "result:Read+", "result:Read part", "result:Read part+")
_LARGEST = 5


@dataclass(frozen=True)
class CostlyHabit:
    """One habit: its name, the number of occurrences in the week (or of tokens, see ``unit``), its cost in
    micro-dollars, how it was counted, and a way to avoid it. ``remedy`` is the name that
    ``switches.find_switch`` knows its remedy by; empty if there is none.
    """

    name: str
    times: int
    microusd: int
    counted: str
    help: str
    unit: str = "times"
    remedy: str = ""

    @property
    def amount(self) -> str:
        """The number, including its unit."""
        unit = "time" if self.unit == "times" and self.times == 1 else self.unit
        return f"{self.times:,} {unit}"


def costly_habits(summaries: Iterable[Summary], today: datetime.date) -> tuple[CostlyHabit, ...]:
    """Return the habits from the last seven days, most expensive first."""
    since = (today - datetime.timedelta(days=DAYS - 1)).isoformat()
    week = [each for each in summaries if each.last_day >= since]
    found = [
        CostlyHabit(
            "Caches gone cold",
            round(_sum(week, "rewritten")),
            round(_sum(week, "rewritten_money")),
            "requests that wrote most of the context to the cache again; the extra price compared with a "
            "read",
            "After a long pause, use /compact or /clear first. Claude Code's idleCompaction does "
            "this automatically, unless it is switched off.",
            remedy=f"habit:{IDLE}",
        ),
        CostlyHabit(
            "Context above 100,000 tokens",
            round(_sum(week, "long_requests")),
            round(_sum(week, "long_money")),
            "requests above this size; cache reads of the tokens above it",
            "Start a new session for a new task (/clear), or use /compact earlier.",
        ),
        CostlyHabit(
            "Turns spent on git",
            round(_sum(week, "git_turns")),
            round(_sum(week, "git_money")),
            "turns that ran git or gh; the context that each turn read",
            f"One line for CLAUDE.md: {MEMORY_LINES['git']}",
            remedy="habit:git",
        ),
        CostlyHabit(
            "Files read again unchanged",
            round(_sum(week, "reads_again")),
            _again(week),
            "Read results identical to an earlier result in the session; their share of all Read results",
            f"One line for CLAUDE.md: {MEMORY_LINES['read-again']}",
            remedy="habit:read-again",
        ),
        *_largest(week),
    ]
    return tuple(sorted((each for each in found if each.times), key=lambda each: -each.microusd))


def _largest(week: Sequence[Summary]) -> list[CostlyHabit]:
    """Return the commands whose large results (500 tokens or more) cost the most."""
    money: dict[str, float] = {}
    for summary in week:
        for name, part in summary.parts.items():
            if name.startswith("result:") and name.endswith("+") and name not in _READS:
                money[name] = money.get(name, 0.0) + part.money
    top = sorted(money.items(), key=lambda each: -each[1])[:_LARGEST]
    return [
        CostlyHabit(
            f"Large results of {name.removeprefix('result:').removesuffix('+')}",
            round(sum(each.parts[name].entered for each in week if name in each.parts)),
            round(amount),
            "tokens in results of 500 tokens or more; their writes and re-reads",
            "A hook replaces large results with digests and keeps the whole output.",
            "tokens",
            f"habit:{DIGESTS}",
        )
        for name, amount in top
    ]


def _again(week: Sequence[Summary]) -> int:
    parts = [each.parts[name] for each in week for name in _READS if name in each.parts]
    entered = sum(part.entered for part in parts)
    share = _sum(week, "reads_again_tokens") / entered if entered else 0.0
    return round(sum(part.money for part in parts) * min(1.0, share))


def _sum(week: Sequence[Summary], name: str) -> float:
    return sum(each.habits.get(name, 0.0) for each in week)
