"""The *Models* page: installed and recommended models, memory, downloads."""

from collections.abc import Sequence

from nicegui import ui

from dashboard.components.controls.button import button
from dashboard.components.controls.card import card
from dashboard.components.controls.elements import box, set_prop, text
from dashboard.components.controls.notices import show_notice
from dashboard.components.controls.question import agrees
from dashboard.components.frame.page_frame import page_frame
from dashboard.components.models.download_button import ignore_progress
from dashboard.components.models.idle_gpu_hint import IdleGpuHint
from dashboard.components.models.memory_bars import MemoryBars
from dashboard.components.models.model_activities import ModelActivities
from dashboard.components.models.model_list import ModelList
from dashboard.components.models.model_table import ModelTable
from dashboard.components.models.own_work import OwnWork
from dashboard.hub_updates import HubUpdates
from server.backends.base import Capabilities
from server.backends.embedded.catalogue import pinned_models
from server.common.errors import TokenSaverError
from server.gpu.engine_devices import with_engine_devices
from server.hub import Hub
from server.models.evidence import Evidence, gather_evidence
from server.state.snapshot import Snapshot


async def show(hub: Hub, updates: HubUpdates) -> None:
    """Fill the page."""
    if updates.machine is None:
        await updates.refresh_machine()

    async def rank() -> None:
        await recommended.load()

    with page_frame(hub, updates, "Models", "/models") as page, box("ts-stack ts-models-page"):
        with box("ts-model-cards"):
            with card("Memory"):
                memory = MemoryBars()
                idle = IdleGpuHint()
            with card("Add a model"):
                download = DownloadForm(hub)
        with card("Installed"):
            listing = ModelList(page, on_default=rank)
        with card("Recommended for this machine", aside="for coding, best first; slow models last"):
            recommended = ModelTable(hub)
        with card("Your own work"):
            own_work = OwnWork(hub)

        known: dict[str, Evidence] = {}

        async def learn() -> None:
            found = await gather_evidence(hub.measuring.measurements, "coding")
            known.clear()
            known.update(found)
            listing.update(hub.snapshot(), known)

        def update(snapshot: Snapshot) -> None:
            listing.update(snapshot, known)
            own_work.update(snapshot)
            machine, devices = updates.machine, snapshot.engine.devices
            memory.update(machine and with_engine_devices(machine, devices), snapshot.engine.loaded)
            idle.update(machine, devices)
            download.update(snapshot)

        page.follow_changes(update)
    await page.reload_on(learn, updates.history_changed, updates.measured)
    await page.reload_on(own_work.load, updates.history_changed)
    await page.reload_on(recommended.load, updates.models_changed, updates.measured, later=True)


def downloadable(capabilities: Capabilities) -> str:
    """Describe which model names an engine accepts, with an example."""
    if capabilities.run_by_app:
        names = ", ".join(pinned_models())
        return (
            "A GGUF model on Hugging Face (hf.co/org/repo:Q4_K_M), the URL or path of a GGUF file, a "
            f"folder with GGUF files, or {names}."
        )
    return (
        "Any name from the engine's registry, such as qwen2.5-coder:7b, or a recommended model. "
        "A 7B model in Q4 takes about 5 GB."
    )


class DownloadForm:
    """A field for the name of a model to download, and the progress of downloads."""

    def __init__(self, hub: Hub) -> None:
        self._hub = hub
        self._activities = ModelActivities(hub)
        with box("ts-load") as self._form:
            self._name = ui.input("Name, address or path", on_change=self._clear_error)
            self._name.props("outlined dense hide-bottom-space")
            self._name.classes("ts-grow").on("keydown.enter", self._pull)
            button("Add", self._pull, icon="add", label="Add this model")
        self._hint = text("", "ts-sub", "p")

    def update(self, snapshot: Snapshot) -> None:
        """Update which models this engine can download."""
        view = snapshot.engine
        self._activities.update(snapshot.activities)
        self._form.set_visibility(view.capabilities.pull)
        if view.capabilities.pull:
            self._hint.set_text(downloadable(view.capabilities))
            example = next(iter(pinned_models())) if view.capabilities.run_by_app else "qwen2.5-coder:7b"
            set_prop(self._name, "placeholder", example)
        else:
            self._hint.set_text(
                ""
                if view.error
                else f"{view.label or 'This engine'} cannot download models. Install models in the engine "
                "itself."
            )

    async def _pull(self) -> None:
        """Show the model's size and licence, and download it if the user agrees."""
        name = (self._name.value or "").strip()
        if not name:
            return
        before = {each.name for each in self._hub.snapshot().engine.installed}
        try:
            about = await self._hub.engine.look_up(name)
            if about and not await agrees(
                f"Download {name}?", about, yes="Download it", icon="cloud_download"
            ):
                return
            await self._hub.engine.pull(name, ignore_progress)
        except TokenSaverError as error:
            self._show_error(f"{error.cause} {error.next_step}")
            return
        after = [each.name for each in self._hub.snapshot().engine.installed]
        show_notice(added([each for each in after if each not in before], name))
        self._name.set_value("")

    def _show_error(self, words: str | None) -> None:
        """Show an error below the field, or none."""
        self._name.error = words
        set_prop(self._name, "aria-invalid", "true" if words else "false")

    def _clear_error(self) -> None:
        self._show_error(None)


def added(names: Sequence[str], wanted: str) -> str:
    """Return which models an action added; a folder can add several, and known models add none."""
    if not names:
        return f"{wanted} was already installed."
    if len(names) == 1:
        return f"{names[0]} is installed."
    return f"{len(names)} models were added: {', '.join(names)}."
