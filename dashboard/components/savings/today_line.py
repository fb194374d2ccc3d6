"""The line at the top of the *Now* page: tokens saved today, their share of the bill and quota, and results
to review.
"""

from dashboard import formats
from dashboard.components.controls.elements import box, link, set_classes, set_title, text
from dashboard.components.controls.net_tokens import tone
from server.ledger.savings import share_of_quota, share_saved
from server.store.records import Totals


class TodayLine:
    """Today's total in large type, with the shares beside it."""

    def __init__(self) -> None:
        with box("ts-today", "section", "Saved today"):
            self._figure = text("", "ts-today-figure")
            self._words = text("", "ts-today-words")
            box("ts-grow")
            self._review = link("/review", "ts-btn-link", "")

    def update(
        self,
        today: Totals,
        week: Totals,
        everything: Totals,
        *,
        bill: int,
        quota_dollars: float,
        waiting: int,
    ) -> None:
        """Show today's savings.

        Args:
            week: totals for the last seven days. ``bill`` is the user's bill for that period (micro-dollars,
            0 if unknown).
            everything: totals of the whole history.
            quota_dollars: price of one week of the subscription; 0 if unknown.
            waiting: number of results awaiting review.
        """
        if 0 < everything.by_user == everything.offloads:
            self._show_own(everything)
            self._offer_review(waiting)
            return
        net = today.net_tokens
        self._figure.set_text(formats.signed(net))
        set_classes(self._figure, f"ts-today-figure {tone(net)}")
        set_title(self._figure, f"{formats.signed_exact(net)} tokens: saved minus cost")
        parts = [f"tokens saved today ({formats.signed_money(today.net_microusd)})"]
        if net < 0:
            parts = [f"tokens lost today ({formats.signed_money(today.net_microusd)})"]
        if bill > 0:
            parts.append(f"{share_saved(week, bill)} of this week's bill")
        if quota_dollars:
            parts.append(f"{share_of_quota(week.net_microusd, quota_dollars)} saved this week")
        self._words.set_text(" · ".join(parts))
        self._offer_review(waiting)

    def _offer_review(self, waiting: int) -> None:
        self._review.set_text(f"Review {formats.count(waiting, 'result')}")
        self._review.set_visibility(waiting > 0)

    def _show_own(self, everything: Totals) -> None:
        """Explain why nothing is saved while all calls are the user's own."""
        self._figure.set_text("")
        tasks = formats.count(everything.by_user, "task")
        saved = formats.would_have(everything.would_save_tokens)
        self._words.set_text(
            f"{tasks} of your own. From Claude, that would have {saved}. "
            "Savings count when Claude sends work."
        )
