"""The line at the top of the *Now* page: tokens saved today, their share of the bill and quota, today's
results, and what is unknown with the step that makes it known.
"""

from dataclasses import dataclass

from dashboard import formats
from dashboard.components.controls.elements import box, link, set_classes, set_title, text
from dashboard.components.controls.keyed_list import RebuiltSection
from dashboard.components.controls.net_tokens import tone
from dashboard.history_address import HistoryAddress
from server.ledger.savings import share_of_quota, share_saved
from server.store.records import Totals

RESULTS = ("delivered", "returned", "handed_back", "failed")
"""Outcomes that the line counts."""


@dataclass(frozen=True)
class Measures:
    """The figures behind the shares of the bill and of the weekly quota.

    Attributes:
        bill: the user's bill for the last seven days (micro-dollars); 0 if unknown.
        quota_dollars: price of one week of the subscription; 0 if unknown.
        quota: a sentence that says how much of the quotas is used; empty if unknown.
    """

    bill: int
    quota_dollars: float
    quota: str


class TodayLine:
    """Today's total in large type, with the shares beside it and facts below."""

    def __init__(self) -> None:
        with box("ts-today", "section", "Saved today"):
            self._figure = text("", "ts-today-figure")
            self._words = text("", "ts-today-words")
            box("ts-grow")
            self._review = link("/review", "ts-btn-link", "")
            self._facts = RebuiltSection(box("ts-today-facts"))

    def update(
        self, today: Totals, week: Totals, everything: Totals, *, measures: Measures, waiting: int
    ) -> None:
        """Show today's savings.

        Args:
            week: totals for the last seven days.
            everything: totals of the whole history.
            waiting: number of results awaiting review.
        """
        self._review.set_text(f"Review {formats.count(waiting, 'result')}")
        self._review.set_visibility(waiting > 0)
        counts = tuple((name, many) for name in RESULTS if (many := getattr(today, name)))
        if 0 < everything.by_user == everything.offloads:
            self._show_own(everything)
            self._facts.show(counts, lambda: _results(counts))
            return
        net = today.net_tokens
        self._figure.set_text(formats.signed(net))
        set_classes(self._figure, f"ts-today-figure {tone(net)}")
        set_title(self._figure, f"{formats.signed_exact(net)} tokens: saved minus cost")
        parts = [
            f"tokens {'lost' if net < 0 else 'saved'} today ({formats.signed_money(today.net_microusd)})"
        ]
        if measures.bill > 0:
            parts.append(f"{share_saved(week, measures.bill)} of this week's bill")
        if measures.quota_dollars:
            parts.append(f"{share_of_quota(week.net_microusd, measures.quota_dollars)} saved this week")
        self._words.set_text(" · ".join(parts))
        unknown = _unknown(measures) if everything.offloads else ()
        self._facts.show((counts, unknown, measures.quota), lambda: _facts(counts, unknown, measures.quota))

    def _show_own(self, everything: Totals) -> None:
        """Explain why nothing is saved while all calls are the user's own."""
        self._figure.set_text("")
        tasks = formats.count(everything.by_user, "task")
        saved = formats.would_have(everything.would_save_tokens)
        self._words.set_text(
            f"{tasks} of your own. From Claude, that would have {saved}. "
            "Savings count when Claude sends work."
        )


Unknown = tuple[str, str, str]
"""What is unknown, the words of the link that makes it known, and its address."""


def _unknown(measures: Measures) -> tuple[Unknown, ...]:
    bill = ("Share of your bill: not known yet.", "Check the transcripts", "/savings#transcripts")
    quota = (
        "Share of your weekly quota: not known.",
        "Set the price of your subscription",
        "/settings?find=ledger.quota_dollars",
    )
    return (*(() if measures.bill > 0 else (bill,)), *(() if measures.quota_dollars else (quota,)))


def _facts(counts: tuple[tuple[str, int], ...], unknown: tuple[Unknown, ...], quota: str) -> None:
    _results(counts)
    if quota:
        text(formats.capitalised(quota), "ts-sub")
    for words, step, address in unknown:
        with box("ts-sub", "span"):
            text(f"{words} ")
            link(address, "", step)


def _results(counts: tuple[tuple[str, int], ...]) -> None:
    """Show today's results as links to the history."""
    if counts:
        with box("ts-sub", "span"):
            text("Today: ")
            for number, (name, many) in enumerate(counts):
                text(", " if number else "")
                words = f"{formats.number(many)} {formats.outcome(name).lower()}"
                link(HistoryAddress(outcome=name, time="today").url, "", words)
