"""Terms of a receipt: the formula, prices and habits used to calculate its money.

Text that enters Claude's context is written to the cache once, and read from it by every later request::

    write   = long_writes x cache_write_1h + (1 - long_writes) x cache_write
    context = write + cache_reads x cache_read
    turn    = turn_reads x cache_read          the context, read once more

    saved = saved_input x context              inputs that Claude need not read, each counted once a session
          + saved_output x (output + context)  text on disk that Claude need not write, and then carry along
          + saved_turns x turn                 the turns in which it would have read and written
    cost  = cost_output x (output + context)   the call: framing, parameter names, values
          + cost_input x context               the result: framing, text
          + cost_share x (write + share_reads x cache_read)
                                               definitions and instructions, this call's share of a session
          + cost_turns x turn                  the call itself, and every question about it

The definitions are in the context from the start, so they are read twice as often as text that enters midway:
``share_reads`` is 2 x ``cache_reads`` unless the session was counted. This is formula 2. Formula 1, used up
to version 0.1, counted only 5-minute writes, and ignored turns and the cost of keeping written text in the
context.
"""

import json
from dataclasses import dataclass, fields
from decimal import Decimal
from typing import Any

from server.ledger.habits import Habits
from server.ledger.prices import Price

FORMULA = 2
TURN = 1000
"""Turns are counted in thousandths, so that the one turn of a batch can be divided among its items."""
FORMER_CACHE_READS = 10
"""The default number of cache reads in formula 1."""


@dataclass(frozen=True)
class Figures:
    """The counts of a receipt, without prices: tokens, and turns in thousandths."""

    saved_input: int = 0
    saved_output: int = 0
    cost_output: int = 0
    cost_input: int = 0
    cost_share: int = 0
    saved_turns: int = 0
    cost_turns: int = 0


@dataclass(frozen=True)
class Assumed:
    """Range of the saved counts: the minimum and maximum tokens that Claude would have read, and the minimum
    and maximum turns (in thousandths) it would have taken.
    """

    input_least: int = 0
    input_most: int = 0
    turns_least: int = 0
    turns_most: int = 0


@dataclass(frozen=True)
class Sources:
    """The figures behind a receipt's counts: the tokens of the tool definitions and the calls that share
    them; the habits behind the reading and the turns that Claude was spared (see ``habits.Habits``).
    """

    definitions: int
    calls_per_session: float
    whole_reads: float
    part_tokens: int
    tail_tokens: int
    calls_per_turn: float


@dataclass(frozen=True)
class Terms:
    """Everything a receipt's money depends on, besides the counts. Prices are micro-dollars per token.

    ``basis`` names the source of the habits: ``public`` sessions, this user's ``transcripts`` (from
    ``sessions`` sessions), the ``session`` that made the call, or the user's ``setting``. ``dated`` is the
    day of the price table. ``sources`` is None for receipts from before it was recorded.
    """

    formula: int
    price_model: str
    dated: str
    basis: str
    sessions: int
    input: Decimal
    cache_write: Decimal
    cache_write_1h: Decimal
    cache_read: Decimal
    output: Decimal
    cache_reads: Decimal
    share_reads: Decimal
    long_writes: Decimal
    turn_reads: int
    assumed: Assumed = Assumed()
    sources: Sources | None = None

    @property
    def write(self) -> Decimal:
        """The price of a cache write, weighted by the share of 1-hour writes."""
        return self.long_writes * self.cache_write_1h + (1 - self.long_writes) * self.cache_write

    @property
    def context(self) -> Decimal:
        """The price of a token that enters Claude's context."""
        return self.write + self.cache_reads * self.cache_read

    @property
    def written(self) -> Decimal:
        """The price of a token that Claude writes and that then stays in its context."""
        return self.output + self.context if self.formula > 1 else self.output

    @property
    def definition(self) -> Decimal:
        """The price of a token in the tool definitions, which are in the context from the start."""
        return self.write + self.share_reads * self.cache_read

    @property
    def turn(self) -> Decimal:
        """The price of a turn: reading its context from the cache."""
        return self.turn_reads * self.cache_read

    def as_json(self) -> str:
        """Return the terms as JSON."""
        values = {field.name: getattr(self, field.name) for field in fields(self)}
        values["assumed"] = vars(self.assumed)
        values["sources"] = vars(self.sources) if self.sources is not None else None
        return json.dumps(values, default=str, separators=(",", ":"))

    @classmethod
    def from_json(cls, text: str) -> "Terms | None":
        """Return the terms; None for receipts of formula 1, which recorded none."""
        if not text:
            return None
        values: dict[str, Any] = json.loads(text)
        for field in fields(cls):
            if field.type is Decimal:
                values[field.name] = Decimal(values[field.name])
        values["assumed"] = Assumed(**values["assumed"])
        sources = values.get("sources")
        values["sources"] = Sources(**sources) if sources is not None else None
        return cls(**values)


@dataclass(frozen=True)
class Line:
    """One line of a receipt: a signed count of tokens or turns, and the price per unit in micro-dollars."""

    name: str
    count: Decimal
    each: Decimal
    unit: str = "tokens"

    @property
    def amount(self) -> Decimal:
        """The line's amount in micro-dollars; negative for a cost."""
        return self.count * self.each


def current_terms(price: Price, dated: str, habits: Habits, basis: str) -> Terms:
    """Return the terms for a call recorded now."""
    return _terms(FORMULA, price, dated, habits, basis)


def former_terms(price: Price, dated: str, cache_reads: float = FORMER_CACHE_READS) -> Terms:
    """Return the terms of formula 1, which was used for older receipts."""
    habits = Habits(cache_reads=cache_reads, long_writes=0, turn_reads=0, sessions=0)
    return _terms(1, price, dated, habits, "setting")


def _terms(formula: int, price: Price, dated: str, habits: Habits, basis: str) -> Terms:
    reads = decimal(habits.cache_reads)
    return Terms(
        formula=formula,
        price_model=price.model,
        dated=dated,
        basis=basis,
        sessions=habits.sessions,
        input=price.input,
        cache_write=price.cache_write,
        cache_write_1h=price.cache_write_1h,
        cache_read=price.cache_read,
        output=price.output,
        cache_reads=reads,
        share_reads=2 * reads,
        long_writes=decimal(habits.long_writes),
        turn_reads=habits.turn_reads,
    )


def lines_of(figures: Figures, terms: Terms) -> tuple[Line, ...]:
    """Return the lines of a receipt: savings first; costs are negative. The amounts add up to the net."""
    counted = (
        ("Input that Claude did not read", figures.saved_input, terms.context),
        ("Text that Claude did not write", figures.saved_output, terms.written),
        ("The call that Claude wrote", -figures.cost_output, terms.written),
        ("The answer that Claude read", -figures.cost_input, terms.context),
        ("This call's share of the tool definitions", -figures.cost_share, terms.definition),
    )
    lines = [Line(name, Decimal(count), each) for name, count, each in counted]
    if terms.formula > 1:
        turns = (
            ("Turns that Claude did not need", figures.saved_turns),
            ("Turns of the call", -figures.cost_turns),
        )
        lines += [Line(name, Decimal(count) / TURN, terms.turn, "turns") for name, count in turns]
    return tuple(lines)


def amounts(figures: Figures, terms: Terms) -> tuple[Decimal, Decimal]:
    """Return the savings and the cost in micro-dollars, by the formula above."""
    lines = lines_of(figures, terms)
    saved = sum((line.amount for line in lines if line.count > 0), Decimal(0))
    cost = sum((-line.amount for line in lines if line.count < 0), Decimal(0))
    return saved, cost


def decimal(number: float) -> Decimal:
    """Return a float as the decimal number it is written as."""
    return Decimal(str(number))
