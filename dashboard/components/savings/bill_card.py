"""The user's total bill for Claude Code by day and week, with the share that was saved."""

from collections.abc import Mapping, Sequence

from dashboard import formats
from dashboard.components.controls.card import empty, source_note
from dashboard.components.controls.elements import box, text
from server.common.days import midnight
from server.ledger.savings import share_saved
from server.ledger.transcripts.bill import Bill
from server.store.records import Totals

DAYS = 7


def bill_card(
    bill: Bill, week: Totals, saved_by_day: Mapping[str, int], prices: str, notes: Sequence[str] = ()
) -> None:
    """Show the bill for each recent day next to the amount saved that day (micro-dollars), and ``notes`` on
    the quota and the measured comparison. ``prices`` names the price table.
    """
    if not bill.days:
        empty(
            "Once the check below has read Claude Code's transcripts, this card shows your bill by day, and "
            "the share of it that was saved."
        )
        return
    since = midnight(DAYS - 1).date().isoformat()
    amount = bill.since(since)
    with box("ts-figures"):
        for name, value in (
            ("7 days", formats.money(amount)),
            ("Share saved", share_saved(week, amount)),
        ):
            with box("ts-figure"):
                text(name, "ts-figure-name")
                text(value, "ts-figure-value")
    with box("ts-facts", "dl"):
        days = sorted((day for day in bill.days if day >= since), reverse=True)
        saved = formats.alike([saved_by_day.get(day, 0) for day in days], signs=True)
        for day, amount_saved in zip(days, saved, strict=True):
            with box("ts-fact"):
                text(formats.day_name(day), tag="dt")
                text(f"{formats.money(bill.days[day])}, saved {amount_saved}", "ts-num", "dd")
    for note in notes:
        if note:
            text(note, "ts-sub", "p")
    estimated = (
        f" The output of {formats.number(bill.placeholders)} answers was not recorded and is estimated."
        if bill.placeholders
        else ""
    )
    if bill.unrecorded:
        estimated += (
            f" {formats.money(bill.unrecorded)} of it is for compactions, titles and other requests that "
            "the transcripts do not list. It comes from the client's own totals."
        )
    source_note(
        f"The bill applies list prices, {prices}, to the token counts of all transcripts. The saved amount "
        "is the receipts' net, corrected where the transcript check has seen the call, otherwise "
        f"estimated. The share is a percentage of the bill without the savings.{estimated}"
    )
