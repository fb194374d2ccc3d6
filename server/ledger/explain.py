"""The calculation behind a recorded receipt, line by line, with the source of every price and habit."""

from dataclasses import dataclass

from server.ledger.habits import PUBLIC_SESSIONS
from server.ledger.prices import Prices, microusd
from server.ledger.terms import TURN, Figures, Line, Terms, amounts, former_terms, lines_of
from server.store.records import ReceiptRecord

SOURCES = {
    "public": f"the medians of {PUBLIC_SESSIONS} public Claude Code sessions (January to August 2026)",
    "transcripts": "the medians of your own {sessions:,} sessions",
    "session": "the session of the call itself, counted in its transcript",
    "setting": "the setting [ledger] cache_reads",
}


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
    recorded = terms is not None
    if terms is None:
        terms = former_terms(prices.find(receipt.price_model), prices.dated.isoformat())
    figures = figures_of(receipt)
    sums = tuple(map(microusd, amounts(figures, terms)))
    same = sums == (receipt.spared_microusd, receipt.spent_microusd)
    notes = _notes(receipt, terms) if same else (_lost(receipt),)
    if not recorded and same:
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
    source = SOURCES[terms.basis].format(sessions=terms.sessions)
    priced = f"List prices of {terms.price_model}, table of {terms.dated}"
    if terms.formula == 1:
        return (
            f"{priced}: a token in Claude's context is written to the cache once (${terms.cache_write:,.2f} "
            f"per million) and read from it {terms.cache_reads:f} times (${terms.cache_read:,.2f} per "
            "million).",
        )
    notes = [
        f"{priced}. A token in the context: one cache write of ${terms.write.normalize():f} "
        f"({terms.long_writes:.1%} kept for 1 hour at ${terms.cache_write_1h:,.2f}, the rest for 5 minutes "
        f"at ${terms.cache_write:,.2f}) and {terms.cache_reads:f} reads of ${terms.cache_read:,.2f} = "
        f"${terms.context.normalize():f}. A token that Claude writes costs ${terms.output:,.2f} first. A "
        f"definition is read {terms.share_reads:f} times.",
        f"A turn reads {terms.turn_reads:,} tokens of context from the cache = "
        f"${terms.turn / 1_000_000:.6f}.",
        f"Reads, writes and turns: {source}.",
        "Tokens are estimated from the texts (docs/benchmarks.md has the errors), unless the API's counts "
        "are named above. The answer includes what it asks Claude to look at.",
    ]
    if receipt.spent_share:
        notes.append(
            "The share: Token Saver's definitions and instructions, divided by [ledger] calls_per_session."
        )
    assumed = terms.assumed
    if assumed.input_least != assumed.input_most:
        notes.append(
            f"Assumed: Claude would have read {receipt.spared_input:,} tokens of the input, by habit; at "
            f"least {assumed.input_least:,}, at most {assumed.input_most:,}."
        )
    if receipt.spared_turns:
        notes.append(
            f"Assumed: Claude would have needed {receipt.spared_turns / TURN:g} turns to read and write "
            f"this; at least {assumed.turns_least / TURN:g}, at most {assumed.turns_most / TURN:g}."
        )
    return tuple(notes)


def _lost(receipt: ReceiptRecord) -> str:
    return (
        f"Calculated by formula 1 at the prices of {receipt.price_model} on that day, which were not "
        "recorded. The recorded sums are kept."
    )
