"""Kinds of results with their totals and switches, and the kinds that are not digested."""

from collections.abc import Awaitable, Callable, Sequence
from functools import partial

from nicegui import Event

from dashboard import formats
from dashboard.components.controls.button import button
from dashboard.components.controls.elements import box, text
from dashboard.components.controls.notices import run_action
from server.store.result_digests import EVERYWHERE, KindTotal, LeftAlone, ResultDigests

LOSSES = {
    "again": "Claude ran the command again",
    "read": "Claude read the file again",
    "opened": "Claude opened the full text",
}
"""Display text for each cause of a loss."""


def kind_table(
    kinds: Sequence[KindTotal], alone: Sequence[LeftAlone], digests: ResultDigests, acted: Event[[]]
) -> None:
    """Show the totals by kind, each with a button that turns digests off for that kind everywhere."""
    off = {each.kind for each in alone if each.project == EVERYWHERE}
    with box("ts-groups", "table"):
        with box("", "thead"), box("", "tr"):
            for head in ("Kind", "Digests", "Full text needed", "Net tokens", "Switch"):
                text(head, tag="th").props["scope"] = "col"
        with box("", "tbody"):
            for each in kinds:
                with box("", "tr"):
                    text(each.kind, tag="th").props["scope"] = "row"
                    text(formats.number(each.digests), "ts-num", "td")
                    text(formats.number(each.losses), "ts-num", "td")
                    text(formats.signed(each.net_tokens), "ts-num", "td")
                    with box("", "td"):
                        if each.kind in off:
                            text("off", "ts-tag")
                        else:
                            _switch("Switch off", each.kind, partial(digests.leave_alone, each.kind), acted)


def alone_list(alone: Sequence[LeftAlone], digests: ResultDigests, acted: Event[[]]) -> None:
    """Show the kinds that are not digested, each with a button that turns its digests back on."""
    text(
        "Results of these kinds are not digested: Claude needed the full text of an earlier one, or you "
        "turned digests of that kind off.",
        "ts-sub",
        "p",
    )
    with box("ts-rows", "ul"):
        for each in alone:
            with box("ts-digest-row", "li"), box("ts-grow"):
                text(f"{each.kind} · {each.project or 'all projects'}", "ts-digest-text", "p")
                text(LOSSES.get(each.reason, each.reason), "ts-sub", "p")
                _switch("Use again", each.kind, partial(digests.take_up, each.kind, each.project), acted)


def _switch(words: str, kind: str, action: Callable[[], Awaitable[object]], acted: Event[[]]) -> None:
    async def act() -> None:
        if await run_action(action()):
            acted.emit()

    button(words, act, look="quiet", label=f"{words}: {kind}")
