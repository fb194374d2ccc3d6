"""*Now*: is it working, what is it doing, what has it saved, what went wrong."""

from dashboard.components.approvals import ApprovalList
from dashboard.components.card import card, empty
from dashboard.components.engine import EngineCard
from dashboard.components.offload_list import OffloadList
from dashboard.components.running import Running, Waiting
from dashboard.components.saved import CHART_DAYS, Saved
from dashboard.components.shell import shell
from dashboard.components.text import box, link
from dashboard.feed import Feed
from dashboard.state import split
from server.commands.welcome import connect_line
from server.hub import Hub
from server.state.snapshot import Snapshot
from server.store.records import OffloadFilter

LAST_OFFLOADS = 10


async def show(hub: Hub, feed: Feed) -> None:
    """Fill the page."""
    if feed.machine is None:
        await feed.look_at_machine()
    with shell(hub, feed, "Now", "/") as page, box("now"):
        with box("now-runs stack"):
            asking = box()
            with asking, card("Waiting for you"):
                approvals = ApprovalList(hub, page.clock)
            with card("Running now"):
                running = Running(hub, page.clock)
                waiting = Waiting(hub)
        with box("now-side"):
            with card("Tokens saved", aside="net, estimated"):
                saved = Saved()
            with card("Model and memory"):
                engine = EngineCard(hub, page.clock)
        with box("now-last"), card("Last offloads"):
            last = OffloadList(page.clock)
            more = link("/history", "more", "All offloads")
            with box() as nothing:
                empty(
                    "No offloads yet. Connect Claude Code, then ask it for a chore:", command=connect_line()
                )

        def update(snapshot: Snapshot) -> None:
            runs, waits = split(snapshot.running)
            running.update(runs)
            waiting.update(waits)
            engine.update(snapshot.engine, snapshot.activities, feed.machine)

        async def update_booked() -> None:
            saved.update(await hub.history.by_day(CHART_DAYS), await hub.history.totals())
            rows = await hub.history.page(OffloadFilter(), LAST_OFFLOADS + len(hub.snapshot().running))
            ended = [row for row in rows if row.outcome != "running"][:LAST_OFFLOADS]
            last.update(ended)
            more.set_visibility(bool(ended))
            nothing.set_visibility(not ended)

        def update_approvals() -> None:
            asking.set_visibility(approvals.update() > 0)

        page.follow_changes(update)
        page.follow_changes(lambda snapshot: running.update(split(snapshot.running)[0]), feed.wrote)
        update_approvals()
        feed.policy_changed.subscribe(update_approvals)
        await page.follow(update_booked, feed.booked)
