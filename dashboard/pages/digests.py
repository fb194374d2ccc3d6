"""The *Digests* page: large results in Claude Code, the digests Claude saw instead, and the savings."""

from nicegui import Event

from dashboard.components.controls.card import card, empty
from dashboard.components.controls.elements import box
from dashboard.components.controls.keyed_list import KeyedList, RebuiltSection
from dashboard.components.digests.ask_file import AskFile
from dashboard.components.digests.digest_kinds import alone_list, kind_table
from dashboard.components.digests.digest_list import DigestRow
from dashboard.components.digests.digest_switch import DigestSwitch
from dashboard.components.digests.dry_run_card import DryRunCard
from dashboard.components.frame.page_frame import page_frame
from dashboard.hub_updates import HubUpdates
from server.hub import Hub
from server.store.result_digests import ResultDigest

MOST_ROWS = 50


async def show(hub: Hub, updates: HubUpdates) -> None:
    """Fill the page."""
    digests = hub.result_digester.digests
    acted = Event[[]]()
    with page_frame(hub, updates, "Digests", "/digests") as page, box("ts-two-columns"):
        with box("ts-stack"):
            with card("Digests in Claude Code"):
                switch = DigestSwitch(hub.folders)
            with card("By kind") as body:
                kinds_card = body.parent_slot.parent if body.parent_slot else body
                kinds = RebuiltSection(box())
            with card("Latest"):
                rows = KeyedList[ResultDigest](
                    box("ts-rows", "ul"), lambda row: row.id, lambda row: DigestRow(row, page.clock)
                )
                with box() as no_rows:
                    empty(
                        "No digests yet. When Claude Code gets a large result, this list shows its size, the "
                        "digest that Claude saw instead, and what that saved. Your own digests are in "
                        "History."
                    )
        with box("ts-stack"):
            with card("Ask about a file"):
                AskFile(hub)
            with card("What digests would have saved"):
                DryRunCard(hub)
            with card("Switched off") as body:
                alone_card = body.parent_slot.parent if body.parent_slot else body
                alone = RebuiltSection(box())

    async def load() -> None:
        latest, totals = await digests.latest(MOST_ROWS), await digests.kinds()
        left = await digests.left_alone()
        rows.update(latest)
        no_rows.set_visibility(not latest)
        kinds_card.set_visibility(bool(totals))
        alone_card.set_visibility(bool(left))
        kinds.show((totals, left), lambda: kind_table(totals, left, digests, acted))
        alone.show(left, lambda: alone_list(left, digests, acted))

    await switch.refresh()
    await page.reload_on(load, updates.results_digested, requested=acted)
