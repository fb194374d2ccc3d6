"""The receipt of one call: what Claude was spared, what the call cost it, the difference.

With ``context = cache_write + cache_reads x cache_read``, the price of a token that enters Claude's
context and is read again from the cache at every later request::

    spared = spared_input x context     inputs, each once in a session, that Claude need not read
           + spared_output x output     text on disk that Claude need not write
    spent  = spent_output x output      the call: framing, parameter names, values
           + spent_input x context      the result: framing, text
           + spent_share x (cache_write + 2 x cache_reads x cache_read)
                                        definitions and instructions, this call's share of a session

A text enters the context somewhere in a session, on average in the middle; the definitions are there
from its start, hence twice the reads. Left out is that Claude would have called a tool to read each input,
with line numbers; and that call and file would stay in its context once written, which errs against us
wherever a call makes more text than it takes.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from decimal import Decimal
from typing import Any

from server.config.settings import LedgerSettings
from server.ledger.prices import Price, Prices, microusd
from server.ledger.tokens import Family, estimate_call, estimate_result, estimate_tokens, family_of
from server.store.records import ReceiptRecord

DIGEST_TOKENS = 60
"""What a digest of a delivered file usually takes, tokens (at most 400 characters)."""


@dataclass(frozen=True)
class Receipt:
    """Tokens and micro-dollars, integers. ``spared_input``: inputs that Claude need not read.
    ``spared_output``: text on disk that Claude need not write. ``spent_output``: the call's arguments.
    ``spent_input``: the digest. ``spent_share``: this server's definitions, as the call's share."""

    family: str
    price_model: str
    spared_input: int
    spared_output: int
    spent_output: int
    spent_input: int
    spent_share: int
    spared_microusd: int
    spent_microusd: int

    @property
    def net_tokens(self) -> int:
        """What was spared less what was spent, with its sign."""
        return (
            self.spared_input + self.spared_output - self.spent_output - self.spent_input - self.spent_share
        )

    @property
    def net_microusd(self) -> int:
        """As ``net_tokens``, in micro-dollars."""
        return self.spared_microusd - self.spent_microusd

    def as_record(self) -> ReceiptRecord:
        """Return the receipt as the history keeps it."""
        return ReceiptRecord(**asdict(self), net_tokens=self.net_tokens, net_microusd=self.net_microusd)


@dataclass(frozen=True)
class Cost:
    """What a call costs Claude, in tokens: ``output`` its arguments, ``input`` its result, ``share`` this
    server's definitions as its share of a session."""

    output: int = 0
    input: int = 0
    share: int = 0

    def part(self, number: int, count: int) -> "Cost":
        """Return one part, ``number`` from 0, of ``count`` that add up to the whole exactly."""
        return Cost(
            part_of(self.output, number, count),
            part_of(self.input, number, count),
            part_of(self.share, number, count),
        )


@dataclass(frozen=True)
class Figures:
    """The five token counts of a receipt, before they are priced."""

    spared_input: int = 0
    spared_output: int = 0
    spent_output: int = 0
    spent_input: int = 0
    spent_share: int = 0


class Ledger:
    """Books calls for one Claude model (settings ``[ledger] model``).

    Args:
        settings: the model, the usual number of cache reads, the usual calls of a session.
        prices: the price table.
        definitions_tokens: what this server's tool definitions and instructions take in Claude's
            context, tokens (``tokens.estimate_definition`` of each).
    """

    def __init__(self, settings: LedgerSettings, prices: Prices, definitions_tokens: int) -> None:
        self.settings = settings
        self.prices = prices
        self.definitions_tokens = definitions_tokens
        self.family: Family = family_of(settings.model)

    def book(
        self,
        tool: str,  # noqa: ARG002  every tool costs alike, but a receipt says which one it is for
        arguments: Mapping[str, Any],
        inputs: Sequence[str],
        written: str | None,
        result: str,
        *,
        returned: bool = False,
        error: bool = False,
        cost: Cost | None = None,
    ) -> Receipt:
        """Return the receipt of a call that ended.

        Args:
            tool: the tool's name.
            arguments: as Claude wrote them.
            inputs: the selected texts of the files, each once. Texts that Claude passed inline are no
                input: it has them already.
            written: what was written to disk and passed the checks, else None: then nothing was spared,
                unless ``returned``.
            result: the text Claude got: the digest, the text itself, or the reason of a hand-back.
            returned: the accepted answer is ``result`` itself: the inputs are spared, but no output, as
                Claude may write it again (the audit finds out).
            error: the result was an error.
            cost: what this task bears of a call that did many, each with a receipt of its own; None where
                the call is this task's alone.
        """
        accepted = written is not None or returned
        spent = self.cost(arguments, result, error=error) if cost is None else cost
        return self.price(
            Figures(
                spared_input=self._round(sum(map(self._tokens, inputs))) if accepted else 0,
                spared_output=self._round(self._tokens(written)) if written is not None else 0,
                spent_output=spent.output,
                spent_input=spent.input,
                spent_share=spent.share,
            )
        )

    def cost(self, arguments: Mapping[str, Any], result: str, *, error: bool = False) -> Cost:
        """Return what a call costs with these arguments and this result, which may be an error."""
        return Cost(self.cost_of_call(arguments), self.cost_of_result(result, error=error), self.share)

    def cost_of_call(self, arguments: Mapping[str, Any]) -> int:
        """Return the output tokens of a call with these arguments, as Claude wrote them."""
        return self._round(estimate_call(arguments, self.family, self.settings.model))

    def cost_of_result(self, result: str, *, error: bool = False) -> int:
        """Return the input tokens of a result, which may be an error."""
        return self._round(estimate_result(result, self.family, error))

    def estimate(
        self,
        tool: str,  # noqa: ARG002  every tool costs alike, but a receipt says which one it is for
        arguments: Mapping[str, Any],
        inputs: Sequence[str],
        *,
        written_tokens: int = 0,
        result_tokens: int = DIGEST_TOKENS,
    ) -> Receipt:
        """Return the receipt that a call can be expected to get, before it runs.

        Args:
            tool: as in ``book``.
            arguments: as in ``book``.
            inputs: as in ``book``.
            written_tokens: what would be written to disk, tokens; pass the most that is possible to ask
                whether the call can win at all.
            result_tokens: what Claude would get back, tokens.
        """
        return self.price(
            Figures(
                spared_input=self._round(sum(map(self._tokens, inputs))),
                spared_output=written_tokens,
                spent_output=self.cost_of_call(arguments),
                spent_input=self.cost_of_result("") + result_tokens,
                spent_share=self.share,
            )
        )

    @property
    def share(self) -> int:
        """The definitions' tokens that one call bears: a session's, divided by its usual calls."""
        return self._round(self.definitions_tokens / self.settings.calls_per_session)

    def price(self, figures: Figures, model: str = "", prompt_tokens: int = 0) -> Receipt:
        """Return the receipt for token counts, at the prices of ``model`` (empty: of the settings)."""
        used = model or self.settings.model
        price = self.prices.find(used, prompt_tokens)
        spared, spent = amounts(figures, price, self.settings.cache_reads)
        return Receipt(
            family=family_of(used),
            price_model=price.model,
            spared_input=figures.spared_input,
            spared_output=figures.spared_output,
            spent_output=figures.spent_output,
            spent_input=figures.spent_input,
            spent_share=figures.spent_share,
            spared_microusd=microusd(spared),
            spent_microusd=microusd(spent),
        )

    def _tokens(self, text: str) -> float:
        return estimate_tokens(text, self.family)

    @staticmethod
    def _round(tokens: float) -> int:
        return int(tokens + 0.5)


def amounts(figures: Figures, price: Price, cache_reads: float) -> tuple[Decimal, Decimal]:
    """Return what was spared and what was spent, in micro-dollars, by the formula above."""
    context = price.context(cache_reads)
    spared = figures.spared_input * context + figures.spared_output * price.output
    spent = (
        figures.spent_output * price.output
        + figures.spent_input * context
        + figures.spent_share * price.context(2 * cache_reads)
    )
    return spared, spent


def part_of(whole: int, number: int, count: int) -> int:
    """Return one part, ``number`` from 0, of a whole number in ``count`` parts that add up to it."""
    return whole * (number + 1) // count - whole * number // count
