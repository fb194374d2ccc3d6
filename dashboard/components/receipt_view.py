"""The receipt of one offload, with its arithmetic."""

from nicegui import ui

from dashboard.format import count, money, signed
from server.store.records import ReceiptRecord

LINES = (
    ("inputs that Claude need not read", "spared_input", 1),
    ("text on disk that Claude need not write", "spared_output", 1),
    ("the call's arguments, written by Claude", "spent_output", -1),
    ("the result, read by Claude", "spent_input", -1),
    ("this server's definitions, its share", "spent_share", -1),
)


def receipt_view(receipt: ReceiptRecord) -> None:
    """Draw the sum, line by line."""
    with ui.element("table").classes("ts-receipt"):
        for words, name, sign in LINES:
            tokens = getattr(receipt, name) * sign
            _row(words, signed(tokens) if tokens else "0")
        _row("net", f"{signed(receipt.net_tokens)} tokens", total=True)
    paid = f"{money(receipt.net_microusd)} at {receipt.price_model}'s prices"
    ui.label(f"{paid}, estimated with tokenizer family {receipt.family}.").classes("ts-quiet ts-num")
    spared = receipt.spared_input + receipt.spared_output
    if not spared:
        ui.label("Nothing was spared: the call's cost is a loss.").classes("ts-quiet")
    else:
        ui.label(f"{count(spared)} tokens spared in all.").classes("ts-quiet ts-num")


def _row(words: str, value: str, *, total: bool = False) -> None:
    with ui.element("tr").classes("ts-total" if total else ""):
        with ui.element("th").props("scope=row"):
            ui.label(words)
        with ui.element("td").classes("ts-num"):
            ui.label(value)
