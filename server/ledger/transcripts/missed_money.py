"""Missed chances in money, by form: what large results and written files cost, with their re-reads.

The money is that of the parts in the bill: a text that entered early was read from the cache more often. Only
results of 500 tokens and more count, no reports of subagents. A chance is no certainty: it is weighed by the
rate at which this user's own calls of the tool for that form succeeded.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from server.ledger.transcripts.summary import Summary

_CLIENT_RESULTS = frozenset({"Agent", "Task", "Skill", "ToolSearch", "TodoWrite", "unknown"})
_FORM_TOOLS = {
    "files read": "compress_context",
    "output of commands": "compress_context",
    "files written": "offload_work",
    "edits": "offload_work",
}


@dataclass(frozen=True)
class MissedForm:
    """One form: its tokens, its micro-dollars in the bill, and ``success``, the share (0 to 1) of this user's
    calls of ``tool`` that delivered; None without calls."""

    form: str
    tool: str
    tokens: int
    microusd: int
    success: float | None

    @property
    def likely(self) -> int:
        """The micro-dollars weighed by the rate of success; 0 while that is unknown."""
        return round(self.microusd * self.success) if self.success is not None else 0


def missed_forms(summaries: Iterable[Summary], success: Mapping[str, float]) -> tuple[MissedForm, ...]:
    """Return the forms that occurred, the most expensive first; ``success``: rates by tool."""
    sums: dict[str, list[float]] = {}
    for summary in summaries:
        for name, part in summary.parts.items():
            if form := form_of(name):
                whole = sums.setdefault(form, [0.0, 0.0])
                whole[0] += part.entered
                whole[1] += part.money
    forms = [
        MissedForm(form, _FORM_TOOLS[form], round(tokens), round(money), success.get(_FORM_TOOLS[form]))
        for form, (tokens, money) in sums.items()
    ]
    return tuple(sorted(forms, key=lambda each: -each.microusd))


def form_of(part: str) -> str:
    """Return the form of a part of the bill, empty if it is no chance."""
    kind, _, name = part.partition(":")
    if kind == "output":
        return {"Write": "files written", "Edit": "edits", "MultiEdit": "edits"}.get(name, "")
    if kind != "result" or not name.endswith("+"):
        return ""
    name = name.removesuffix("+")
    if name in _CLIENT_RESULTS or name.startswith("mcp__"):
        return ""
    return "files read" if name.startswith("Read") else "output of commands"
