"""The numbers in the text of a receipt's calculation that have no source."""

import re
from collections.abc import Iterator
from decimal import Decimal

from server.ledger.explain import figures_of
from server.ledger.habits import MOST_READ_TOKENS, PUBLIC_SESSIONS
from server.ledger.prices import Prices
from server.ledger.terms import TURN, Terms, former_terms, lines_of
from server.ledger.tokens import MEDIAN_ERROR
from server.store.records import ReceiptRecord

NAMES = (
    "docs/benchmarks.md",
    "5 minutes",
    "1 hour",
    "265 public Claude Code sessions (January to August 2026)",
)
"""Phrases whose numbers are names: the lifetimes of the cache, the public sessions with their months."""
_NUMBER = re.compile(r"\d[\d,]*(?:\.\d+)?")


def unexplained(text: str, receipt: ReceiptRecord, prices: Prices) -> list[str]:
    """Return the numbers in the text that are neither in the receipt and its terms nor computed from them."""
    terms = Terms.from_json(receipt.terms)
    formula = "Formula 1, which Token Saver used up to version 0.1." if terms is None else ""
    if terms is None:
        terms = former_terms(prices.find(receipt.price_model), prices.dated.isoformat())
    for name in (*NAMES, formula, terms.dated, terms.price_model):
        text = text.replace(name, " ") if name else text
    assert PUBLIC_SESSIONS == 265
    known = tuple(map(Decimal, _known(receipt, terms)))
    return [number for number in _NUMBER.findall(text) if not any(_is(number, each) for each in known)]


def _is(number: str, value: Decimal) -> bool:
    """Return whether the number is the value, as far as its decimals go."""
    shown = Decimal(number.replace(",", ""))
    places = -int(shown.as_tuple().exponent)
    return abs(abs(value) - shown) <= Decimal(5).scaleb(-places - 1)


def _known(receipt: ReceiptRecord, terms: Terms) -> Iterator[Decimal | int]:
    assumed, sources = terms.assumed, terms.sources
    yield from (receipt.net_tokens, receipt.spared_input)
    yield from (Decimal(receipt.net_microusd) / 1_000_000, Decimal(receipt.spared_turns) / TURN)
    for line in lines_of(figures_of(receipt), terms):
        yield from (line.count, line.each, line.each / 1_000_000, line.amount / 1_000_000)
    yield from (terms.write, terms.context, terms.turn / 1_000_000, terms.long_writes * 100)
    yield from (terms.cache_write, terms.cache_write_1h, terms.cache_read, terms.output)
    yield from (terms.cache_reads, terms.share_reads, terms.turn_reads, terms.sessions)
    yield from (assumed.input_least, assumed.input_most)
    yield from (Decimal(turns) / TURN for turns in (assumed.turns_least, assumed.turns_most))
    yield from (Decimal(str(error)) * 100 for error in MEDIAN_ERROR.values())
    if sources is not None:
        yield from (sources.definitions, Decimal(str(sources.calls_per_session)), MOST_READ_TOKENS)
        yield from (Decimal(str(sources.whole_reads)) * 100, sources.part_tokens, sources.tail_tokens)
        yield Decimal(str(sources.calls_per_turn))
