"""Receipts: what a call saved Claude, what the call cost, and the difference.

With ``context = cache_write + cache_reads x cache_read``, the price of a token that enters Claude's
context and is read from the cache at every later request::

    saved = saved_input x context     inputs that Claude need not read, each counted once a session
          + saved_output x output     text on disk that Claude need not write
    cost  = cost_output x output      the call: framing, parameter names, values
          + cost_input x context      the result: framing, text
          + cost_share x (cache_write + 2 x cache_reads x cache_read)
                                      definitions and instructions, this call's share of a session

A text enters the context at some point of a session, on average in the middle. The definitions are there
from the start, hence twice the reads. The formula leaves out the tool calls with which Claude would read each
input (with line numbers). It also leaves out that such a call, and the file that Claude writes, would stay in
its context; for calls that write more than they read, this understates the savings.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from server.config.settings import LedgerSettings
from server.ledger.prices import Price, Prices, microusd
from server.ledger.tokens import Family, estimate_call, estimate_result, estimate_tokens, family_of
from server.store.records import ReceiptRecord

DIGEST_TOKENS = 60
"""Usual size of the summary of a delivered file, tokens (at most 400 characters)."""


@dataclass(frozen=True)
class Receipt:
    """Tokens and micro-dollars, integers. ``saved_input``: inputs that Claude need not read.
    ``saved_output``: text on disk that Claude need not write. ``cost_output``: the call's arguments.
    ``cost_input``: the result. ``cost_share``: the call's share of this server's tool definitions."""

    family: str
    price_model: str
    saved_input: int
    saved_output: int
    cost_output: int
    cost_input: int
    cost_share: int
    saved_microusd: int
    cost_microusd: int

    @property
    def net_tokens(self) -> int:
        """Saved tokens less cost; negative for a loss."""
        return self.saved_input + self.saved_output - self.cost_output - self.cost_input - self.cost_share

    @property
    def net_microusd(self) -> int:
        """As ``net_tokens``, in micro-dollars."""
        return self.saved_microusd - self.cost_microusd

    def as_record(self) -> ReceiptRecord:
        """Return the receipt under the column names of the history."""
        return ReceiptRecord(
            family=self.family,
            price_model=self.price_model,
            spared_input=self.saved_input,
            spared_output=self.saved_output,
            spent_output=self.cost_output,
            spent_input=self.cost_input,
            spent_share=self.cost_share,
            net_tokens=self.net_tokens,
            spared_microusd=self.saved_microusd,
            spent_microusd=self.cost_microusd,
            net_microusd=self.net_microusd,
        )


@dataclass(frozen=True)
class Cost:
    """Cost of a call to Claude, in tokens: ``output`` for its arguments, ``input`` for its result, ``share``
    for its share of this server's tool definitions."""

    output: int = 0
    input: int = 0
    share: int = 0

    def part(self, number: int, count: int) -> "Cost":
        """Return part ``number`` (from 0) of ``count`` parts that add up exactly to the whole."""
        return Cost(
            part_of(self.output, number, count),
            part_of(self.input, number, count),
            part_of(self.share, number, count),
        )


@dataclass(frozen=True)
class Figures:
    """The five token counts of a receipt, without prices."""

    saved_input: int = 0
    saved_output: int = 0
    cost_output: int = 0
    cost_input: int = 0
    cost_share: int = 0


class Ledger:
    """Computes the receipts of calls for one Claude model (settings ``[ledger] model``).

    Args:
        settings: the model, the usual number of cache reads, the usual number of calls a session.
        prices: the price table.
        definitions_tokens: size of this server's tool definitions and instructions in Claude's context,
            tokens (``tokens.estimate_definition`` of each).
    """

    def __init__(self, settings: LedgerSettings, prices: Prices, definitions_tokens: int) -> None:
        self.settings = settings
        self.prices = prices
        self.definitions_tokens = definitions_tokens
        self.family: Family = family_of(settings.model)

    def receipt(
        self,
        tool: str,  # noqa: ARG002  all tools cost the same; receipts name theirs
        arguments: Mapping[str, Any],
        inputs: Sequence[str],
        written: str | None,
        result: str,
        *,
        returned: bool = False,
        error: bool = False,
        cost: Cost | None = None,
    ) -> Receipt:
        """Return the receipt of a finished call.

        Args:
            tool: the tool's name.
            arguments: as Claude wrote them.
            inputs: the selected texts of the files, each once. Texts that Claude passed inline do not count:
                Claude has them already.
            written: the text that was written to disk and passed the checks, else None. With None nothing
                was saved, unless ``returned``.
            result: the text that Claude got: the summary, the text itself, or the reason of a hand-back.
            returned: ``result`` is the accepted answer itself. It saves the inputs but no output, because
                Claude may write the text again (the transcript check finds out).
            error: the result was an error.
            cost: this task's part of the cost of a call with several tasks, each with its own receipt; None
                for a call with a single task.
        """
        accepted = written is not None or returned
        cost = self.cost(arguments, result, error=error) if cost is None else cost
        return self.price(
            Figures(
                saved_input=self._round(sum(map(self._tokens, inputs))) if accepted else 0,
                saved_output=self._round(self._tokens(written)) if written is not None else 0,
                cost_output=cost.output,
                cost_input=cost.input,
                cost_share=cost.share,
            )
        )

    def cost(self, arguments: Mapping[str, Any], result: str, *, error: bool = False) -> Cost:
        """Return the cost of a call with these arguments and this result, which may be an error."""
        return Cost(self.cost_of_call(arguments), self.cost_of_result(result, error=error), self.share)

    def cost_of_call(self, arguments: Mapping[str, Any]) -> int:
        """Return the output tokens of a call with these arguments, as Claude wrote them."""
        return self._round(estimate_call(arguments, self.family, self.settings.model))

    def cost_of_result(self, result: str, *, error: bool = False) -> int:
        """Return the input tokens of a result; ``error``: the result is an error."""
        return self._round(estimate_result(result, self.family, error))

    def estimate(
        self,
        tool: str,  # noqa: ARG002  all tools cost the same; receipts name theirs
        arguments: Mapping[str, Any],
        inputs: Sequence[str],
        *,
        written_tokens: int = 0,
        result_tokens: int = DIGEST_TOKENS,
    ) -> Receipt:
        """Return the expected receipt of a call that has not run yet.

        Args:
            tool: as in ``receipt``.
            arguments: as in ``receipt``.
            inputs: as in ``receipt``.
            written_tokens: size of the text to be written to disk, tokens; pass the largest possible size to
                ask whether the call can save anything at all.
            result_tokens: size of the text that Claude gets back, tokens.
        """
        return self.price(
            Figures(
                saved_input=self._round(sum(map(self._tokens, inputs))),
                saved_output=written_tokens,
                cost_output=self.cost_of_call(arguments),
                cost_input=self.cost_of_result("") + result_tokens,
                cost_share=self.share,
            )
        )

    @property
    def share(self) -> int:
        """One call's share of the definitions: their tokens divided by the usual calls of a session."""
        return self._round(self.definitions_tokens / self.settings.calls_per_session)

    def price(self, figures: Figures, model: str = "", prompt_tokens: int = 0) -> Receipt:
        """Return the receipt for token counts at the prices of ``model`` (empty: that of the settings)."""
        used = model or self.settings.model
        price = self.prices.find(used, prompt_tokens)
        saved, cost = amounts(figures, price, self.settings.cache_reads)
        return Receipt(
            family=family_of(used),
            price_model=price.model,
            saved_input=figures.saved_input,
            saved_output=figures.saved_output,
            cost_output=figures.cost_output,
            cost_input=figures.cost_input,
            cost_share=figures.cost_share,
            saved_microusd=microusd(saved),
            cost_microusd=microusd(cost),
        )

    def _tokens(self, text: str) -> float:
        return estimate_tokens(text, self.family)

    @staticmethod
    def _round(tokens: float) -> int:
        return int(tokens + 0.5)


def amounts(figures: Figures, price: Price, cache_reads: float) -> tuple[Decimal, Decimal]:
    """Return what was saved and what it cost, in micro-dollars, by the formula above."""
    context = price.context(cache_reads)
    saved = figures.saved_input * context + figures.saved_output * price.output
    cost = (
        figures.cost_output * price.output
        + figures.cost_input * context
        + figures.cost_share * price.context(2 * cache_reads)
    )
    return saved, cost


def part_of(whole: int, number: int, count: int) -> int:
    """Return part ``number`` (from 0) of ``whole`` divided into ``count`` integers that add up to it."""
    return whole * (number + 1) // count - whole * number // count
