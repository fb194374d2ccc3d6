"""The *Savings* page: tokens saved and spent by day, tool, model and project, and the largest losses."""

import asyncio
import csv
import io
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

from dashboard import formats
from dashboard.components.controls.card import card, empty, source_note
from dashboard.components.controls.elements import box, link, text
from dashboard.components.controls.net_tokens import tone
from dashboard.components.frame.page_frame import page_frame
from dashboard.components.offloads.history_filters import TIMES
from dashboard.components.offloads.offload_list import offload_list
from dashboard.components.savings.bill_card import bill_card
from dashboard.components.savings.group_table import group_table
from dashboard.components.savings.savings_chart import savings_chart
from dashboard.components.savings.transcript_check import TranscriptCheckCard
from dashboard.components.savings.work_chart import has_work, work_chart
from dashboard.history_address import SPANS
from dashboard.hub_updates import HubUpdates
from dashboard.savings_chart import ChartData, ChartView, chart_data
from dashboard.tool_names import call_name
from server.common.days import midnight
from server.hub import Hub
from server.ledger.accuracy import error_text
from server.ledger.holdout import read_comparison
from server.ledger.transcripts.check import TranscriptReport
from server.store.records import GroupTotal, Totals
from server.store.series import SavingsSeries

LOSSES = 8
SESSIONS = 40
"""Number of sessions in the chart."""
CHART_DAYS = {"today": 7, "7d": 7, "30d": 30, "": 90}
CSV_DAYS = 3650
OTHER_SHARE = (
    " “Gave a result” counts every call, also those that were cancelled or denied. The share on the Models "
    "page counts only results that checks have judged."
)
HEADINGS: Mapping[str, tuple[str, Callable[[str], str]]] = {
    "tool": ("Kind of call", call_name),
    "model": ("Model", str),
    "project": ("Project", str),
}
"""The heading of each table of groups, and how a group's name becomes text."""
COLUMNS = (
    "day",
    "offloads",
    "delivered",
    "returned",
    "handed_back",
    "failed",
    "by_user",
    "spared_tokens",
    "spent_tokens",
    "net_tokens",
    "net_microusd",
)


async def show(hub: Hub, updates: HubUpdates, view: ChartView) -> None:
    """Fill the page for a view. An empty time span means all time."""
    time = view.time if view.time in SPANS else ""
    since = _since(time)
    history = hub.history
    totals = await history.totals(since)
    groups = {name: await history.by(name, since) for name in ("tool", "model", "project")}
    losses = await history.losses(LOSSES, since)
    days = await history.by_day(CHART_DAYS[time])
    data = await _chart(hub, view, [each.day for each in days])
    with page_frame(hub, updates, "Savings", "/savings") as page:
        _spans(view)
        if not totals.offloads:
            with card("No data yet"):
                empty(
                    "No offloads in this period. Once Claude sends work, this page shows what it saved and "
                    "cost, by day, tool, model and project."
                )
            return
        with box("ts-two-columns ts-savings"):
            with box("ts-stack"):
                with card("Tokens over time", aside="net" if view.stack else "up: saved, down: cost"):
                    if totals.by_user < totals.offloads:
                        savings_chart(data, view)
                        source_note("The receipts are added up by the day on which the call began.")
                    else:
                        empty(
                            "All calls in this period are your own, and they count as 0. Once Claude sends "
                            "work, this chart shows what it saved and cost by day."
                        )
                if has_work(days):
                    with card("The local model's work", aside="tokens by day, your own calls included"):
                        work_chart(days)
                        source_note("The engine's own counts of the tokens that it read and wrote.")
                _groups(groups)
            with box("ts-stack"):
                report = await hub.transcript_check.report()
                with card("Total"):
                    _sum(totals)
                    with box("ts-fold", "details"):
                        text("How these figures are made", tag="summary")
                        text(_sources(hub, report), "ts-sub ts-fold-text ts-source", "p")
                with card("Your whole bill for Claude Code"):
                    saved = {each.day: each.totals.corrected_microusd for each in days}
                    quota = await asyncio.to_thread(hub.quota.read)
                    arms = await history.database.read(read_comparison)
                    week = await history.totals(midnight(6).timestamp())
                    notes = (quota.text(), arms.text())
                    bill_card(report.bill, week, saved, hub.ledger.prices.named, notes)
                with card("Check against Claude Code's transcripts", anchor="transcripts"):
                    audit = TranscriptCheckCard(hub)
                with card("Largest losses"):
                    if losses:
                        offload_list(losses, page.clock)
                        source_note("These are estimates. Open a call to see its receipt's arithmetic.")
                    else:
                        empty("No call from Claude lost tokens in this period.")
        await page.reload_on(audit.update, updates.transcript_check_changed)


def _groups(groups: Mapping[str, Sequence[GroupTotal]]) -> None:
    for name, rows in groups.items():
        shown = [row for row in rows if name != "project" or not formats.is_trial(row.name)]
        if not shown:
            continue
        heading, words = HEADINGS[name]
        with card(f"By {heading.lower()}"):
            group_table(shown, heading, words)
            source_note("The calls of the total, losses included." + (OTHER_SHARE if name == "model" else ""))


async def as_csv(hub: Hub) -> str:
    """Return the totals for each day with offloads as CSV with a header. Money is in micro-dollars."""
    text_file = io.StringIO()
    writer = csv.writer(text_file)
    writer.writerow(COLUMNS)
    for day in await hub.history.by_day(CSV_DAYS):
        if day.totals.offloads:
            writer.writerow([day.day, *(getattr(day.totals, name) for name in COLUMNS[1:])])
    return text_file.getvalue()


async def _chart(hub: Hub, view: ChartView, days: Sequence[str]) -> ChartData:
    series = SavingsSeries(hub.history.database)
    if view.by == "session":
        points = await series.by_session(view.stack, SESSIONS)
    else:
        points = await series.by_day(view.stack, days[0])
    if view.stack == "tool":
        points = tuple(replace(point, name=call_name(point.name)) for point in points)
    return chart_data(points, view, days)


def _spans(view: ChartView) -> None:
    with box("ts-spans", "nav", "Time span"):
        for span, name in TIMES.items():
            entry = link(view.change(time=span).url, "ts-btn-link", name)
            if span == view.time:
                entry.props["aria-current"] = "page"
        box("ts-grow")
        link("/savings.csv", "ts-btn-link", "CSV by day").props["download"] = "token-saver-savings.csv"


def _sum(totals: Totals) -> None:
    net, saved, cost = formats.alike((totals.net_microusd, totals.spared_microusd, totals.spent_microusd))
    with box("ts-figures"):
        sign = "+" if totals.net_microusd > 0 else ""
        _figure("Net", formats.signed(totals.net_tokens), f"{sign}{net}", tone(totals.net_tokens))
        _figure("Saved", formats.short(totals.spared_tokens), saved)
        _figure("Cost", formats.short(totals.spent_tokens), cost)
    own = "saved" if totals.would_save_tokens >= 0 else "cost more than they saved"
    facts = (
        ("Calls", formats.number(totals.offloads)),
        ("Written or returned", formats.number(totals.delivered + totals.returned)),
        ("Handed back", formats.number(totals.handed_back)),
        ("Failed, cancelled, denied, interrupted", formats.number(_ended_otherwise(totals))),
        ("Calls that lost tokens", formats.number(totals.losing)),
        ("Your own calls (not counted as savings)", formats.number(totals.by_user)),
        *(
            (
                (
                    f"Made by Claude, they would have {own}",
                    f"{formats.short(abs(totals.would_save_tokens))} tokens",
                ),
            )
            if totals.by_user
            else ()
        ),
        ("Tokens read by the local model", formats.short(totals.prompt_tokens)),
        ("Tokens written by the local model", formats.short(totals.completion_tokens)),
    )
    with box("ts-facts", "dl"):
        for name, words in facts:
            with box("ts-fact"):
                text(name, tag="dt")
                text(words, "ts-num", "dd")
    text(_audited(totals), "ts-sub", "p")


def _sources(hub: Hub, report: TranscriptReport) -> str:
    ledger = hub.ledger
    return (
        "Net, saved and cost are estimates from the text of each call "
        f"({error_text(ledger.family, report.accuracy)}), and from assumptions that each receipt names. "
        f"Money uses the list prices of {ledger.settings.model}, {ledger.prices.named}; older receipts keep "
        "the prices that applied when they were recorded. The number of calls is counted in this app's "
        "history. The local model's tokens are the engine's own counts."
    )


def _ended_otherwise(totals: Totals) -> int:
    return totals.failed + totals.cancelled + totals.denied + totals.interrupted


def _figure(name: str, value: str, money: str, colour: str = "") -> None:
    with box("ts-figure"):
        text(name, "ts-figure-name")
        text(value, f"ts-figure-value {colour}")
        text(money, "ts-sub ts-num")


def _audited(totals: Totals) -> str:
    if not totals.audited:
        return "All figures are estimates. None has been checked against Claude Code's transcripts yet."
    estimated, found = totals.audited_estimate_tokens, totals.audited_net_tokens
    return (
        f"{formats.count(totals.audited, 'offload')} checked against Claude Code's transcripts. Estimate: "
        f"{formats.signed(estimated)} tokens, actual: {formats.signed(found)}. Corrected total: "
        f"{formats.signed(totals.corrected_tokens)}, {formats.signed_worth(totals.corrected_microusd)}."
    )


def _since(time: str) -> float | None:
    return midnight(SPANS[time]).timestamp() if time in SPANS else None
