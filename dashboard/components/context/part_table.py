"""A table of everything the user's setup adds to a request, with a switch for each part."""

from collections.abc import Sequence

from dashboard.components.context.switch_dialog import Switcher
from dashboard.components.controls.button import button
from dashboard.components.controls.elements import box, text
from dashboard.formats import money, number
from server.claude_context.changes import Applied
from server.claude_context.report import Context
from server.claude_context.switches import can_switch
from server.claude_context.weights import NAMES, Weight

SHOWN = 60
HEADS = ("Part", "Tokens", "Characters", "Sessions", "Used", "A week", "")


class PartTable:
    """The parts, most expensive first, followed by the parts that are switched off."""

    def __init__(self, context: Context, off: Sequence[Applied], switcher: Switcher) -> None:
        self._context = context
        self._switcher = switcher
        report = context.report
        for each in off:
            switcher.applied_row(each, "off", "Switch on again")
        with box("ts-groups", "table"):
            with box("", "thead"), box("", "tr"):
                for head in HEADS:
                    text(head, tag="th" if head else "td").props["scope"] = "col"
            with box("", "tbody"):
                for weight in (*report.plugins, *report.weights)[:SHOWN]:
                    self._row(weight)

    def _row(self, weight: Weight) -> None:
        with box("", "tr"):
            with box("", "th") as head:
                head.props["scope"] = "row"
                text(f"{NAMES[weight.kind]} {weight.name}", "ts-group-name", title=weight.part)
            text(number(weight.tokens), "ts-num", "td")
            text(number(weight.characters) if weight.characters else "–", "ts-num", "td")
            text(number(weight.sessions), "ts-num", "td")
            text(_uses(weight), "ts-num", "td")
            text(money(weight.microusd), "ts-num", "td")
            with box("", "td"):
                if can_switch(weight.part, self._context.claude):
                    label = f"Switch off: {NAMES[weight.kind]} {weight.name}"
                    button("Switch off", lambda: self._ask(weight), look="quiet", label=label)

    def _ask(self, weight: Weight) -> None:
        self._switcher.ask(weight.part, f"Switch off {weight.part}", "Off in new sessions.")


def _uses(weight: Weight) -> str:
    """Return how often a part was used. Parts that the client loads automatically have no use count."""
    if weight.unused:
        return "never"
    return number(weight.uses) if weight.uses else "–"
