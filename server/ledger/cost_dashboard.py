"""Text returned by the ``cost_dashboard`` tool: net savings, including losses, in under 1,200 characters."""

from datetime import datetime

from server.common.days import midnight
from server.config.sections import LedgerSettings
from server.ledger.savings import Savings, money, share_saved, tokens
from server.ledger.transcripts.check import TranscriptReport
from server.store.records import GroupTotal, OffloadRow, Totals

LIMIT = 1200
_GROUPS = 4
_NAME = 28


def cost_dashboard_text(savings: Savings, settings: LedgerSettings) -> str:
    """Return the report, at most ``LIMIT`` - 1 characters.

    ``net`` is an estimate. The corrected net follows, with the true cost of calls that have been checked.
    """
    if not savings.all.offloads:
        return "Nothing has been offloaded yet. Call offload_work with `files` and `output`."
    lines = [
        f"Net saved (estimate, {settings.model} prices):",
        *(
            f"{name:<7}{_sums(totals, settings)}"
            for name, totals in (("today", savings.today), ("7 days", savings.week), ("all", savings.all))
        ),
        *_audited(savings.all, savings.audit),
        *_share_of_bill(savings),
    ]
    lines += [each for each in (savings.quota, savings.arms, savings.context) if each]
    if savings.worst is not None:
        lines.append(_worst(savings.worst, settings))
    if savings.audit is not None and savings.audit.forms:
        lines.append(f"Missed, mostly: {savings.audit.forms[0].text()}")
    lines += ["By tool:", *_groups(savings.by_tool, settings)]
    lines += ["By model:", *_groups(savings.by_model, settings)]
    return _within_limit(lines)


def _sums(totals: Totals, settings: LedgerSettings) -> str:
    lost = f", {totals.losing:,} lost" if totals.losing else ""
    lost += f", {totals.by_user:,} not by Claude" if totals.by_user else ""
    corrected = f"; corrected {tokens(totals.corrected_tokens)}" if totals.audited else ""
    return (
        f"{tokens(totals.net_tokens)} tokens, {money(totals.net_microusd, settings)} "
        f"({totals.offloads:,} calls{lost}){corrected}"
    )


def _audited(totals: Totals, audit: TranscriptReport | None) -> list[str]:
    if not totals.audited:
        return [
            "Not checked against transcripts yet."
            if audit is None
            else "The transcript check has not reached these calls yet."
        ]
    line = (
        f"Checked {totals.audited:,} calls against transcripts: estimated "
        f"{tokens(totals.audited_estimate_tokens)}, found {tokens(totals.audited_net_tokens)}."
    )
    measured = [each for each in (audit.accuracy.values() if audit else ()) if each.median is not None]
    if measured:
        best = max(measured, key=lambda each: each.items)
        line += f" The median error of the size estimates is {best.median or 0:.1%}."
    return [line]


def _share_of_bill(savings: Savings) -> list[str]:
    """Return the savings as a share of what the week's bill would have been without them."""
    if savings.audit is None or not savings.audit.bill.days:
        return []
    bill = savings.audit.bill.since(midnight(6).date().isoformat())
    return [
        f"Your bill, 7 days, list prices: ${bill / 1e6:,.2f}; saved {share_saved(savings.week, bill)} of it."
    ]


def _groups(groups: tuple[GroupTotal, ...], settings: LedgerSettings) -> list[str]:
    shown = [
        f"  {_cut(group.name or '(none)', _NAME)}: {tokens(group.totals.net_tokens)}, "
        f"{money(group.totals.net_microusd, settings)} ({group.totals.offloads:,})"
        for group in groups[:_GROUPS]
    ]
    # The largest loss comes last and is always shown.
    if len(groups) > _GROUPS and groups[-1].totals.net_tokens < 0:
        last = groups[-1]
        shown[-1] = (
            f"  … {_cut(last.name, _NAME)}: {tokens(last.totals.net_tokens)} ({last.totals.offloads:,})"
        )
    return shown


def _worst(row: OffloadRow, settings: LedgerSettings) -> str:
    day = datetime.fromtimestamp(row.started_at).astimezone().date().isoformat()
    what = _cut(" ".join((row.task or row.output or row.tool).split()), 60)
    return (
        f"Worst loss: {tokens(row.net_tokens)} tokens, {money(row.net_microusd, settings)}, {day}, "
        f'{row.outcome}: "{what}"'
    )


def _within_limit(lines: list[str]) -> str:
    """Drop lines from the end, where the least important ones are, until the text fits."""
    while len(text := "\n".join(lines)) >= LIMIT:
        lines = lines[:-1]
    return text


def _cut(text: str, length: int) -> str:
    return text if len(text) <= length else text[: length - 1] + "…"
