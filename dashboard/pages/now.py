"""The *Now* page: running work, tokens saved, the engine, the latest results."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass

from nicegui.element import Element

from dashboard.app_status import split
from dashboard.components.controls.card import card
from dashboard.components.controls.elements import box, link
from dashboard.components.frame.page_frame import Page, page_frame
from dashboard.components.models.engine_card import EngineCard
from dashboard.components.offloads.approval_list import ApprovalList
from dashboard.components.offloads.last_result import LastResult
from dashboard.components.offloads.nothing_runs import NothingRuns
from dashboard.components.offloads.offload_list import OffloadList, grouped
from dashboard.components.offloads.running_batches import BatchList, outside_batches
from dashboard.components.offloads.running_offloads import RunningList, WaitingList
from dashboard.components.savings.saved_figures import CHART_DAYS, WEEK, SavedFigures
from dashboard.components.savings.today_line import Measures, TodayLine
from dashboard.history_address import RETRIED
from dashboard.hub_updates import HubUpdates
from server.common.days import midnight
from server.hub import Hub
from server.ledger.transcripts.bill import Bill
from server.offload.values import STRENGTHS
from server.state.snapshot import RunningOffload, Snapshot
from server.store.records import OffloadFilter
from server.store.reviews import Reviews

LAST_OFFLOADS = 10
ROWS_READ = 60
"""Number of ended offloads to read, because the items of a batch take one line together."""


async def show(hub: Hub, updates: HubUpdates) -> None:
    """Fill the page."""
    if updates.machine is None:
        await updates.refresh_machine()
    with page_frame(hub, updates, "Now", "/") as page:
        results = TodayLine()
        with box("ts-now"):
            work = Work(page)
            with box("ts-now-side"):
                with box() as latest, card("Last result"):
                    last = LastResult(hub, page.clock)
                with box() as totals, card("Tokens saved", aside="net, estimated"):
                    saved = SavedFigures()
                with card("Model and memory"):
                    engine = EngineCard(hub, page.clock)
            past = Past(page, results, Side(saved, totals, last, latest))
        page.follow_changes(work.update)
        page.follow_changes(
            lambda snapshot: engine.update(snapshot.engine, snapshot.activities, updates.machine)
        )
        page.follow_changes(work.update_text, updates.text_written)
        work.update_approvals()
        updates.policy_changed.subscribe(work.update_approvals)
        await page.reload_on(work.nothing.load)
        await page.reload_on(work.batches.load, updates.jobs_changed)
        await page.reload_on(past.load_bill, updates.transcript_check_changed)
        await page.reload_on(past.load, updates.history_changed)


class Work:
    """Work waiting for the user, running, or waiting for the engine."""

    def __init__(self, page: Page) -> None:
        hub = self._hub = page.hub
        with box("ts-now-runs ts-stack"):
            self._asking = box()
            with self._asking, card("Waiting for you"):
                self._approvals = ApprovalList(hub, page.clock)
            with card("Running now"):
                self._running = RunningList(hub, page.clock)
                self.batches = BatchList(hub, page.clock)
                self.nothing = NothingRuns(hub)
                self._waiting = WaitingList(hub)

    def update(self, snapshot: Snapshot) -> None:
        """Update the running and waiting work."""
        runs, waits = split(outside_batches(snapshot))
        self._running.update(runs)
        self.batches.update(snapshot)
        self._waiting.update(in_order(waits, self._hub.engine.waiting_order))
        self.nothing.update(snapshot)

    def update_text(self, snapshot: Snapshot) -> None:
        """Show more text from the running work."""
        self._running.update(split(outside_batches(snapshot))[0])
        self.batches.update(snapshot)

    def update_approvals(self) -> None:
        """Show the calls awaiting approval."""
        self._asking.set_visibility(self._approvals.update() > 0)


def in_order(waits: Sequence[RunningOffload], order: Sequence[str]) -> list[RunningOffload]:
    """Return the waiting offloads in the order of the queue. Those that are about to enter it are last."""
    places = {name: place for place, name in enumerate(order)}
    return sorted(waits, key=lambda each: places.get(each.id, len(places)))


@dataclass(frozen=True)
class Side:
    """What the side column shows of the past: the savings and the last result, each with its card."""

    saved: SavedFigures
    totals: Element
    last: LastResult
    latest: Element


class Past:
    """Past totals, the latest result, and earlier results."""

    def __init__(self, page: Page, today: TodayLine, side: Side) -> None:
        self._hub = page.hub
        self._today = today
        self._side = side
        self._reviews = Reviews(page.hub.history.database, STRENGTHS)
        self._bill = 0
        self._quota = ""
        with box("ts-now-last") as self._before, card("Before that"):
            self._rows = OffloadList(page.clock)
            link("/history", "ts-more", "All offloads")

    async def load_bill(self) -> None:
        """Read the user's bill for the last seven days, and the usage of the quotas."""
        self._bill = week_bill((await self._hub.transcript_check.report()).bill)
        self._quota = (await asyncio.to_thread(self._hub.quota.read)).text()

    async def load(self) -> None:
        """Read and show past totals and results."""
        history = self._hub.history
        days, everything = await history.by_day(CHART_DAYS), await history.totals()
        self._side.saved.update(days, everything)
        # A chart of zeros says nothing while all calls are the user's own.
        self._side.totals.set_visibility(everything.by_user < everything.offloads or not everything.offloads)
        self._today.update(
            days[-1].totals,
            await history.totals(midnight(WEEK - 1).timestamp()),
            everything,
            measures=Measures(self._bill, self._hub.settings.ledger.quota_dollars, self._quota),
            waiting=await self._reviews.count(),
        )
        where = OffloadFilter(retried_codes=RETRIED)
        rows = await history.page(where, ROWS_READ + len(self._hub.snapshot().running))
        ended = [row for row in rows if row.outcome != "running"]
        detail = await history.get(ended[0].id) if ended else None
        if detail is not None:
            self._side.last.update(detail)
        self._side.latest.set_visibility(detail is not None)
        self._rows.update(*grouped(ended[1:], LAST_OFFLOADS))
        self._before.set_visibility(len(ended) > 1)


def week_bill(bill: Bill) -> int:
    """Return the bill for the last seven days in micro-dollars; 0 if unknown."""
    return bill.since(midnight(WEEK - 1).date().isoformat()) if bill.days else 0
