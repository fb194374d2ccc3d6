"""Totals by tool, model or project: a table with a bar in each row."""

from collections.abc import Callable, Sequence

from dashboard import formats
from dashboard.components.controls.elements import box, text
from dashboard.components.controls.net_tokens import net_tokens
from server.store.records import GroupTotal

HEADS = ("Calls", "Gave a result", "Net tokens", "Money")
MEANINGS = {
    "Gave a result": "Share of the calls whose result was written or returned",
    "Net tokens": "Tokens saved minus tokens that the calls cost",
}
"""Explanations of headings, shown on hover."""


def group_table(
    groups: Sequence[GroupTotal], name: str, words: Callable[[str], str] = lambda name: name
) -> None:
    """Show the groups, largest net first. ``name`` is the heading for the first column. ``words`` turns a
    group's name into the text of its row; the name appears on hover.
    """
    most = max((abs(group.totals.net_tokens) for group in groups), default=0)
    ordered = sorted(groups, key=lambda each: -each.totals.net_tokens)
    money = formats.alike([each.totals.net_microusd for each in ordered], signs=True)
    with box("ts-groups", "table"):
        with box("", "thead"), box("", "tr"):
            for head in (name, *HEADS):
                text(head, tag="th", title=MEANINGS.get(head, "")).props["scope"] = "col"
        with box("", "tbody"):
            for group, amount in zip(ordered, money, strict=True):
                _row(group, most, amount, words(group.name))


def _row(group: GroupTotal, most: int, money: str, words: str) -> None:
    totals = group.totals
    accepted = totals.delivered + totals.returned
    with box("", "tr"):
        with box("", "th") as head:
            head.props["scope"] = "row"
            text(words or "none", "ts-group-name", title=group.name)
            share = abs(totals.net_tokens) / most if most else 0
            box(f"ts-group-bar {'' if totals.net_tokens >= 0 else 'ts-group-loss'}").style(
                f"width: {share:.1%}"
            )
        share_done = f"{accepted / totals.offloads:.0%}" if totals.offloads else "–"
        figures = (formats.number(totals.offloads), share_done, None, money)
        for name, figure in zip(HEADS, figures, strict=True):
            with box("ts-num", "td") as cell:
                cell.props["data-heading"] = name  # a narrow window shows it above the figure
                if figure is None:
                    net_tokens(totals.net_tokens, totals.net_microusd)
                else:
                    text(figure)
