"""*Models*: what is installed, what it needs and does here, what would suit; fetch, load, measure, delete."""

from nicegui import ui

from dashboard.components.controls.button import button
from dashboard.components.controls.card import card
from dashboard.components.controls.elements import box, set_prop, text
from dashboard.components.controls.notices import run_action
from dashboard.components.frame.page_frame import page_frame
from dashboard.components.models.memory_bars import MemoryBars
from dashboard.components.models.model_activities import ModelActivities
from dashboard.components.models.model_list import ModelList
from dashboard.components.models.recommended_models import RecommendedModels, say_nothing
from dashboard.hub_updates import HubUpdates
from server.backends.base import Capabilities
from server.backends.embedded.catalogue import pinned_models
from server.hub import Hub
from server.models.evidence import Evidence, gather_evidence
from server.state.snapshot import Snapshot


async def show(hub: Hub, updates: HubUpdates) -> None:
    """Fill the page."""
    if updates.machine is None:
        await updates.refresh_machine()
    with page_frame(hub, updates, "Models", "/models") as page, box("two-columns"):
        with box("stack"):
            with card("Installed"):
                listing = ModelList(page)
            with card("Recommended for this machine", aside="coding, best first"):
                recommended = RecommendedModels(hub)
        with box("stack"):
            with card("Memory"):
                memory = MemoryBars()
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
            memory.update(updates.machine, snapshot.engine.loaded)
            fetch.update(snapshot)

        page.follow_changes(update)
    await page.follow(learn, updates.history_changed, updates.measured)
    await page.follow(recommended.load, updates.models_changed, updates.measured, later=True)


def fetchable(capabilities: Capabilities) -> str:
    """Which names an engine accepts for a download, with an example."""
    if capabilities.run_by_app:
        return f"The embedded engine fetches {', '.join(pinned_models())}; the best here are recommended."
    return (
        "A name of the engine's own registry, such as qwen2.5-coder:7b, or one that is recommended. "
        "A model of 7B in Q4 takes some 5 GiB."
    )


class Fetch:
    """A name to pull, and how far each download is."""

    def __init__(self, hub: Hub) -> None:
        self._hub = hub
        self._activities = ModelActivities(hub)
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
            self._hint.set_text(fetchable(view.capabilities))
            example = next(iter(pinned_models())) if view.capabilities.run_by_app else "qwen2.5-coder:7b"
            set_prop(self._name, "placeholder", example)
        else:
            self._hint.set_text(
                ""
                if view.error
                else f"{view.label or 'This engine'} does not download models: install them there."
            )

    async def _pull(self) -> None:
        if name := (self._name.value or "").strip():
            await run_action(self._hub.engine.pull(name, say_nothing), f"{name} is installed.")
