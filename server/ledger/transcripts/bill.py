"""The user's full Claude Code bill, by day, from the token counts in all transcripts."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal

from server.ledger.prices import Prices, microusd
from server.ledger.terms import decimal
from server.ledger.transcripts.accounts import LONG_CONTEXT
from server.ledger.transcripts.summary import Summary

KINDS = ("input", "5-minute writes", "1-hour writes", "cache reads", "output")


@dataclass(frozen=True)
class BillLine:
    """One kind of token for one model: the count, the price per token in micro-dollars, and the amount."""

    model: str
    kind: str
    tokens: int
    each: Decimal

    @property
    def amount(self) -> Decimal:
        """The line's amount in micro-dollars."""
        return self.tokens * self.each


@dataclass(frozen=True)
class Bill:
    """The bill at list prices: micro-dollars by local day, and the number of requests. ``placeholders``
    counts answers whose output the client did not record; it is estimated. ``unrecorded`` is the part of the
    bill for requests that have no line of their own (compactions, titles), from the client's own totals.
    """

    days: Mapping[str, int]
    requests: int = 0
    placeholders: int = 0
    unrecorded: int = 0

    @property
    def total(self) -> int:
        """The total for all days, in micro-dollars."""
        return sum(self.days.values())

    def since(self, day: str) -> int:
        """The total from ``day`` (YYYY-MM-DD) on, in micro-dollars."""
        return sum(amount for each, amount in self.days.items() if each >= day)


def bill_of(summaries: Iterable[Summary], prices: Prices) -> Bill:
    """Return the bill for all transcripts."""
    summaries = tuple(summaries)
    extra = unrecorded_money(summaries)
    days = {day: decimal(amount) for day, amount in extra.items()}
    requests = placeholders = 0
    for summary in summaries:
        placeholders += summary.placeholders
        for key, counts in summary.bill.items():
            day = key.partition(" ")[0]
            requests += counts[5]
            amount = sum((line.amount for line in lines_of_key(key, counts, prices)), Decimal(0))
            days[day] = days.get(day, Decimal(0)) + amount
    by_day = {day: microusd(amount) for day, amount in sorted(days.items())}
    return Bill(by_day, requests, placeholders, round(sum(extra.values())))


def unrecorded_money(summaries: Iterable[Summary]) -> dict[str, float]:
    """Return, by day, the micro-dollars spent on requests that have no line of their own.

    The client's own total for a session includes its subagents, whose transcripts are separate files.
    """
    stated: dict[str, dict[str, float]] = {}
    subagents: dict[str, float] = {}
    for summary in summaries:
        if summary.side:
            subagents[summary.session] = subagents.get(summary.session, 0.0) + summary.money
        for day, money in summary.unrecorded.items():
            days = stated.setdefault(summary.session, {})
            days[day] = days.get(day, 0.0) + money
    found: dict[str, float] = {}
    for session, days in stated.items():
        whole = sum(days.values())
        rest = whole - subagents.get(session, 0.0)
        if rest >= 1:
            for day, money in days.items():
                found[day] = found.get(day, 0.0) + rest * money / whole
    return found


def lines_of_key(key: str, counts: list[int], prices: Prices) -> tuple[BillLine, ...]:
    """Return the bill lines for one key: ``day model``, or ``day model long`` for long prompts."""
    _, model, *long = key.split(" ")
    price = prices.find(model, LONG_CONTEXT + 1 if long else 0)
    each = (price.input, price.cache_write, price.cache_write_1h, price.cache_read, price.output)
    return tuple(
        BillLine(price.model, kind, tokens, amount)
        for kind, tokens, amount in zip(KINDS, counts, each, strict=False)
        if tokens
    )
