"""Cost of missed chances, by form: large results and written files, including re-reads.

Costs come from the parts of the bill: text that entered early was read from the cache more often. Only
results of 500 tokens or more count, excluding subagent reports and files that Claude edited later. Listings
count in sessions that used none of the listed parts. Turns count the context read by a turn that wrote one
file right after another such turn. Since a chance might not have succeeded, it is weighted by the success
rate of this user's own calls for that form.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from server.ledger.transcripts.summary import PartCost, Summary

_CLIENT_RESULTS = frozenset({"Agent", "Task", "Skill", "ToolSearch", "TodoWrite", "unknown"})
_FORM_TOOLS = {
    "files read": "compress_context",
    "output of commands": "digest hook",
    "files written": "offload_work",
    "edits": "offload_work",
    "listings never used": "",
    "turns that wrote one file each": "batch_offload",
}
"""The tool that helps with each form. Listings are switched off instead."""
_LISTINGS = ("mcp:", "skill:", "agent:")


@dataclass(frozen=True)
class MissedForm:
    """One form: its tokens (for turns: their number), its micro-dollars in the bill, and ``success``, the
    share (0 to 1) of this user's ``tool`` calls for this form that delivered; None if there were none.
    ``tool`` is empty if a switch helps, because a switch always works.
    """

    form: str
    tool: str
    tokens: int
    microusd: int
    success: float | None

    @property
    def likely(self) -> int:
        """The micro-dollars, weighted by the success rate; 0 while that rate is unknown."""
        success = self.success if self.tool else 1.0
        return round(self.microusd * success) if success is not None else 0

    def text(self) -> str:
        """Return the form as a sentence."""
        unit = "turns" if self.form.startswith("turns") else "tokens"
        said = f"{self.form}: {self.tokens:,} {unit}, ${self.microusd / 1e6:,.2f} with their re-reads"
        if not self.tool:
            return f"{said}; `token-saver context` switches them off."
        if self.success is None:
            return f"{said}; you have not used {self.tool} for this yet, so no saving is estimated."
        return (
            f"{said}; {self.tool} succeeded in {self.success:.0%} of your calls for this: likely "
            f"${self.likely / 1e6:,.2f}."
        )


def missed_forms(summaries: Iterable[Summary], success: Mapping[str, float]) -> tuple[MissedForm, ...]:
    """Return the forms that occurred, most expensive first. ``success`` holds success rates by form."""
    sums: dict[str, list[float]] = {}
    for summary in summaries:
        for name, part in summary.parts.items():
            form = "listings never used" if _unused(name, part) else form_of(name)
            share = _unedited(summary) if form == "files read" else 1.0
            if form:
                _add(sums, form, part.entered * share, part.money * share)
        if turns := summary.habits.get("write_turns"):
            money = summary.habits.get("write_turn_money", 0.0)
            _add(sums, "turns that wrote one file each", turns, money)
    forms = [
        MissedForm(form, _FORM_TOOLS[form], round(tokens), round(money), success.get(form))
        for form, (tokens, money) in sums.items()
    ]
    return tuple(sorted(forms, key=lambda each: -each.microusd))


def form_of(part: str) -> str:
    """Return the form for a part of the bill; empty if the part is not a missed chance."""
    kind, _, name = part.partition(":")
    if kind == "output":
        return {"Write": "files written", "Edit": "edits", "MultiEdit": "edits"}.get(name, "")
    if kind != "result" or not name.endswith("+"):
        return ""
    name = name.removesuffix("+")
    if name in _CLIENT_RESULTS or name.startswith("mcp__"):
        return ""
    return "files read" if name.startswith("Read") else "output of commands"


def _unedited(summary: Summary) -> float:
    """Return the share of large reads whose file Claude did not edit afterwards. Claude needed the rest."""
    large = summary.habits.get("reads_large", 0.0)
    return 1 - min(1.0, summary.habits.get("reads_large_edited", 0.0) / large) if large else 1.0


def _unused(name: str, part: PartCost) -> bool:
    return name.startswith(_LISTINGS) and not part.uses and part.entered > 0


def _add(sums: dict[str, list[float]], form: str, tokens: float, money: float) -> None:
    whole = sums.setdefault(form, [0.0, 0.0])
    whole[0] += tokens
    whole[1] += money
