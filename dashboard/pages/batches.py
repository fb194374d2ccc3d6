"""*Batches*: many tasks as one job, and one job with its items."""

from collections.abc import Sequence

from nicegui import Event

from dashboard import formats
from dashboard.components.batches.batch_card import BatchCard, BatchView, read_batch
from dashboard.components.controls.button import button
from dashboard.components.controls.card import card, empty
from dashboard.components.controls.elements import box, link, set_prop, text
from dashboard.components.controls.keyed_list import KeyedList
from dashboard.components.controls.notices import run_action
from dashboard.components.frame.page_frame import page_frame
from dashboard.components.offloads.outcome_badge import OutcomeBadge
from dashboard.hub_updates import HubUpdates
from server.hub import Hub
from server.store.job_records import ItemRecord
from server.store.job_states import ENDED, SUCCESSFUL
from server.store.jobs import Jobs

MOST_JOBS = 30
ITEMS_AT_ONCE = 50


async def show(hub: Hub, updates: HubUpdates) -> None:
    """Fill the page with the last jobs."""
    jobs = Jobs(hub.history.database)
    asked = Event[[]]()
    with page_frame(hub, updates, "Batches", "/batches") as page:
        cards = KeyedList[BatchView](
            box("stack"), lambda view: view.job.id, lambda view: BatchCard(hub, page.clock, view.job, asked)
        )
        with box() as nothing, card("No batches yet"):
            empty("Claude makes one with the tool batch_offload; from a shell:", command=_example())

    async def load() -> None:
        views = [await read_batch(hub, job) for job in await jobs.page(MOST_JOBS)]
        cards.update(views)
        nothing.set_visibility(not views)

    await page.follow(load, updates.jobs_changed, updates.history_changed, asked=asked)


async def show_one(hub: Hub, updates: HubUpdates, job_id: str) -> None:
    """Fill the page of one job."""
    jobs = Jobs(hub.history.database)
    job = await jobs.get(job_id)
    if job is None:
        with page_frame(hub, updates, "No such batch", "/batches"), card("Not found"):
            empty(f"There is no batch {job_id}.")
            link("/batches", "more", "All batches")
        return
    asked = Event[[]]()
    with page_frame(hub, updates, f"Batch {job.id}", "/batches") as page, box("stack"):
        head = BatchCard(hub, page.clock, job, asked, linked=False)
        with card("Items"):
            items = Items(hub, job_id, asked)

    async def load() -> None:
        if (now := await jobs.get(job_id)) is not None:
            view = await read_batch(hub, now)
            head.update(view)
            items.update(await jobs.items(job_id, items.most), view.counts.total)

    await page.follow(load, updates.jobs_changed, updates.history_changed, asked=asked)


class Items:
    """The first items of a batch, and more of them at a click."""

    def __init__(self, hub: Hub, job_id: str, asked: Event[[]]) -> None:
        self.most = ITEMS_AT_ONCE
        self._asked = asked
        self._items = KeyedList[ItemRecord](
            box("rows", "ul"), lambda item: item.position, lambda item: _Item(hub, job_id, item, asked)
        )
        self._more = button("Show more", self._show_more, look="quiet")

    def update(self, items: Sequence[ItemRecord], total: int) -> None:
        """Show these of ``total``."""
        self._items.update(items)
        self._more.set_text(f"Show more of {formats.number(total)}")
        self._more.set_visibility(total > len(items))

    def _show_more(self) -> None:
        self.most += ITEMS_AT_ONCE
        self._asked.emit()


class _Item:
    """One task of the batch; what waits or runs can be cancelled, what went wrong tried again."""

    def __init__(self, hub: Hub, job_id: str, item: ItemRecord, asked: Event[[]]) -> None:
        self._ended = False

        async def cancel_or_retry() -> None:
            act = hub.batches.retry if self._ended else hub.batches.cancel
            await run_action(act(job_id, item.position))
            asked.emit()

        self._words = name = _name(item)
        with box("item", "li") as self.element:
            self._state = OutcomeBadge()
            with box("offload-task"):
                self._link = link("", "task", name)
                self._name = text(name, "task")
                self._summary = text("", "sub")
            self._seconds = text("", "num sub")
            self._button = button("Cancel", cancel_or_retry)

    def update(self, item: ItemRecord) -> None:
        self._state.update(item.state)
        self._link.set_visibility(item.offload_id is not None)
        self._name.set_visibility(item.offload_id is None)
        set_prop(self._link, "href", f"/offload/{item.offload_id}")
        self._summary.set_text(formats.one_line(item.summary))
        self._seconds.set_text(formats.duration(item.seconds) if item.seconds else "")
        self._ended = item.state in ENDED
        word = "Retry" if self._ended else "Cancel"
        self._button.set_text(word)
        set_prop(self._button, "aria-label", f"{word} {self._words}")
        self._button.set_visibility(item.state not in SUCCESSFUL)


def _name(item: ItemRecord) -> str:
    arguments = item.arguments
    files = ", ".join(str(file) for file in arguments.get("files", ()))
    return str(arguments.get("output") or files or formats.one_line(str(arguments.get("task", "")), 100))


def _example() -> str:
    return 'token-saver batch "Add docstrings" --each "src/**/*.py" --output "{path}"'
