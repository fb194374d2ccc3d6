"""Suggestions for when nothing is running: things to say to Claude, and a task to start from here."""

import asyncio
import contextlib
from collections.abc import Mapping

from nicegui import ui

from dashboard import formats
from dashboard.app_status import to_fetch
from dashboard.components.controls.button import button
from dashboard.components.controls.copy_button import copy_button
from dashboard.components.controls.elements import box, link, text
from dashboard.components.controls.notices import show_error
from dashboard.run_again import run_task
from server.clients.bridge_command import bridge_command
from server.clients.config_change import connected
from server.clients.config_files import CLIENTS, find_place
from server.common.errors import TokenSaverError
from server.engine.view import EngineView
from server.hub import Hub
from server.models.evidence import NOTHING, Evidence, gather_evidence
from server.offload.values import Task
from server.state.snapshot import Snapshot

SENTENCES = (
    "Use token-saver to write docstrings for src/app.py",
    "Use token-saver to write unit tests for this module",
    "Use token-saver to find the first error in build.log",
)
"""Sentences the user can say to Claude."""
EXAMPLE = "Write a Python function that formats a number of bytes as KB, MB or GB"


class NothingRuns:
    """Hidden while something is running."""

    def __init__(self, hub: Hub) -> None:
        self._hub = hub
        self._sends = ""
        self._evidence: Mapping[str, Evidence] = {}
        with box("ts-idle") as self._body:
            self._ready = text("", "ts-idle-ready", "p")
            self._words = text("", "ts-sub", "p")
            with box("ts-idle-connect") as self._connect:
                text("No client is connected yet.", "", "p")
                link("/welcome", "ts-btn-link", "Connect Claude")
            self._connect.set_visibility(False)
            text("Ask Claude, for example:", "ts-idle-head", "h3")
            with box("ts-rows", "ul"):
                for sentence in SENTENCES:
                    with box("ts-idle-line", "li"):
                        text(f"“{sentence}”", "ts-grow")
                        copy_button(sentence, f"Copy: {sentence}")
            text("Or try a task here:", "ts-idle-head", "h3")
            with box("ts-load"):
                self._task = ui.input(placeholder=EXAMPLE).props("outlined dense").classes("ts-grow")
                self._task.props["aria-label"] = "Task to try"
                self._task.on("keydown.enter", self._run)
                button("Run", self._run, icon="play_arrow", label="Run this task on the local model")

    async def load(self) -> None:
        """Find out whether a client is connected, and how well each model did."""
        connected = await asyncio.to_thread(any_connected)
        self._connect.set_visibility(not connected)
        self._sends = "Claude sends work here automatically." if connected else ""
        self._evidence = await gather_evidence(self._hub.measuring.measurements, "coding")
        self.update(self._hub.snapshot())

    def update(self, snapshot: Snapshot) -> None:
        """Say what the engine is ready for. Hidden while something is running."""
        self._body.set_visibility(not any(snapshot.counts))
        engine = snapshot.engine
        self._ready.set_text(ready_words(engine, paused=snapshot.paused_until is not None))
        known = self._evidence.get(engine.default_model.removesuffix(":latest"), NOTHING).summary
        about = f"{formats.capitalised(known)}." if known and not engine.error else ""
        self._words.set_text(" ".join(part for part in (about, self._sends) if part))

    async def _run(self) -> None:
        try:
            await run_task(self._hub, Task((self._task.value or "").strip() or EXAMPLE))
        except TokenSaverError as error:
            show_error(error)
        else:
            self._task.set_value("")


def ready_words(engine: EngineView, *, paused: bool) -> str:
    """Return what the next task would run on: ``Nothing is running. The next task runs on qwen2.5-coder:7b,
    which is loaded.``
    """
    nothing = "Nothing is running."
    if paused:
        return f"{nothing} Offloading is paused."
    if engine.error or not engine.label:
        return f"{nothing} The engine is not ready."
    name = engine.default_model
    if not name or to_fetch(engine):
        return f"{nothing} No model is installed yet."
    loaded = any(model.name == name for model in engine.loaded)
    state = "which is loaded" if loaded else "once it is loaded"
    return f"{nothing} The next task runs on {formats.model_name(name)}, {state}."


def any_connected() -> bool:
    """Return whether any installed client is connected. Reads the clients' files."""
    for client in CLIENTS:
        with contextlib.suppress(TokenSaverError):  # not installed, or its file cannot be read
            if connected(find_place(client, "user", bridge_command())) is not None:
                return True
    return False
