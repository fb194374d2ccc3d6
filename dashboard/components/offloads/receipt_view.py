"""An offload's receipt with the calculation behind it: tokens and turns, prices, sums."""

from dashboard import formats
from dashboard.components.controls.elements import box, text
from dashboard.components.controls.net_tokens import tone
from server.ledger.explain import Explained, explain_receipt
from server.ledger.prices import microusd
from server.ledger.receipt import Ledger
from server.ledger.terms import Line
from server.store.records import ReceiptRecord, TranscriptCheckRecord

ENDINGS = {
    "read_again": "Claude read the file again",
    "edited": "Claude edited the file",
    "rewritten": "Claude rewrote the file",
    "left_alone": "Claude left the file unchanged",
}


def receipt_view(receipt: ReceiptRecord, ledger: Ledger, audit: TranscriptCheckRecord | None = None) -> None:
    """Show the lines, the sums and the net. Prices appear only if they are the ones the recorded sums are
    based on.
    """
    explained = explain_receipt(receipt, ledger.prices)
    _table(receipt, explained)
    with box("ts-fold", "details"):
        text("How this is calculated", tag="summary")
        with box("ts-fold-text ts-receipt-notes"):
            for note in explained.notes:
                text(note, "ts-sub", "p")
    if audit is not None:
        _audit(audit)


def _table(receipt: ReceiptRecord, explained: Explained) -> None:
    with box("ts-receipt", "table"):
        with box("", "thead"), box("", "tr"):
            for name in ("", "Tokens", "Per million", "Amount"):
                text(name, tag="th" if name else "td").props["scope"] = "col"
        with box("", "tbody"):
            for line in explained.lines:
                _line(line, known=explained.reproduced)
            _sum("Net", receipt.net_tokens, receipt.net_microusd)


def _line(line: Line, *, known: bool) -> None:
    turns = line.unit == "turns"
    in_turns = f"{line.count:+.2f}".rstrip("0").rstrip(".").replace("-", formats.MINUS)
    in_turns += " turn" if abs(line.count) == 1 else " turns"
    count = in_turns if turns else formats.signed_exact(int(line.count))
    each = f"× {formats.money(round(line.each))}" if turns else f"× ${line.each:,.2f}"
    with box("", "tr"):
        text(line.name, tag="th").props["scope"] = "row"
        text(count, "ts-num", "td")
        text(each if known else "–", "ts-num", "td")
        text(formats.signed_money(microusd(line.amount)) if known else "–", "ts-num", "td")


def _sum(words: str, tokens: int, amount: int) -> None:
    with box("ts-receipt-sum", "tr"):
        text(words, tag="th").props["scope"] = "row"
        text(formats.signed_exact(tokens), f"ts-num {tone(tokens)}", "td")
        text("", tag="td")
        text(formats.signed_money(amount), f"ts-num {tone(amount)}", "td")


def _audit(audit: TranscriptCheckRecord) -> None:
    found = audit.receipt
    with box("ts-audit"):
        text("According to Claude's transcript", "", "h3")
        kept = f", {audit.survived:.0%} of the lines kept" if audit.survived is not None else ""
        text(f"{ENDINGS.get(audit.ending, audit.ending)}{kept}.", "", "p")
        words = f"{formats.signed_exact(found.net_tokens)} tokens, {formats.signed_money(found.net_microusd)}"
        text(words, f"ts-num {tone(found.net_tokens)}", "p")
