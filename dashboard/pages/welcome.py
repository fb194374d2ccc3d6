"""The page *Welcome*: the first steps of a new user."""

from nicegui import ui

from dashboard import formats
from dashboard.app_status import to_fetch
from dashboard.components.controls.button import button
from dashboard.components.controls.card import card
from dashboard.components.controls.elements import box, link, text
from dashboard.components.controls.notices import show_error, show_notice
from dashboard.components.frame.page_frame import page_frame
from dashboard.components.models.memory_bars import MemoryBars
from dashboard.components.models.model_activities import ModelActivities
from dashboard.components.models.recommended_models import RecommendedModels
from dashboard.components.offloads.running_offloads import RunningList
from dashboard.components.settings.client_connections import ClientConnections, connect_by_hand
from dashboard.hub_updates import HubUpdates
from dashboard.run_again import run_task
from server.common.errors import TokenSaverError
from server.gpu.hardware import Machine
from server.hub import Hub
from server.offload.values import Task
from server.state.snapshot import Snapshot
from server.store.records import OffloadFilter

FIRST_TASK = "Write a Python function slugify(text): lower case, runs of other characters become one dash."
DONE_FILE = "welcome-done"


async def is_wanted(hub: Hub) -> bool:
    """Return whether to start with the first steps: never finished or skipped, and no offload yet."""
    done = (hub.folders.state / DONE_FILE).exists()
    return not done and not await hub.history.page(OffloadFilter(), 1)


async def show(hub: Hub, updates: HubUpdates) -> None:
    """Fill the page."""
    if updates.machine is None:
        await updates.refresh_machine()
    with page_frame(hub, updates, "Welcome", "/") as page, box("ts-welcome ts-stack"):
        with card("1. This machine"):
            text(_machine(updates.machine), "", "p")
            memory = MemoryBars()
        with card("2. The engine"):
            engine = text("", "", "p")
        with card("3. A model"):
            model = text("", "", "p")
            activities = ModelActivities(hub)
            recommended = RecommendedModels(hub, most=1)
        with card("4. Connect Claude Code"):
            connect = ClientConnections(hub.folders, ("claude-code",))
            connect_by_hand()
        with card("5. A first offload"):
            first = FirstOffload(hub)
            with box() as working:
                running = RunningList(hub, page.clock)
            first.place_result()
        with box("ts-actions"):
            button("Done", lambda: _finish(hub), look="main", icon="check")
            button("Skip", lambda: _finish(hub), look="quiet", label="Skip the first steps")
            text("Both buttons end these steps. The page Settings has a link back.", "ts-sub")

        def update(snapshot: Snapshot) -> None:
            view = snapshot.engine
            memory.update(updates.machine, view.loaded)
            engine.set_text(view.error or f"Found {view.label}.")
            names = [each.name for each in view.installed if each.generates]
            if names:
                model.set_text(
                    f"{formats.count(len(names), 'model')} installed. Default: {view.default_model}."
                )
            else:
                model.set_text("No model is installed yet. This model suits your machine:")
            activities.update(snapshot.activities)
            first.update(snapshot)
            mine = [each for each in snapshot.running if each.id == first.offload_id]
            running.update(mine)
            working.set_visibility(bool(mine))

        page.follow_changes(update)
    await connect.refresh()
    await page.reload_on(first.load, updates.history_changed)
    await page.reload_on(recommended.load, updates.models_changed, later=True)


class FirstOffload:
    """A task to try, and its result."""

    def __init__(self, hub: Hub) -> None:
        self._hub = hub
        self.offload_id = ""
        self._about = text("", "ts-sub", "p")
        with box("ts-load"):
            self._task = ui.input("Task", value=FIRST_TASK).props("outlined dense").classes("ts-grow")
            button("Try it", self._run, look="main", icon="play_arrow", label="Try it: offload this task")

    def update(self, snapshot: Snapshot) -> None:
        """Explain what the first offload does."""
        missing = to_fetch(snapshot.engine)
        first = f" It first downloads {missing}, which can take some minutes." if missing else ""
        self._about.set_text(f"The model on this machine writes the answer, without Claude.{first}")

    def place_result(self) -> None:
        """Build the place for the answer in the current container."""
        with box() as self._result:
            self._state = text("", "", "p")
            self._answer = text("", "ts-long-text ts-first-answer", "pre")
            self._answer.props.update({"tabindex": "0", "role": "region", "aria-label": "The answer"})
            self._more = link("", "ts-more", "Details of this offload")
        self._result.set_visibility(False)

    async def load(self) -> None:
        """Show the answer once the offload has ended."""
        detail = await self._hub.history.get(self.offload_id) if self.offload_id else None
        self._result.set_visibility(detail is not None and detail.row.ended_at is not None)
        if detail is not None:
            row = detail.row
            took = formats.duration(row.seconds)
            self._state.set_text(f"{formats.outcome(row.outcome)} by {row.model or 'no model'} in {took}.")
            answer = detail.attempts[-1].answer if detail.attempts else ""
            self._answer.set_text(answer if row.outcome == "returned" else row.summary)
            self._more.props["href"] = f"/offload/{self.offload_id}"

    async def _run(self) -> None:
        task = (self._task.value or "").strip() or FIRST_TASK
        try:
            self.offload_id = await run_task(self._hub, Task(task))
        except TokenSaverError as error:
            show_error(error)


def _finish(hub: Hub) -> None:
    try:
        (hub.folders.state / DONE_FILE).touch()
    except OSError as error:
        show_notice(f"The first steps will appear again: {error.strerror}.")
    ui.navigate.to("/")


def _machine(machine: Machine | None) -> str:
    if machine is None:
        return ""
    gpus = ", ".join(f"{gpu.name} with {formats.size(gpu.total)}" for gpu in machine.gpus)
    what = f"{formats.count(machine.cores, 'core')}, {formats.size(machine.ram_total)} of RAM"
    return f"{gpus}; {what}." if gpus else f"{what}. There is no GPU, so small models work best here."
