"""*Welcome*: the first steps, each with what it found and a button, until they are done once."""

from nicegui import ui

from dashboard import formats
from dashboard.components.activities import Activities
from dashboard.components.button import button
from dashboard.components.card import card
from dashboard.components.connect import Connect, connect_by_hand
from dashboard.components.memory_bar import Memory
from dashboard.components.notices import tell, tell_error
from dashboard.components.recommended import Recommended
from dashboard.components.running import Running
from dashboard.components.shell import shell
from dashboard.components.text import box, link, text
from dashboard.feed import Feed
from dashboard.rerun import run_task
from dashboard.state import to_fetch
from server.common.errors import TokenSaverError
from server.hub import Hub
from server.models.hardware import Machine
from server.offload.values import Task
from server.state.snapshot import Snapshot
from server.store.records import OffloadFilter

FIRST_TASK = "Write a Python function slugify(text): lower case, runs of other characters become one dash."
DONE_FILE = "welcome-done"


async def is_wanted(hub: Hub) -> bool:
    """Whether the first steps come first: they were never done or left, and nothing was ever offloaded."""
    done = (hub.folders.state / DONE_FILE).exists()
    return not done and not await hub.history.page(OffloadFilter(), 1)


async def show(hub: Hub, feed: Feed) -> None:
    """Fill the page."""
    if feed.machine is None:
        await feed.look_at_machine()
    with shell(hub, feed, "Welcome", "/") as page, box("welcome stack"):
        with card("1. This machine"):
            text(_machine(feed.machine), "", "p")
            memory = Memory()
        with card("2. The engine"):
            engine = text("", "", "p")
        with card("3. A model"):
            model = text("", "", "p")
            activities = Activities(hub)
            recommended = Recommended(hub, most=1)
        with card("4. Connect Claude Code"):
            connect = Connect(hub.folders, ("claude-code",))
            connect_by_hand()
        with card("5. A first offload"):
            first = FirstOffload(hub)
            with box() as working:
                running = Running(hub, page.clock)
            first.place_result()
        with box("actions"):
            button("Done", lambda: _finish(hub), look="main", icon="check")
            button("Skip", lambda: _finish(hub), look="quiet", label="Skip the first steps")
            text("Either ends these steps; the page Settings leads back to them.", "sub")

        def update(snapshot: Snapshot) -> None:
            view = snapshot.engine
            memory.update(feed.machine, view.loaded)
            engine.set_text(view.error or f"{view.label} was found.")
            names = [each.name for each in view.installed if each.generates]
            if names:
                model.set_text(
                    f"{formats.count(len(names), 'model')} installed; {view.default_model} is used."
                )
            else:
                model.set_text("No model is installed yet. This one suits the machine:")
            activities.update(snapshot.activities)
            first.update(snapshot)
            mine = [each for each in snapshot.running if each.id == first.offload_id]
            running.update(mine)
            working.set_visibility(bool(mine))

        page.follow_changes(update)
    await connect.look()
    await page.follow(first.load, feed.booked)
    await page.follow(recommended.load, feed.models_changed, later=True)


class FirstOffload:
    """A task to try, and what came of it."""

    def __init__(self, hub: Hub) -> None:
        self._hub = hub
        self.offload_id = ""
        self._about = text("", "sub", "p")
        with box("load"):
            self._task = ui.input("Task", value=FIRST_TASK).props("outlined dense").classes("grow")
            button("Try it", self._run, look="main", icon="play_arrow", label="Try it: offload this task")

    def update(self, snapshot: Snapshot) -> None:
        """Say what the first offload does."""
        missing = to_fetch(snapshot.engine)
        first = f" It fetches {missing} first, which may take some minutes." if missing else ""
        self._about.set_text(f"The model on this machine writes the answer; Claude is not asked.{first}")

    def place_result(self) -> None:
        """Show the answer here."""
        with box() as self._result:
            self._state = text("", "", "p")
            self._answer = text("", "long-text first-answer", "pre")
            self._answer.props.update({"tabindex": "0", "role": "region", "aria-label": "The answer"})
            self._more = link("", "more", "All about this offload")
        self._result.set_visibility(False)

    async def load(self) -> None:
        """Show the answer once it is there."""
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
            tell_error(error)


def _finish(hub: Hub) -> None:
    try:
        (hub.folders.state / DONE_FILE).touch()
    except OSError as error:
        tell(f"The first steps will be shown again: {error.strerror}.")
    ui.navigate.to("/")


def _machine(machine: Machine | None) -> str:
    if machine is None:
        return ""
    gpus = ", ".join(f"{gpu.name} with {formats.size(gpu.total)}" for gpu in machine.gpus)
    what = f"{formats.count(machine.cores, 'core')}, {formats.size(machine.ram_total)} of RAM"
    return f"{gpus}; {what}." if gpus else f"{what}; no GPU, so small models suit it best."
