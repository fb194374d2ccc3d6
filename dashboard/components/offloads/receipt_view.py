"""The receipt of an offload with its arithmetic: tokens, prices, sums."""

from decimal import Decimal

from dashboard import formats
from dashboard.components.controls.elements import box, text
from dashboard.components.controls.net_tokens import tone
from server.ledger.prices import Price, microusd
from server.ledger.receipt import Figures, Ledger, amounts
from server.store.records import ReceiptRecord, TranscriptCheckRecord

ENDINGS = {
    "read_again": "Claude read the file again",
    "edited": "Claude edited the file",
    "rewritten": "Claude rewrote the file",
    "left_alone": "Claude left the file as it was",
}


def receipt_view(receipt: ReceiptRecord, ledger: Ledger, audit: TranscriptCheckRecord | None = None) -> None:
    """Show the lines, the sums and the net. Prices appear only while they equal those of the recorded
    sums."""
    price = ledger.prices.find(receipt.price_model)
    reads = ledger.settings.cache_reads
    priced = _sums(receipt, price, reads) == (receipt.spared_microusd, receipt.spent_microusd)
    with box("ts-receipt", "table"):
        with box("", "thead"), box("", "tr"):
            for name in ("", "Tokens", "Per million", "Amount"):
                text(name, tag="th" if name else "td").props["scope"] = "col"
        with box("", "tbody"):
            for words, tokens, each in _lines(receipt, price, reads):
                _line(words, tokens, each if priced else None)
            _sum("Net", receipt.net_tokens, receipt.net_microusd)
    text(_note(receipt, price, reads, priced=priced), "ts-sub", "p")
    if audit is not None:
        _audit(audit)


def _lines(receipt: ReceiptRecord, price: Price, reads: float) -> tuple[tuple[str, int, Decimal], ...]:
    context = price.context(reads)
    return (
        ("Input that Claude did not read", receipt.spared_input, context),
        ("Text that Claude did not write", receipt.spared_output, price.output),
        ("The call that Claude wrote", -receipt.spent_output, price.output),
        ("The answer that Claude read", -receipt.spent_input, context),
        ("This call's share of the tool definitions", -receipt.spent_share, price.context(2 * reads)),
    )


def _line(words: str, tokens: int, each: Decimal | None) -> None:
    with box("", "tr"):
        text(words, tag="th").props["scope"] = "row"
        text(formats.signed_exact(tokens), "ts-num", "td")
        text(f"× ${each:,.2f}" if each is not None else "–", "ts-num", "td")
        text(formats.signed_money(microusd(tokens * each)) if each is not None else "–", "ts-num", "td")


def _sum(words: str, tokens: int, amount: int) -> None:
    with box("ts-receipt-sum", "tr"):
        text(words, tag="th").props["scope"] = "row"
        text(formats.signed_exact(tokens), f"ts-num {tone(tokens)}", "td")
        text("", tag="td")
        text(formats.signed_money(amount), f"ts-num {tone(amount)}", "td")


def _note(receipt: ReceiptRecord, price: Price, reads: float, *, priced: bool) -> str:
    if not priced:
        return f"At the prices of {receipt.price_model} on that day. The price table has changed since."
    return (
        f"Estimated at the list prices of {receipt.price_model}. A token in Claude's context is written to "
        f"the cache once (${price.cache_write:,.2f} per million) and read from it {reads:g} times "
        f"(${price.cache_read:,.2f} per million)."
    )


def _audit(audit: TranscriptCheckRecord) -> None:
    found = audit.receipt
    with box("ts-audit"):
        text("According to Claude's transcript", "", "h3")
        kept = f", {audit.survived:.0%} of the lines kept" if audit.survived is not None else ""
        text(f"{ENDINGS.get(audit.ending, audit.ending)}{kept}.", "", "p")
        words = f"{formats.signed_exact(found.net_tokens)} tokens, {formats.signed_money(found.net_microusd)}"
        text(words, f"ts-num {tone(found.net_tokens)}", "p")


def _sums(receipt: ReceiptRecord, price: Price, reads: float) -> tuple[int, int]:
    figures = Figures(
        saved_input=receipt.spared_input,
        saved_output=receipt.spared_output,
        cost_output=receipt.spent_output,
        cost_input=receipt.spent_input,
        cost_share=receipt.spent_share,
    )
    spared, spent = amounts(figures, price, reads)
    return microusd(spared), microusd(spent)
