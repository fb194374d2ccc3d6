"""The *Context* page: what goes into each of Claude's requests, what it costs per week, and switches."""

import asyncio
import datetime
from collections.abc import Sequence
from pathlib import Path

from nicegui import Event, ui

from dashboard.components.context.part_table import PartTable
from dashboard.components.context.switch_dialog import Switcher
from dashboard.components.controls.button import button
from dashboard.components.controls.card import card, empty, source_note
from dashboard.components.controls.elements import box, text
from dashboard.components.frame.page_frame import page_frame
from dashboard.components.savings.transcript_check import TranscriptCheckCard
from dashboard.formats import money, number
from dashboard.hub_updates import HubUpdates
from server.claude_context.changes import Applied, applied
from server.claude_context.habits import CostlyHabit
from server.claude_context.report import Context, read_context
from server.claude_context.weights import UNRECORDED
from server.hub import Hub
from server.ledger.accuracy import error_text


async def show(hub: Hub, updates: HubUpdates, project: str) -> None:
    """Fill the page. ``project`` is the folder that "for this project" switches apply to; if empty, it is the
    folder of the latest session.
    """
    acted = Event[[]]()
    with page_frame(hub, updates, "Context", "/context") as page:
        content = box("ts-stack")

    async def load() -> None:
        context = await _read(hub, project)
        off = await asyncio.to_thread(applied, hub.folders)
        content.clear()
        with content:
            if not context.report.sessions:
                await _nothing(hub)
                return
            with card("Week"):
                _sums(context, error_text(hub.ledger.family))
            switcher = Switcher(context.claude, hub.folders, acted)
            habits = [each for each in off if each.part.startswith("habit:")]
            with card("Content of each request"):
                PartTable(context, [each for each in off if each not in habits], switcher)
                source_note(
                    "The size is from the latest session that listed the part. Sessions and uses are "
                    "counted in the transcripts of the last 7 days; the money is the part's share of their "
                    "bill. For content that transcripts do not show, the size is the rest of the request."
                )
            with card("Habits"):
                _habits(context, habits, switcher)
            with card("The rest of the bill"):
                _others(context)
                source_note(
                    "This is the rest of the same bill: results, Claude's own output and your messages, "
                    "with re-reads."
                )

    await page.reload_on(load, updates.transcript_check_changed, requested=acted)


async def _read(hub: Hub, project: str) -> Context:
    today = datetime.datetime.now().astimezone().date()
    folder = Path(project) if project else None
    return await hub.history.database.read(
        lambda connection: read_context(connection, hub.settings, today, folder)
    )


async def _nothing(hub: Hub) -> None:
    with card("What goes into each request"):
        empty(
            "No sessions from the last 7 days are known yet. Once the check below has read Claude Code's "
            "transcripts, this page shows what each request contains (instructions, tools, MCP servers, "
            "skills, memory files), what each part costs in a week, and which parts were never used. You "
            "can switch those off here, and undo it."
        )
    with card("Check against Claude Code's transcripts"):
        await TranscriptCheckCard(hub).update()


def _sums(context: Context, error: str) -> None:
    report = context.report
    with box("ts-figures"):
        for name, value in (
            ("Your bill, 7 days", money(report.microusd)),
            ("Listed, never used", money(report.unused)),
            ("Sessions", number(report.sessions)),
        ):
            with box("ts-figure"):
                text(name, "ts-figure-name")
                text(value, "ts-figure-value")
    source_note(
        f"The figures start on {report.since}. They apply list prices, table of {report.priced}, to the "
        "token counts in Claude Code's transcripts. The cost of all parts adds up to the bill. Characters "
        f"are exact. Tokens are estimates ({error}), scaled so that the parts of a session's first request "
        "add up to the size that the API counted."
    )


def _habits(context: Context, applied_now: Sequence[Applied], switcher: Switcher) -> None:
    for each in applied_now:
        switcher.applied_row(each, "applied", "Undo")
    if not context.habits:
        empty("No costly habits were found.")
        return
    with box("ts-groups", "table"):
        with box("", "thead"), box("", "tr"):
            for head in ("Habit", "How often", "A week", "What helps", ""):
                text(head, tag="th" if head else "td").props["scope"] = "col"
        with box("", "tbody"):
            for habit in context.habits:
                with box("", "tr"):
                    with box("", "th") as first:
                        first.props["scope"] = "row"
                        text(habit.name)
                        text(f"{habit.counted[:1].upper()}{habit.counted[1:]}.", "ts-sub ts-source", "p")
                    text(habit.amount, "ts-num", "td")
                    text(money(habit.microusd), "ts-num", "td")
                    text(habit.help, "", "td").style("text-align: left")
                    with box("", "td"):
                        if habit.remedy:
                            _apply_button(habit, switcher)


def _apply_button(habit: CostlyHabit, switcher: Switcher) -> None:
    title = f"Against: {habit.name}"
    button(
        "Apply",
        lambda: switcher.ask(habit.remedy, title, "Applied. It takes effect in new sessions."),
        look="quiet",
        label=f"Apply the remedy for: {habit.name}",
    )


def _others(context: Context) -> None:
    with box("ts-facts", "dl"):
        for part, amount in context.report.others[:20]:
            with box("ts-fact"):
                text(_words(part), tag="dt")
                text(money(amount), "ts-num", "dd")
    button("Savings and the bill by day", lambda: ui.navigate.to("/savings"), look="quiet")


def _words(part: str) -> str:
    kind, _, name = part.partition(":")
    if kind == "result":
        large = ", 500 tokens or more" if name.endswith("+") else ""
        return f"Results of {name.removesuffix('+')}{large}"
    if kind == "output":
        return f"Written by Claude: {name}"
    if part == UNRECORDED:
        return (
            "Compactions, titles and other requests that the transcripts do not list (from the "
            "client's own total)"
        )
    return "Written by you" if kind == "user" else part
