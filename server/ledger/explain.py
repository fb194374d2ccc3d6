"""The calculation behind a recorded receipt, line by line, with the source of every price and habit."""

from dataclasses import dataclass

from server.ledger.habits import MOST_READ_TOKENS, PUBLIC_SESSIONS
from server.ledger.prices import Prices, microusd
from server.ledger.terms import TURN, Figures, Line, Sources, Terms, amounts, former_terms, lines_of
from server.ledger.tokens import MEDIAN_ERROR
from server.store.records import ReceiptRecord

SOURCES = {
    "public": f"{PUBLIC_SESSIONS} public Claude Code sessions (January to August 2026), see docs/receipts.md",
    "transcripts": "your own {sessions:,} sessions, or the public ones where yours have too few samples",
    "session": "the session of the call itself, counted in its transcript",
    "setting": "the setting [ledger] cache_reads for the reads, and {sessions:,} sessions for the rest",
}
"""Where the habits of a receipt come from, by the basis of its terms."""


@dataclass(frozen=True)
class Explained:
    """The lines and remarks of a receipt. ``reproduced`` is true if the lines add up to the recorded
    money.
    """

    lines: tuple[Line, ...]
    reproduced: bool
    notes: tuple[str, ...]


def explain_receipt(receipt: ReceiptRecord, prices: Prices) -> Explained:
    """Return the lines of a receipt, calculated with the terms that applied at the time.

    Receipts from formula 1 recorded no terms. They are calculated with that formula's default and today's
    price table, and count as reproduced only if the result equals the recorded sums.
    """
    terms = Terms.from_json(receipt.terms)
    if terms is None:
        terms = former_terms(prices.find(receipt.price_model), prices.dated.isoformat())
    figures = figures_of(receipt)
    sums = tuple(map(microusd, amounts(figures, terms)))
    same = sums == (receipt.spared_microusd, receipt.spent_microusd)
    notes = _notes(receipt, terms) if same else (_lost(receipt),)
    if terms.formula == 1 and same:
        notes = (f"Formula 1, which Token Saver used up to version 0.1. {notes[0]}", *notes[1:])
    return Explained(lines_of(figures, terms), same, notes)


def figures_of(receipt: ReceiptRecord) -> Figures:
    """Return the counts from a recorded receipt."""
    return Figures(
        saved_input=receipt.spared_input,
        saved_output=receipt.spared_output,
        cost_output=receipt.spent_output,
        cost_input=receipt.spent_input,
        cost_share=receipt.spent_share,
        saved_turns=receipt.spared_turns,
        cost_turns=receipt.spent_turns,
    )


def receipt_text(receipt: ReceiptRecord, prices: Prices) -> str:
    """Return the calculation as text for a terminal."""
    explained = explain_receipt(receipt, prices)
    rows = [_row(line) for line in explained.lines] if explained.reproduced else []
    rows.append(("net", f"{receipt.net_tokens:+,} tokens", "", _dollars(receipt.net_microusd)))
    widths = [max(len(row[column]) for row in rows) for column in range(4)]
    lines = [
        "  ".join((row[0].ljust(widths[0]), *(row[column].rjust(widths[column]) for column in (1, 2, 3))))
        for row in rows
    ]
    return "\n".join([*lines, *explained.notes])


def _row(line: Line) -> tuple[str, str, str, str]:
    if line.unit == "turns":
        count, each = f"{line.count:+,.3f} turns", f"x ${line.each / 1_000_000:.6f}"
    else:
        count, each = f"{line.count:+,} tokens", f"x ${line.each.normalize():f}/M"
    return line.name, count, each, _dollars(microusd(line.amount))


def _dollars(amount: int) -> str:
    return f"{'-' if amount < 0 else '+'}${abs(amount) / 1e6:.6f}"


def _notes(receipt: ReceiptRecord, terms: Terms) -> tuple[str, ...]:
    priced = f"List prices of {terms.price_model}, table of {terms.dated}"
    if terms.formula == 1:
        return (
            f"{priced}: a token in Claude's context is written to the cache once (${terms.cache_write:,.2f} "
            f"per million) and read from it {terms.cache_reads:f} times (${terms.cache_read:,.2f} per "
            "million). The number of reads was the default of that version.",
        )
    return (
        f"{priced}. A token in the context: one cache write of ${terms.write.normalize():f} "
        f"({terms.long_writes:.1%} kept for 1 hour at ${terms.cache_write_1h:,.2f}, the rest for 5 minutes "
        f"at ${terms.cache_write:,.2f}) and {terms.cache_reads:f} reads of ${terms.cache_read:,.2f} = "
        f"${terms.context.normalize():f}. A token that Claude writes also costs ${terms.output:,.2f}. A "
        f"definition is read {terms.share_reads:f} times.",
        f"A turn reads {terms.turn_reads:,} tokens of context from the cache = "
        f"${terms.turn / 1_000_000:.6f}.",
        "Source of cache reads, cache writes and turns: "
        f"{SOURCES[terms.basis].format(sessions=terms.sessions)}.",
        (
            f"Tokens are estimated from the text (family {receipt.family}, median error "
            f"{_error_of(receipt):.1%}, docs/benchmarks.md), unless the API's counts are named above. The "
            "answer includes the text that Claude is asked to look at."
        ),
        *_shared(receipt, terms),
        *_assumed(receipt, terms),
    )


def _error_of(receipt: ReceiptRecord) -> float:
    return MEDIAN_ERROR["A" if receipt.family == "A" else "B"]


def _shared(receipt: ReceiptRecord, terms: Terms) -> list[str]:
    """Return the source of the tool definitions' share."""
    if not receipt.spent_share:
        return []
    if terms.sources is None:
        return [
            "The share is the tokens of Token Saver's definitions and instructions, divided by [ledger] "
            "calls_per_session."
        ]
    return [
        f"The share is {terms.sources.definitions:,} tokens of Token Saver's definitions and instructions, "
        f"divided by {terms.sources.calls_per_session:g} calls ([ledger] calls_per_session). In a batch, "
        "it is this item's part of that."
    ]


def _assumed(receipt: ReceiptRecord, terms: Terms) -> list[str]:
    """Return what is assumed of Claude without the call, with the habits behind it."""
    assumed, sources = terms.assumed, terms.sources
    notes = []
    if receipt.spared_input and assumed.input_least != assumed.input_most:
        notes.append(
            f"Assumption: from habit, Claude would have read {receipt.spared_input:,} tokens of the input "
            f"(at least {assumed.input_least:,}, at most {assumed.input_most:,})."
        )
        if sources is not None:
            notes.append(_reading(sources))
    if receipt.spared_turns:
        rate = (
            f", at {sources.calls_per_turn:g} calls per turn"
            if sources and sources.calls_per_turn > 1
            else ""
        )
        notes.append(
            f"Assumption: Claude would have needed {_turns(receipt.spared_turns)} to read and write "
            f"this{rate}{_range(assumed.turns_least, assumed.turns_most)}."
        )
    return notes


def _turns(units: int) -> str:
    return f"{units / TURN:g} turn{'' if units == TURN else 's'}"


def _range(least: int, most: int) -> str:
    return "" if least == most else f" (at least {least / TURN:g}, at most {most / TURN:g})"


def _reading(sources: Sources) -> str:
    files = f"files count as read whole, with {MOST_READ_TOKENS:,} tokens at most"
    if sources.whole_reads < 1:
        files = (
            f"{sources.whole_reads:.1%} of files are read whole, with {MOST_READ_TOKENS:,} tokens at most, "
            f"the others with {sources.part_tokens:,}"
        )
    return f"The habit: {files}; of logs and command output, the last {sources.tail_tokens:,} tokens count."


def _lost(receipt: ReceiptRecord) -> str:
    return (
        f"Calculated by formula 1 at the prices of {receipt.price_model} on that day, which were not "
        "recorded. The recorded sums are kept."
    )
