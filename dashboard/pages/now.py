"""The page *Now*: running offloads, tokens saved, the engine, the latest results."""

from dashboard.app_status import split
from dashboard.components.controls.card import card, empty
from dashboard.components.controls.elements import box, link
from dashboard.components.frame.page_frame import page_frame
from dashboard.components.models.engine_card import EngineCard
from dashboard.components.offloads.approval_list import ApprovalList
from dashboard.components.offloads.offload_list import OffloadList
from dashboard.components.offloads.running_offloads import RunningList, WaitingList
from dashboard.components.savings.saved_figures import CHART_DAYS, SavedFigures
from dashboard.hub_updates import HubUpdates
from server.commands.welcome import connect_line
from server.hub import Hub
from server.state.snapshot import Snapshot
from server.store.records import OffloadFilter

LAST_OFFLOADS = 10


async def show(hub: Hub, updates: HubUpdates) -> None:
    """Fill the page."""
    if updates.machine is None:
        await updates.refresh_machine()
    with page_frame(hub, updates, "Now", "/") as page, box("ts-now"):
        with box("ts-now-runs ts-stack"):
            asking = box()
            with asking, card("Waiting for you"):
                approvals = ApprovalList(hub, page.clock)
            with card("Running now"):
                running = RunningList(hub, page.clock)
                waiting = WaitingList(hub)
        with box("ts-now-side"):
            with card("Tokens saved", aside="net, estimated"):
                saved = SavedFigures()
            with card("Model and memory"):
                engine = EngineCard(hub, page.clock)
        with box("ts-now-last"), card("Latest offloads"):
            last = OffloadList(page.clock)
            more = link("/history", "ts-more", "All offloads")
            with box() as nothing:
                empty(
                    "No offloads yet. Connect Claude Code with this command, then give it a task:",
                    command=connect_line(),
                )

        def update(snapshot: Snapshot) -> None:
            runs, waits = split(snapshot.running)
            running.update(runs)
            waiting.update(waits)
            engine.update(snapshot.engine, snapshot.activities, updates.machine)

        async def update_history() -> None:
            saved.update(await hub.history.by_day(CHART_DAYS), await hub.history.totals())
            rows = await hub.history.page(OffloadFilter(), LAST_OFFLOADS + len(hub.snapshot().running))
            ended = [row for row in rows if row.outcome != "running"][:LAST_OFFLOADS]
            last.update(ended)
            more.set_visibility(bool(ended))
            nothing.set_visibility(not ended)

        def update_approvals() -> None:
            asking.set_visibility(approvals.update() > 0)

        page.follow_changes(update)
        page.follow_changes(lambda snapshot: running.update(split(snapshot.running)[0]), updates.text_written)
        update_approvals()
        updates.policy_changed.subscribe(update_approvals)
        await page.reload_on(update_history, updates.history_changed)
