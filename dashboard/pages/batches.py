"""The *Batches* page, and the page for a single batch with its items."""

from collections.abc import Collection, Sequence
from dataclasses import replace

from nicegui import Event

from dashboard import formats
from dashboard.components.batches.batch_card import BatchCard, BatchView, read_batch
from dashboard.components.batches.item_filter import ItemFilter, states_of
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
    """Fill the page with the latest batches."""
    jobs = Jobs(hub.history.database)
    acted = Event[[]]()
    with page_frame(hub, updates, "Batches", "/batches") as page:
        cards = KeyedList[BatchView](
            box("ts-stack"),
            lambda view: view.job.id,
            lambda view: BatchCard(hub, page.clock, view.job, acted),
        )
        with box() as nothing, card("No batches yet"):
            empty(
                "Claude starts a batch when it has the same task for many files. To try it in a terminal:",
                command=_example(),
            )

    async def load() -> None:
        views = [await read_batch(hub, job) for job in await jobs.page(MOST_JOBS)]
        cards.update(views)
        nothing.set_visibility(not views)

    await page.reload_on(load, updates.jobs_changed, updates.history_changed, requested=acted)


async def show_one(hub: Hub, updates: HubUpdates, job_id: str, chosen: str) -> None:
    """Fill the page for a single batch. ``chosen`` is the word of a filter; see ``item_filter``."""
    jobs = Jobs(hub.history.database)
    job = await jobs.get(job_id)
    if job is None:
        with page_frame(hub, updates, "No such batch", "/batches"), card("Not found"):
            empty(
                f"Batch {job_id} does not exist. Batches are removed after the number of days set in "
                "[history]."
            )
            link("/batches", "ts-more", "All batches")
        return
    acted = Event[[]]()
    with page_frame(hub, updates, f"Batch {job.id}", "/batches") as page, box("ts-stack"):
        head = BatchCard(hub, page.clock, job, acted, linked=False)
        with card("Items"):
            choices = ItemFilter(job_id, chosen)
            items = Items(hub, job_id, acted)

    async def load() -> None:
        if (now := await jobs.get(job_id)) is not None:
            view = await read_batch(hub, now)
            head.update(view)
            queued = {each.id for each in hub.snapshot().running if each.waits}
            choices.update(view.counts)
            states = states_of(chosen)
            shown = with_queue(await jobs.items(job_id, items.most, states=states), queued)
            total = sum(view.counts.by_state.get(each, 0) for each in states)
            items.update(shown, total, view.undone)

    await page.reload_on(load, updates.jobs_changed, updates.history_changed, requested=acted)


def with_queue(items: Sequence[ItemRecord], queued: Collection[str]) -> list[ItemRecord]:
    """Return the items; those whose offload is in ``queued`` wait for the engine, as the header counts
    them.
    """
    return [replace(each, state="waiting") if each.offload_id in queued else each for each in items]


class Items:
    """The first items of a batch, with a button to show more."""

    def __init__(self, hub: Hub, job_id: str, acted: Event[[]]) -> None:
        self.most = ITEMS_AT_ONCE
        self._acted = acted
        self._items = KeyedList[tuple[ItemRecord, bool]](
            box("ts-rows", "ul"),
            lambda entry: entry[0].position,
            lambda entry: _Item(hub, job_id, entry[0], acted),
        )
        self._none = text("No item is like that now.", "ts-sub", "p")
        self._more = button("Show more", self._show_more, look="quiet")

    def update(self, items: Sequence[ItemRecord], total: int, undone: Collection[str]) -> None:
        """Show these items out of ``total``. ``undone`` holds the ids of the undone offloads."""
        self._items.update([(each, each.offload_id in undone) for each in items])
        self._none.set_visibility(not items)
        self._more.set_text(f"Show more of {formats.number(total)}")
        self._more.set_visibility(total > len(items))

    def _show_more(self) -> None:
        self.most += ITEMS_AT_ONCE
        self._acted.emit()


class _Item:
    """One item. It can be cancelled while waiting or running, and retried if it failed."""

    def __init__(self, hub: Hub, job_id: str, item: ItemRecord, acted: Event[[]]) -> None:
        self._ended = False

        async def cancel_or_retry() -> None:
            act = hub.batches.retry if self._ended else hub.batches.cancel
            await run_action(act(job_id, item.position))
            acted.emit()

        self._words = name = _name(item)
        with box("ts-item", "li") as self.element:
            self._state = OutcomeBadge()
            with box("ts-offload-task"):
                self._link = link("", "ts-task", name)
                self._name = text(name, "ts-task")
                self._summary = text("", "ts-sub")
            self._seconds = text("", "ts-num ts-sub")
            self._button = button("Cancel", cancel_or_retry)

    def update(self, entry: tuple[ItemRecord, bool]) -> None:
        item, undone = entry
        self._state.update(item.state, undone=undone)
        self._link.set_visibility(item.offload_id is not None)
        self._name.set_visibility(item.offload_id is None)
        set_prop(self._link, "href", f"/offload/{item.offload_id}")
        self._summary.set_text(result_of(item))
        self._seconds.set_text(formats.duration(item.seconds) if item.seconds else "")
        self._ended = item.state in ENDED
        word = "Retry" if self._ended else "Cancel"
        self._button.set_text(word)
        set_prop(self._button, "aria-label", f"{word} {self._words}")
        self._button.set_visibility(item.state not in SUCCESSFUL)


def result_of(item: ItemRecord) -> str:
    """Return why an item ended without a result, or its change and evidence without the name of its file."""
    if item.state != "delivered":
        return formats.one_line(formats.reason(item.summary))
    change, _, rest = item.summary.partition("\n")
    parts = (change.removeprefix(f"{item.arguments.get('output')}: "), rest.partition(";")[0])
    return " · ".join(part for part in parts if part)


def _name(item: ItemRecord) -> str:
    arguments = item.arguments
    files = ", ".join(str(file) for file in arguments.get("files", ()))
    return str(arguments.get("output") or files or formats.one_line(str(arguments.get("task", "")), 100))


def _example() -> str:
    return 'token-saver batch "Add docstrings" --each "src/**/*.py" --output "{path}"'
