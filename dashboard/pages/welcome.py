"""The *First steps* page: the way from the engine to a first result, with ticks."""

import asyncio

from nicegui import background_tasks, ui

from dashboard import formats
from dashboard.app_status import to_fetch
from dashboard.components.controls.button import button
from dashboard.components.controls.elements import box, link, text
from dashboard.components.controls.keyed_list import RebuiltSection
from dashboard.components.controls.notices import show_notice
from dashboard.components.frame.page_frame import Page, page_frame
from dashboard.components.frame.step_card import StepCard
from dashboard.components.models.download_button import DownloadButton
from dashboard.components.models.idle_gpu_hint import IdleGpuHint
from dashboard.components.models.memory_bars import MemoryBars
from dashboard.components.models.model_activities import ModelActivities
from dashboard.components.models.recommended_models import RecommendedModels
from dashboard.components.offloads.first_offload import FirstOffload
from dashboard.components.offloads.nothing_runs import any_connected
from dashboard.components.offloads.running_offloads import RunningList
from dashboard.components.settings.client_connections import ClientConnections
from dashboard.components.settings.extras import Extras
from dashboard.hub_updates import HubUpdates
from server.backends.embedded.catalogue import pinned_models
from server.engine.view import EngineView
from server.gpu.hardware import Machine
from server.hub import Hub
from server.state.snapshot import Snapshot
from server.store.records import OffloadFilter

DONE_FILE = "welcome-done"


async def is_wanted(hub: Hub) -> bool:
    """Return whether to open the first steps: never finished or skipped, and no offload yet."""
    done = (hub.folders.state / DONE_FILE).exists()
    return not done and not await hub.history.page(OffloadFilter(), 1)


async def show(hub: Hub, updates: HubUpdates) -> None:
    """Fill the page."""
    if updates.machine is None:
        await updates.refresh_machine()
    with page_frame(hub, updates, "First steps", "/") as page, box("ts-welcome ts-stack"):
        progress = Progress()
        engine = EngineStep(hub, updates, progress)
        model = ModelStep(hub, progress)
        connect = ConnectStep(hub, progress)
        task = TaskStep(page, progress)
        more = MoreStep(hub, progress)
        with box("ts-actions"):
            button("Done", lambda: _finish(hub), look="main", icon="check")
            button("Skip", lambda: _finish(hub), look="quiet", label="Skip the first steps")
            text("“Done” and “Skip” both end these steps. You can open them again from Settings.", "ts-sub")
        for update in (engine.update, model.update, task.update):
            page.follow_changes(update)
    await connect.load()
    await more.extras.refresh()
    await page.reload_on(task.first.load, updates.history_changed)
    await page.reload_on(model.recommended.load, updates.models_changed, later=True)


class Progress:
    """How many steps are done, and the next one."""

    def __init__(self) -> None:
        self._steps: list[StepCard] = []
        with box("ts-path-progress"):
            self._words = text("", "", "p")
            self._words.props["role"] = "status"
            with box("ts-meter") as meter:
                meter.props["aria-hidden"] = "true"  # the line above says the same
                self._fill = box("ts-meter-fill")
            self._about = text(
                "About two minutes without downloads. You can postpone any step.", "ts-sub", "p"
            )

    def step(self, heading: str, about: str) -> StepCard:
        """Add a step."""
        step = StepCard(len(self._steps) + 1, heading, about, self._show)
        self._steps.append(step)
        self._show()
        return step

    def _show(self) -> None:
        done = sum(step.done for step in self._steps)
        following = next((step.heading for step in self._steps if not step.done), "")
        after = f" Next: {following}." if following else " Claude now sends routine work here."
        self._words.set_text(f"{done} of {len(self._steps)} steps done.{after}")
        self._about.set_visibility(bool(following))
        self._fill.style(f"width: {done / len(self._steps):.0%}")


class EngineStep:
    """The detected engine and the machine."""

    def __init__(self, hub: Hub, updates: HubUpdates, progress: Progress) -> None:
        self._updates = updates
        self._step = progress.step("Engine", "The program that runs the model on this machine.")
        with self._step.body():
            self._words = text("", "", "p")
            with box("ts-actions") as self._retry:
                button(
                    "Look again",
                    lambda: hub.engine.refresh(installed=True),
                    icon="refresh",
                    label="Look again for an engine",
                )
                link("/settings#settings-engine", "ts-btn-link", "Engine settings")
            self._memory = MemoryBars()
            self._idle_gpu = IdleGpuHint()

    def update(self, snapshot: Snapshot) -> None:
        """Show the latest state."""
        view, machine = snapshot.engine, self._updates.machine
        self._memory.update(machine, view.loaded)
        self._idle_gpu.update(machine, view.devices)
        self._retry.set_visibility(bool(view.error))
        self._words.set_text(formats.without_markup(view.error) or f"{view.label} · {_machine(machine)}")
        self._step.show_done(not view.error, "Running")


class ModelStep:
    """The installed models, and the model best suited to the machine."""

    def __init__(self, hub: Hub, progress: Progress) -> None:
        self._step = progress.step(
            "Model", "A larger model is right more often, but it must fit into memory."
        )
        with self._step.body():
            self._words = text("", "", "p")
            self._activities = ModelActivities(hub)
            self._first = FirstModel(hub)
            self._better = text("", "ts-sub", "p")
            self.recommended = RecommendedModels(hub, most=1)
            link("/models", "ts-more", "All models that suit this machine")
            # The address moves the focus to the field for a file.
            link("/models#search", "ts-more", "Use a model file that is already on this disk")

    def update(self, snapshot: Snapshot) -> None:
        """Show the latest state."""
        names = [each.name for each in snapshot.engine.installed if each.generates]
        self._words.set_text(_installed(snapshot.engine, names))
        starts = self._first.update(snapshot.engine)
        better = "A better model for later, larger and slower to download:"
        self._better.set_text(better if starts else "Best fit for this machine:")
        self._step.show_done(bool(names), "Installed")
        self._activities.update(snapshot.activities)


class FirstModel:
    """The small model that the app's own engine starts with, until a model is installed."""

    def __init__(self, hub: Hub) -> None:
        self._hub = hub
        self._offer = RebuiltSection(box())

    def update(self, view: EngineView) -> bool:
        """Offer the model if it must still be downloaded. Return whether it must."""
        wanted = view.default_model if to_fetch(view) else ""
        self._offer.show(wanted, lambda: self._show(wanted) if wanted else None)
        return bool(wanted)

    def _show(self, name: str) -> None:
        pinned = pinned_models()[name]
        with box("ts-model"):
            with box("ts-model-words"):
                text(name, "ts-model-name", "p")
                size = formats.size(pinned.size)
                text(f"Enough to start · {size} download · {pinned.license}", "ts-sub", "p")
            DownloadButton(self._hub, name, look="main")


class ConnectStep:
    """The clients on this machine."""

    def __init__(self, hub: Hub, progress: Progress) -> None:
        self._step = progress.step("Connect", "Claude then sends work here automatically.")
        with self._step.body():
            self._clients = ClientConnections(hub.folders, on_change=self._changed)

    async def load(self) -> None:
        """Read the clients' files."""
        await self._clients.refresh()
        await self._tick()

    def _changed(self) -> None:
        background_tasks.create(self._tick())

    async def _tick(self) -> None:
        self._step.show_done(await asyncio.to_thread(any_connected), "Connected")


class TaskStep:
    """A first task and its result."""

    def __init__(self, page: Page, progress: Progress) -> None:
        self._step = progress.step("First task", "See what the local model can do.")
        with self._step.body():
            self.first = FirstOffload(page.hub, on_success=lambda: self._step.show_done(True))
            with box() as self._working:
                self._running = RunningList(page.hub, page.clock)
            self.first.place_result()

    def update(self, snapshot: Snapshot) -> None:
        """Show its progress."""
        self.first.update(snapshot)
        mine = [each for each in snapshot.running if each.id == self.first.offload_id]
        self._running.update(mine)
        self._working.set_visibility(bool(mine))


class MoreStep:
    """Extras for Claude Code, and the page about its context."""

    def __init__(self, hub: Hub, progress: Progress) -> None:
        self._step = progress.step(
            "Save more", "Extras for Claude Code. Each shows its change to a file first, and can be undone."
        )
        with self._step.body():
            self.extras = Extras(hub.folders, self._show)
            with link("/context", "ts-path-offer"):
                text("Context", "ts-path-offer-name")
                text(
                    "What every request of Claude Code carries along, its weekly cost, and switches to turn "
                    "parts of it off.",
                    "ts-sub",
                )

    def _show(self, on: int) -> None:
        self._step.show_done(on > 0, f"{formats.count(on, 'extra')} on")


def _finish(hub: Hub) -> None:
    try:
        (hub.folders.state / DONE_FILE).touch()
    except OSError as error:
        show_notice(f"The first steps will appear again: {error.strerror}.")
    ui.navigate.to("/")


def _installed(view: EngineView, names: list[str]) -> str:
    if names:
        return f"{formats.count(len(names), 'model')} installed. Default: {view.default_model}."
    return "No model is installed yet."


def _machine(machine: Machine | None) -> str:
    if machine is None:
        return ""
    gpus = ", ".join(f"{gpu.name} with {formats.size(gpu.total)}" for gpu in machine.gpus)
    what = f"{formats.count(machine.cores, 'core')}, {formats.size(machine.ram_total)} of RAM"
    return f"{gpus}; {what}." if gpus else f"{what}, no GPU: small models work best."
