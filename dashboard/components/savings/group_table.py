"""Totals by tool, model or project: a table with a bar in each row."""

from collections.abc import Sequence

from dashboard import formats
from dashboard.components.controls.elements import box, text
from dashboard.components.controls.net_tokens import net_tokens
from server.store.records import GroupTotal

MEANINGS = {
    "Done": "Share of the offloads whose result was written or returned",
    "Net tokens": "Tokens saved minus tokens that the calls cost",
}
"""Explanations of headings, shown on hover."""


def group_table(groups: Sequence[GroupTotal], name: str) -> None:
    """Show the groups, largest net first. ``name`` is the heading for the first column."""
    most = max((abs(group.totals.net_tokens) for group in groups), default=0)
    with box("ts-groups", "table"):
        with box("", "thead"), box("", "tr"):
            for head in (name, "Offloads", "Done", "Net tokens", "Money"):
                text(head, tag="th", title=MEANINGS.get(head, "")).props["scope"] = "col"
        with box("", "tbody"):
            for group in sorted(groups, key=lambda each: -each.totals.net_tokens):
                _row(group, most)


def _row(group: GroupTotal, most: int) -> None:
    totals = group.totals
    accepted = totals.delivered + totals.returned
    with box("", "tr"):
        with box("", "th") as head:
            head.props["scope"] = "row"
            text(group.name or "none", "ts-group-name", title=group.name)
            share = abs(totals.net_tokens) / most if most else 0
            box(f"ts-group-bar {'' if totals.net_tokens >= 0 else 'ts-group-loss'}").style(
                f"width: {share:.1%}"
            )
        text(formats.number(totals.offloads), "ts-num", "td")
        text(f"{accepted / totals.offloads:.0%}" if totals.offloads else "–", "ts-num", "td")
        with box("", "td"):
            net_tokens(totals.net_tokens, totals.net_microusd)
        text(formats.signed_worth(totals.net_microusd), "ts-num", "td")
