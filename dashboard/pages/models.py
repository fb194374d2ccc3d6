"""*Models*: what is installed, what it needs and does here, what would suit; fetch, load, measure, delete."""

from nicegui import ui

from dashboard.components.activities import Activities
from dashboard.components.button import button
from dashboard.components.card import card
from dashboard.components.memory_bar import Memory
from dashboard.components.model_list import ModelList
from dashboard.components.notices import attempt
from dashboard.components.recommended import Recommended, say_nothing
from dashboard.components.shell import shell
from dashboard.components.text import box, set_prop, text
from dashboard.feed import Feed
from server.backends.embedded.catalogue import pinned_models
from server.hub import Hub
from server.models.evidence import Evidence, gather_evidence
from server.state.snapshot import Snapshot


async def show(hub: Hub, feed: Feed) -> None:
    """Fill the page."""
    if feed.machine is None:
        await feed.look_at_machine()
    with shell(hub, feed, "Models", "/models") as page, box("two-columns"):
        with box("stack"):
            with card("Installed"):
                listing = ModelList(page)
            with card("Recommended for this machine", aside="coding, best first"):
                recommended = Recommended(hub)
        with box("stack"):
            with card("Memory"):
                memory = Memory()
            with card("Fetch a model"):
                fetch = Fetch(hub)

        known: dict[str, Evidence] = {}

        async def learn() -> None:
            found = await gather_evidence(hub.measuring.measurements, "coding")
            known.clear()
            known.update(found)
            listing.update(hub.snapshot(), known)

        def update(snapshot: Snapshot) -> None:
            listing.update(snapshot, known)
            memory.update(feed.machine, snapshot.engine.loaded)
            fetch.update(snapshot)

        page.follow_changes(update)
    await page.follow(learn, feed.booked, feed.measured)
    await page.follow(recommended.load, feed.models_changed, feed.measured, later=True)


def fetchable(kind: str) -> str:
    """What names the engine of this kind takes, with an example."""
    if kind == "embedded":
        return f"The embedded engine fetches {', '.join(pinned_models())}; the best here are recommended."
    return (
        "A name of the engine's own registry, such as qwen2.5-coder:7b, or one that is recommended. "
        "A model of 7B in Q4 takes some 5 GiB."
    )


class Fetch:
    """A name to pull, and how far each download is."""

    def __init__(self, hub: Hub) -> None:
        self._hub = hub
        self._activities = Activities(hub)
        with box("load") as self._form:
            self._name = ui.input("Model name").props("outlined dense")
            self._name.classes("grow").on("keydown.enter", self._pull)
            button("Pull", self._pull, icon="cloud_download", label="Pull the named model")
        self._hint = text("", "sub", "p")

    def update(self, snapshot: Snapshot) -> None:
        """Show what can be fetched from this engine."""
        view = snapshot.engine
        self._activities.update(snapshot.activities)
        self._form.set_visibility(view.capabilities.pull)
        if view.capabilities.pull:
            self._hint.set_text(fetchable(view.kind))
            example = next(iter(pinned_models())) if view.kind == "embedded" else "qwen2.5-coder:7b"
            set_prop(self._name, "placeholder", example)
        else:
            self._hint.set_text(
                ""
                if view.error
                else f"{view.label or 'This engine'} does not download models: install them there."
            )

    async def _pull(self) -> None:
        if name := (self._name.value or "").strip():
            await attempt(self._hub.engine.pull(name, say_nothing), f"{name} is installed.")
