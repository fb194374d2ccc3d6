"""Receipts: what a call saved for Claude, what it cost, and the difference.

The formula is in ``terms.py``. For each input, the saving is the part that Claude would have read by habit
(``habits.read_by_habit``). The turns saved are those in which Claude would have read the inputs and written
the file. A call that delivers nothing saves nothing, but its cost, including its turn, remains.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from server.config.sections import LedgerSettings
from server.ledger.habits import PUBLIC, Baseline, Habits, read_by_habit
from server.ledger.prices import Prices, microusd
from server.ledger.terms import TURN, Assumed, Figures, Sources, Terms, amounts, current_terms
from server.ledger.tokens import Family, estimate_call, estimate_result, estimate_tokens, family_of
from server.store.records import ReadKind, ReceiptRecord

DIGEST_TOKENS = 60
"""Typical size of a delivered file's summary, in tokens (at most 400 characters)."""


@dataclass(frozen=True)
class Receipt:
    """Tokens and micro-dollars, as integers. ``saved_input``: inputs that Claude did not have to read.
    ``saved_output``: text on disk that Claude did not have to write. ``cost_output``: the call's arguments.
    ``cost_input``: the result. ``cost_share``: the call's share of this server's tool definitions.
    ``saved_turns`` and ``cost_turns``: turns, in thousandths. ``terms``: the terms used to calculate the
    money."""

    family: str
    price_model: str
    saved_input: int
    saved_output: int
    cost_output: int
    cost_input: int
    cost_share: int
    saved_microusd: int
    cost_microusd: int
    terms: Terms
    saved_turns: int = 0
    cost_turns: int = 0

    @property
    def net_tokens(self) -> int:
        """Saved tokens minus cost; negative for a loss."""
        return self.saved_input + self.saved_output - self.cost_output - self.cost_input - self.cost_share

    @property
    def net_microusd(self) -> int:
        """The net in micro-dollars; see ``net_tokens``."""
        return self.saved_microusd - self.cost_microusd

    def as_record(self) -> ReceiptRecord:
        """Return the receipt using the history's column names."""
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
            spared_turns=self.saved_turns,
            spent_turns=self.cost_turns,
            terms=self.terms.as_json(),
        )


@dataclass(frozen=True)
class Cost:
    """What a call costs Claude, in tokens: ``output`` for its arguments, ``input`` for its result, ``share``
    for its share of this server's tool definitions; and its turns, in thousandths.
    """

    output: int = 0
    input: int = 0
    share: int = 0
    turns: int = 0

    def part(self, number: int, count: int) -> "Cost":
        """Return part ``number`` (from 0) of ``count`` parts that add up exactly to the whole."""
        return Cost(
            part_of(self.output, number, count),
            part_of(self.input, number, count),
            part_of(self.share, number, count),
            part_of(self.turns, number, count),
        )


class Ledger:
    """Computes receipts for one Claude model (the ``[ledger] model`` setting).

    Args:
        settings: the model, the usual number of calls per session, and the number of cache reads if the user
            set it.
        prices: the price table.
        definitions_tokens: size of this server's tool definitions and instructions in Claude's context, in
            tokens (``tokens.estimate_definition`` of each).
    """

    def __init__(self, settings: LedgerSettings, prices: Prices, definitions_tokens: int) -> None:
        self.settings = settings
        self.prices = prices
        self.definitions_tokens = definitions_tokens
        self.family: Family = family_of(settings.model)
        self._habits = PUBLIC

    @property
    def habits(self) -> Habits:
        """Claude's working habits for this user, as far as they are known."""
        own = self.settings.cache_reads
        return replace(self._habits, cache_reads=own) if own else self._habits

    def use_habits(self, habits: Habits) -> None:
        """Use these habits in all further calculations."""
        self._habits = habits

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
        logs: Sequence[str] = (),
        looked_at: str = "",
    ) -> Receipt:
        """Return the receipt of a finished call.

        Args:
            tool: the tool's name.
            arguments: as Claude wrote them.
            inputs: the text selected from the files, each part once. Text passed inline does not count,
                because Claude already has it.
            written: the text that was written to disk and passed the checks, or None. None means that nothing
                was saved, unless ``returned`` is set.
            result: the text that Claude received: the summary, the text itself, or the reason for a
                hand-back.
            returned: ``result`` is the accepted answer itself. This saves the inputs but no output, because
                Claude may write the text again (the transcript check finds out).
            error: whether the result was an error.
            cost: this task's part of the cost of a call with several tasks, each with its own receipt; None
                if the call has a single task.
            logs: like ``inputs``, but for logs and command output, where Claude reads only the tail.
            looked_at: text that Claude is asked to look at afterwards, because it was not tested by running
                it.
        """
        accepted = written is not None or returned
        alone = cost is None
        cost = self.cost(arguments, result, error=error) if cost is None else cost
        read = self._read(inputs, logs) if accepted else ()
        turns = self._turns(len(read), written is not None, cost.turns if not alone else TURN)
        figures = Figures(
            saved_input=_round(sum(each.tokens for each in read)),
            saved_output=_round(self._tokens(written)) if written is not None else 0,
            cost_output=cost.output,
            cost_input=cost.input + _round(self._tokens(looked_at)),
            cost_share=cost.share,
            saved_turns=turns[1],
            cost_turns=cost.turns,
        )
        assumed = Assumed(
            input_least=_round(sum(each.least for each in read)),
            input_most=_round(sum(each.most for each in read)),
            turns_least=turns[0],
            turns_most=turns[2],
        )
        return self.price(figures, assumed=assumed)

    def cost(self, arguments: Mapping[str, Any], result: str, *, error: bool = False) -> Cost:
        """Return the cost of a call with these arguments and this result, which may be an error."""
        return Cost(self.cost_of_call(arguments), self.cost_of_result(result, error=error), self.share, TURN)

    def cost_of_call(self, arguments: Mapping[str, Any]) -> int:
        """Return the output tokens of a call with these arguments, as Claude wrote them."""
        return _round(estimate_call(arguments, self.family, self.settings.model))

    def cost_of_result(self, result: str, *, error: bool = False) -> int:
        """Return the input tokens of a result. ``error`` is true if the result is an error."""
        return _round(estimate_result(result, self.family, error))

    def estimate(
        self,
        tool: str,  # noqa: ARG002  all tools cost the same; receipts name theirs
        arguments: Mapping[str, Any],
        inputs: Sequence[str],
        *,
        written_tokens: int = 0,
        result_tokens: int = DIGEST_TOKENS,
    ) -> Receipt:
        """Return the expected receipt for a call that has not run yet.

        Args:
            tool: as in ``receipt``.
            arguments: as in ``receipt``.
            inputs: as in ``receipt``.
            written_tokens: size of the text to be written to disk, in tokens. To find out whether the call
                can save anything, pass the largest possible size.
            result_tokens: size of the text that Claude receives, in tokens.
        """
        read = self._read(inputs, ())
        least, usual, most = self._turns(len(read), bool(written_tokens), TURN)
        figures = Figures(
            saved_input=_round(sum(each.tokens for each in read)),
            saved_output=written_tokens,
            cost_output=self.cost_of_call(arguments),
            cost_input=self.cost_of_result("") + result_tokens,
            cost_share=self.share,
            saved_turns=usual,
            cost_turns=TURN,
        )
        input_least, input_most = sum(each.least for each in read), sum(each.most for each in read)
        return self.price(figures, assumed=Assumed(_round(input_least), _round(input_most), least, most))

    def digest_receipt(self, shown_tokens: int, digest_tokens: int, *, lost: bool = False) -> Receipt:
        """Return the receipt for a digest that replaced the result of one of Claude's own calls.

        Claude would have made the call anyway, and read all of ``shown_tokens``. ``lost`` means that Claude
        came back for the full text. Such a digest saves nothing and costs one more turn.
        """
        saved, turns = (0, TURN) if lost else (shown_tokens, 0)
        figures = Figures(saved_input=saved, cost_input=digest_tokens, cost_turns=turns)
        return self.price(figures, assumed=Assumed(saved, saved))

    @property
    def share(self) -> int:
        """One call's share of the definitions: their tokens divided by the usual calls per session."""
        return _round(self.definitions_tokens / self.settings.calls_per_session)

    def price(
        self,
        figures: Figures,
        model: str = "",
        prompt_tokens: int = 0,
        *,
        assumed: Assumed | None = None,
        terms: Terms | None = None,
    ) -> Receipt:
        """Return the receipt for these counts, at the prices of ``model`` (empty: the model in the settings),
        or at ``terms`` if given.
        """
        used = terms or self.terms(model, prompt_tokens)
        used = replace(used, assumed=assumed or Assumed())
        saved, cost = amounts(figures, used)
        return Receipt(
            family=family_of(model or self.settings.model),
            price_model=used.price_model,
            saved_input=figures.saved_input,
            saved_output=figures.saved_output,
            cost_output=figures.cost_output,
            cost_input=figures.cost_input,
            cost_share=figures.cost_share,
            saved_turns=figures.saved_turns,
            cost_turns=figures.cost_turns,
            saved_microusd=microusd(saved),
            cost_microusd=microusd(cost),
            terms=used,
        )

    def terms(self, model: str = "", prompt_tokens: int = 0) -> Terms:
        """Return the terms for a call recorded now."""
        price = self.prices.find(model or self.settings.model, prompt_tokens)
        habits = self.habits
        basis = "setting" if self.settings.cache_reads else habits.basis
        sources = Sources(
            definitions=self.definitions_tokens,
            calls_per_session=self.settings.calls_per_session,
            whole_reads=habits.whole_reads,
            part_tokens=habits.part_tokens,
            tail_tokens=habits.tail_tokens,
            calls_per_turn=habits.calls_per_turn,
        )
        terms = current_terms(price, self.prices.dated.isoformat(), habits, basis)
        return replace(terms, sources=sources)

    def _read(self, inputs: Sequence[str], logs: Sequence[str]) -> tuple[Baseline, ...]:
        """Return how much of each input Claude would have read."""
        kinds: tuple[tuple[ReadKind, Sequence[str]], ...] = (("file", inputs), ("log", logs))
        return tuple(
            read_by_habit(kind, self._tokens(text), self.habits) for kind, texts in kinds for text in texts
        )

    def _turns(self, reads: int, writes: bool, call_turns: int) -> tuple[int, int, int]:
        """Return the number of turns Claude would have taken (least, usual, most), in thousandths.

        At most, Claude makes one call per turn. At least, it reads everything in one turn and writes
        everything in another; an item of a batch gets its share of these two turns. The usual number of calls
        per turn is measured. Until it is, all reads of a task count as one turn.
        """
        most = (reads + writes) * TURN
        least = min(most, (bool(reads) + writes) * call_turns)
        if self.habits.basis == "public":
            return least, (bool(reads) + writes) * TURN, most
        return least, max(least, _round(most / self.habits.calls_per_turn)), most

    def _tokens(self, text: str) -> float:
        return estimate_tokens(text, self.family)


def part_of(whole: int, number: int, count: int) -> int:
    """Return part ``number`` (from 0) of ``whole``, divided into ``count`` integers that add up to it."""
    return whole * (number + 1) // count - whole * number // count


def _round(tokens: float) -> int:
    return int(tokens + 0.5)
