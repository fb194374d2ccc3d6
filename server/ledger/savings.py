"""Savings summed from the history; the single source for every savings report."""

import csv
import io
import json
from dataclasses import asdict, dataclass, field

from server.common.days import midnight
from server.config.sections import LedgerSettings
from server.ledger.holdout import read_comparison
from server.ledger.transcripts.check import TranscriptReport
from server.store.history import History
from server.store.records import GroupTotal, OffloadRow, Totals

DIMENSIONS = ("tool", "model", "project", "day")
COLUMNS = (
    "offloads",
    "delivered",
    "returned",
    "handed_back",
    "failed",
    "losing",
    "by_user",
    "would_save_tokens",
    "spared_tokens",
    "spent_tokens",
    "net_tokens",
    "net_microusd",
    "audited",
    "audited_estimate_tokens",
    "audited_net_tokens",
    "corrected_tokens",
    "corrected_microusd",
)


@dataclass(frozen=True)
class Savings:
    """Totals for today, the last 7 local days and all time; all-time totals by tool and by model; the call
    with the largest loss; and the transcript check's report (None if not requested).
    """

    today: Totals
    week: Totals
    all: Totals
    by_tool: tuple[GroupTotal, ...] = ()
    by_model: tuple[GroupTotal, ...] = ()
    worst: OffloadRow | None = None
    audit: TranscriptReport | None = field(default=None)
    context: str = ""
    quota: str = ""
    arms: str = ""


async def gather_savings(
    history: History, audit: TranscriptReport | None = None, context: str = "", quota: str = ""
) -> Savings:
    """Read the totals from the history. ``context`` is a line about the parts of the context, ``quota`` a
    line about the subscription's quotas.

    Raises:
        StoreError: the history cannot be read.
    """
    losses = await history.losses(limit=1)
    return Savings(
        today=await history.totals(midnight().timestamp()),
        week=await history.totals(midnight(6).timestamp()),
        all=await history.totals(),
        by_tool=await history.by("tool"),
        by_model=await history.by("model"),
        worst=losses[0] if losses else None,
        audit=audit,
        context=context,
        quota=quota,
        arms=(await history.database.read(read_comparison)).text(),
    )


def money(microusd: int, settings: LedgerSettings) -> str:
    """Return a signed amount: dollars, or a share of the weekly quota if the user chose that unit."""
    if settings.unit == "quota" and settings.quota_dollars:
        return share_of_quota(microusd, settings.quota_dollars)
    dollars = round(microusd / 1e6, 2)
    if not dollars and microusd:  # less than half a cent: "-$0.00" would say nothing
        return f"{microusd / 1e4:+.2f}¢"
    return f"{'-' if dollars < 0 else '+'}${abs(dollars):,.2f}"


def share_saved(totals: Totals, bill: int) -> str:
    """Return the net savings as a share of what the bill (micro-dollars) would have been without them."""
    whole = bill + totals.corrected_microusd
    return f"{totals.corrected_microusd / whole:+.1%}" if whole > 0 else "nothing"


def share_of_quota(microusd: int, quota_dollars: float) -> str:
    """Return a signed share of the weekly quota, with enough digits to keep small shares from showing as
    zero.
    """
    share = microusd / 1e6 / quota_dollars
    digits = 2 if abs(share) >= 0.001 or not microusd else 4
    return f"{share:+.{digits}%} of a week"


def tokens(count: int) -> str:
    """Return a signed token count."""
    return f"{count:+,}"


def savings_text(groups: tuple[GroupTotal, ...], settings: LedgerSettings) -> str:
    """Return groups as a terminal table. Losses are negative; the user's own calls count as 0."""
    if not groups:
        return "Nothing has been offloaded yet."
    head = ("", "calls", "by you", "at a loss", "tokens saved", "money saved", "checked", "after the check")
    whole = GroupTotal("all", _sum(groups))
    rows = [head, *(_text_row(group, settings) for group in (*groups, whole))]
    widths = [max(len(row[column]) for row in rows) for column in range(len(head))]
    lines = (
        "  ".join(
            cell.ljust(width) if column == 0 else cell.rjust(width)
            for column, (cell, width) in enumerate(zip(row, widths, strict=True))
        )
        for row in rows
    )
    return "\n".join(line.rstrip() for line in lines)


def savings_csv(groups: tuple[GroupTotal, ...], by: str) -> str:
    """Return groups as CSV with a header, in whole tokens and micro-dollars."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow((by, *COLUMNS))
    for group in groups:
        writer.writerow((group.name, *(getattr(group.totals, column) for column in COLUMNS)))
    return text.getvalue()


def savings_json(groups: tuple[GroupTotal, ...], by: str) -> str:
    """Return groups as a JSON list of objects, in whole tokens and micro-dollars."""
    values = [
        {by: group.name} | {column: getattr(group.totals, column) for column in COLUMNS} for group in groups
    ]
    return json.dumps(values, indent=2, ensure_ascii=False)


def _text_row(group: GroupTotal, settings: LedgerSettings) -> tuple[str, ...]:
    totals = group.totals
    return (
        group.name or "(none)",
        f"{totals.offloads:,}",
        f"{totals.by_user:,}",
        f"{totals.losing:,}",
        tokens(totals.net_tokens),
        money(totals.net_microusd, settings),
        f"{totals.audited:,}",
        tokens(totals.corrected_tokens) if totals.audited else "-",
    )


def _sum(groups: tuple[GroupTotal, ...]) -> Totals:
    names = asdict(Totals())
    return Totals(**{name: sum(getattr(group.totals, name) for group in groups) for name in names})
