"""Suggestions for when nothing is running: things to say to Claude, and a task to start from here."""

import asyncio
import contextlib

from nicegui import ui

from dashboard.components.controls.button import button
from dashboard.components.controls.copy_button import copy_button
from dashboard.components.controls.elements import box, link, text
from dashboard.components.controls.notices import show_error
from dashboard.run_again import run_task
from server.clients.bridge_command import bridge_command
from server.clients.config_change import connected
from server.clients.config_files import CLIENTS, find_place
from server.common.errors import TokenSaverError
from server.hub import Hub
from server.offload.values import Task

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
        with box("ts-idle") as self._body:
            self._words = text("Nothing is running.", "ts-sub", "p")
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
        """Find out whether a client is connected."""
        connected = await asyncio.to_thread(any_connected)
        self._connect.set_visibility(not connected)
        sends = " Claude sends work here automatically." if connected else ""
        self._words.set_text(f"Nothing is running.{sends}")

    def show(self, *, idle: bool) -> None:
        """Show the suggestions if nothing is running."""
        self._body.set_visibility(idle)

    async def _run(self) -> None:
        try:
            await run_task(self._hub, Task((self._task.value or "").strip() or EXAMPLE))
        except TokenSaverError as error:
            show_error(error)
        else:
            self._task.set_value("")


def any_connected() -> bool:
    """Return whether any installed client is connected. Reads the clients' files."""
    for client in CLIENTS:
        with contextlib.suppress(TokenSaverError):  # not installed, or its file cannot be read
            if connected(find_place(client, "user", bridge_command())) is not None:
                return True
    return False
