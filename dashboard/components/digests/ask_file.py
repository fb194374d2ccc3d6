"""A question about a file on this machine: what Claude's ``compress_context`` does, for the user."""

import secrets
from pathlib import Path

from nicegui import ui

from dashboard.components.controls.button import button
from dashboard.components.controls.elements import box, link, set_prop, text
from server.common.errors import BadArguments, TokenSaverError
from server.hub import Hub
from server.offload.values import Caller, Compression
from server.policy.secrets.redact import redact
from server.store.records import DASHBOARD

EXAMPLE = "/home/you/project/build.log"


class AskFile:
    """A field for the file, one for the question, and the answer."""

    def __init__(self, hub: Hub) -> None:
        self._hub = hub
        text(
            "Claude asks about long logs, documents and code in this way instead of reading them. Try it: "
            "the app picks the facts with their line numbers, and the model on this machine answers from "
            "them. Nothing is written.",
            "ts-sub",
            "p",
        )
        with box("ts-ask"):
            self._path = ui.input("File", placeholder=EXAMPLE, on_change=self._clear_error)
            self._question = ui.input(
                "Question, or words to look for", placeholder="What failed first, and in which file?"
            )
            for field in (self._path, self._question):
                field.props("outlined dense hide-bottom-space").on("keydown.enter", self._ask)
            self._button = button("Ask", self._ask, look="main", icon="search", label="Ask about the file")
        self._state = text("", "ts-sub", "p")
        self._state.props["role"] = "status"
        self._answer = box("ts-ask-answer")

    async def _ask(self) -> None:
        if not self._button.enabled:
            return
        question = str(self._question.value or "").strip()
        try:
            file = _file(str(self._path.value or "").strip())
            self._begin(file, question)
            offload_id = secrets.token_hex(4)
            caller = Caller(
                DASHBOARD, f"{DASHBOARD}-{offload_id}", file.parent, (file.parent, *self._hub.settings.roots)
            )
            outcome = await self._hub.compressor.compress(
                Compression(files=(file.name,), focus=question), caller, _ignore, offload_id=offload_id
            )
        except TokenSaverError as error:
            self._show_error(f"{error.cause} {error.next_step}")
            return
        finally:
            self._button.enable()
            self._state.set_text("")
        if outcome.name != "returned":
            self._show_error(outcome.text)
            return
        with self._answer:
            answer = text(redact(outcome.text).text, "ts-command ts-pre", "pre")
            answer.props.update({"tabindex": "0", "role": "region", "aria-label": "Answer"})
            link(f"/offload/{offload_id}", "ts-more", "How the answer was made")

    def _begin(self, file: Path, question: str) -> None:
        self._hub.check_paused()
        self._clear_error()
        self._answer.clear()
        self._button.disable()
        self._state.set_text(f"Reading {file.name}{' and asking the model' if question else ''}…")

    def _show_error(self, words: str | None) -> None:
        self._path.error = words
        set_prop(self._path, "aria-invalid", "true" if words else "false")

    def _clear_error(self) -> None:
        self._show_error(None)


def _file(entered: str) -> Path:
    """Return the path of a file that exists.

    Raises:
        BadArguments: there is no such file.
    """
    if not entered:
        raise BadArguments("The file is missing.", f"Enter its full path, such as {EXAMPLE}.")
    path = Path(entered).expanduser()
    if not path.is_absolute():
        raise BadArguments("The path is not complete.", f"Enter the full path, such as {EXAMPLE}.")
    if not path.is_file():
        raise BadArguments(f"{entered} is not a file.", "Check the path.")
    return path


async def _ignore(_done: float, _total: float | None, _words: str) -> None:
    """Ignore progress, because the header shows it."""
