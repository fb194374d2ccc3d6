"""Trying a model on the user's own work: chores made from a project, and tasks that were handed back."""

import asyncio
from pathlib import Path

from nicegui import ui

from dashboard.components.controls.button import button
from dashboard.components.controls.elements import box, text
from dashboard.components.controls.notices import run_action, show_notice
from dashboard.components.models.model_choice import ModelChoice
from server.hub import Hub
from server.offload.hand_back_replay import replay_hand_backs
from server.state.snapshot import Snapshot


class OwnWork:
    """Choices of a model and a project, two buttons, and the result of the last try."""

    def __init__(self, hub: Hub) -> None:
        self._hub = hub
        text("Find out how well an installed model does your own work.", "", "p")
        self._needs = text("", "ts-sub", "p")
        with box("ts-load") as self._choices:
            self._model = ModelChoice()
            self._project = ui.select([], label="Project").props("outlined dense options-dense")
            self._project.classes("ts-grow")
        with box("ts-actions"):
            self._measure = button("Measure on my files", self._measure_on_files)
            self._replay = button("Try my last hand-backs", self._try_hand_backs)
        text(
            "Measuring asks for docstrings of functions in the project and checks that their code stays the "
            "same. It also asks for functions that your pytest files call, and runs those tests in the "
            "sandbox. A handed-back task is tried in a copy of its files. Nothing is written into your "
            "project.",
            "ts-sub",
            "p",
        )
        self._result = text("", "ts-sub", "p")

    async def load(self) -> None:
        """Offer the history's projects that still exist."""
        facets = await self._hub.history.facets()
        found = await asyncio.to_thread(lambda: [each for each in facets.projects if Path(each).is_dir()])
        projects = [each for each in found if each]
        if projects != self._project.options:
            kept = self._project.value if self._project.value in projects else None
            self._project.set_options(projects, value=kept or next(iter(projects), None))
        self._project.set_visibility(bool(projects))
        self._measure.set_visibility(bool(projects))
        self._say_needs()

    def update(self, snapshot: Snapshot) -> None:
        """Offer the installed models."""
        view = snapshot.engine
        names = [each.name for each in view.installed if each.generates]
        self._model.offer(names, view.default_model)
        self._choices.set_visibility(bool(names))
        self._replay.set_visibility(bool(names))
        self._say_needs()

    def _say_needs(self) -> None:
        """Say what is missing before a model can be tried."""
        words = (
            ""
            if self._project.options
            else "Measuring needs a project: give Claude or the shell a task in one."
        )
        if not self._choices.visible:
            words = "First install a model: add one above."
        self._needs.set_text(words)
        self._needs.set_visibility(bool(words))

    async def _measure_on_files(self) -> None:
        name, project = self._model.value, self._project.value
        page = ui.context.client
        # A separate task, so that stopping the measurement ends nothing else.
        work = asyncio.ensure_future(self._hub.measure(name, project=Path(project)))
        await asyncio.wait([work])
        if work.cancelled():
            with page:
                show_notice("The measurement was stopped. No result was kept.")
        else:
            await run_action(work, f"{name} was measured on {project}.")

    async def _try_hand_backs(self) -> None:
        name = self._model.value
        said: list[str] = []

        def tell(done: int, of: int) -> None:
            self._result.set_text(f"Trying task {done + 1} of {of} with {name}…")

        async def replay() -> None:
            self._hub.check_paused()
            found = await replay_hand_backs(self._hub.offloader, self._hub.history, name, tell)
            said.append(found.sentence)

        self._result.set_text("")
        done = await run_action(replay())
        self._result.set_text(said[0] if done else "")
        if done:
            show_notice(said[0])
