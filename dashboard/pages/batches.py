"""*Batches*: many tasks as one job, and one job with its items."""

from collections.abc import Sequence

from dashboard import formats
from dashboard.components.card import card, empty
from dashboard.components.job import job_card, read_job
from dashboard.components.outcome import outcome_badge
from dashboard.components.shell import shell
from dashboard.components.text import box, link, text
from dashboard.feed import Feed
from server.hub import Hub
from server.store.job_records import ItemRecord
from server.store.jobs import Jobs

MOST_JOBS = 30
MOST_ITEMS = 500


async def show(hub: Hub, feed: Feed) -> None:
    """Fill the page with the last jobs."""
    with shell(hub, feed, "Batches", "/batches") as page:
        body = box("stack")

    async def load() -> None:
        views = [await read_job(hub, job) for job in await Jobs(hub.history.database).page(MOST_JOBS)]
        body.clear()
        with body:
            for view in views:
                job_card(hub, page.clock, view)
            if not views:
                with card("No batches yet"):
                    empty("Claude makes one with the tool batch_offload; from a shell:", command=_example())

    await load()
    feed.jobs_changed.subscribe(load)
    feed.booked.subscribe(load)


async def show_one(hub: Hub, feed: Feed, job_id: str) -> None:
    """Fill the page of one job."""
    jobs = Jobs(hub.history.database)
    job = await jobs.get(job_id)
    if job is None:
        with shell(hub, feed, "No such batch", "/batches"), card("Not found"):
            empty(f"There is no batch {job_id}.")
            link("/batches", "more", "All batches")
        return
    with shell(hub, feed, f"Batch {job.id}", "/batches") as page, box("stack"):
        head = box()
        with card("Items"):
            items = box()

    async def load() -> None:
        if (now := await jobs.get(job_id)) is not None:
            view = await read_job(hub, now)
            found = await jobs.items(job_id, MOST_ITEMS)
            head.clear()
            with head:
                job_card(hub, page.clock, view, linked=False)
            items.clear()
            with items:
                _show(found, view.counts.total)

    await load()
    feed.jobs_changed.subscribe(load)
    feed.booked.subscribe(load)


def _show(items: Sequence[ItemRecord], total: int) -> None:
    with box("rows", "ul"):
        for item in items:
            with box("item", "li"):
                outcome_badge(item.state)
                with box("offload-task"):
                    if item.offload_id:
                        link(f"/offload/{item.offload_id}", "task", _name(item))
                    else:
                        text(_name(item), "task")
                    if item.summary:
                        text(formats.one_line(item.summary), "sub")
                text(formats.duration(item.seconds) if item.seconds else "", "num sub")
    if total > len(items):
        text(f"and {formats.number(total - len(items))} more", "sub", "p")


def _name(item: ItemRecord) -> str:
    arguments = item.arguments
    files = ", ".join(str(file) for file in arguments.get("files", ()))
    return str(arguments.get("output") or files or formats.one_line(str(arguments.get("task", "")), 100))


def _example() -> str:
    return 'token-saver batch "Add docstrings" --each "src/**/*.py" --output "{path}"'
