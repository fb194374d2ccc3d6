"""A first task to try. It runs on the local model, and the result is shown as a change to keep or undo."""

import asyncio
import tempfile
from collections.abc import Callable
from pathlib import Path, PurePath

from nicegui import ui

from dashboard import formats
from dashboard.app_status import to_fetch
from dashboard.components.controls.button import button
from dashboard.components.controls.diff_view import diff_view
from dashboard.components.controls.elements import box, link, text
from dashboard.components.controls.keyed_list import RebuiltSection
from dashboard.components.controls.notices import run_action, show_error
from dashboard.components.offloads.outcome_badge import outcome_badge
from dashboard.run_again import run_task
from server.common.errors import TokenSaverError
from server.hub import Hub
from server.offload.values import STRENGTHS, Task
from server.state.snapshot import Snapshot
from server.store.records import DASHBOARD, OffloadDetail, OffloadFilter
from server.store.reviews import Reviews

FIRST_TASK = (
    "Write a Python function slugify(text) that lowercases the text, replaces every run of characters "
    "that are not a-z or 0-9 by one hyphen, and strips hyphens at both ends."
)
EXAMPLES = ("slugify('Hello, World!') == 'hello-world'", "slugify('A  b') == 'a-b'")
"""Facts that the first task's result must satisfy."""
OUTPUT = "slug.py"
RECENT = 50
"""Number of the user's own results to search for the last try."""
RETRY = "Small models are often wrong. Try again, or download a larger model above."


class FirstOffload:
    """The first task and, once it has ended, its result. ``on_success`` is called if there is a result."""

    def __init__(self, hub: Hub, on_success: Callable[[], object]) -> None:
        self._hub = hub
        self._on_success = on_success
        self.offload_id = ""
        self._about = text("", "ts-sub", "p")
        self._examples = text(f"Examples: {' · '.join(EXAMPLES)}", "ts-sub ts-mono", "p")
        with box("ts-load"):
            self._task = (
                ui.textarea("Task", value=FIRST_TASK).props("outlined dense autogrow").classes("ts-grow")
            )
            button("Try it", self._run, look="main", icon="play_arrow", label="Try it: offload this task")

    def place_result(self) -> None:
        """Create a placeholder for the result in the current container."""
        self._result = RebuiltSection(box("ts-first-result"))

    def update(self, snapshot: Snapshot) -> None:
        """Explain what the first task does."""
        missing = to_fetch(snapshot.engine)
        first = f" It first downloads {missing}, which can take a few minutes." if missing else ""
        self._about.set_text(
            f"The model on this machine writes {OUTPUT} in a temporary folder, without Claude. The app "
            f"checks the result and runs it on two examples.{first}"
        )

    async def load(self) -> None:
        """Show the result once the offload has ended. A new page shows the last try."""
        if not self.offload_id:
            rows = await self._hub.history.page(OffloadFilter(client=DASHBOARD), RECENT)
            self.offload_id = next((each.id for each in rows if formats.is_trial(each.project)), "")
        detail = await self._hub.history.get(self.offload_id) if self.offload_id else None
        if detail is not None and detail.row.ended_at is not None:
            self._result.show((detail.row, detail.diff), lambda: self._show(detail))
            if detail.row.outcome in ("delivered", "returned"):
                self._on_success()
            if detail.row.outcome == "delivered" and not detail.row.reviewed:
                # The user sees the change here, so that the trial need not wait on the Review page.
                await Reviews(self._hub.history.database, STRENGTHS).record([detail.row.id], "trial")

    def _show(self, detail: OffloadDetail) -> None:
        row = detail.row
        with box("ts-result-head"):
            outcome_badge(row.outcome, undone=row.undone)
            if row.strength:
                text(row.strength, "ts-tag", title="Evidence for the result")
            text(f"by {row.model or 'no model'} in {formats.duration(row.seconds)}", "ts-sub")
        delivered = row.outcome == "delivered"
        if delivered:
            text(_what_happened(detail), "", "p")
            diff_view(detail.diff)
        else:
            reason = formats.without_markup(formats.reason(row.summary, row.code))
            text(reason, "ts-job-reason", "p")
            if row.outcome == "handed_back":
                text(RETRY, "ts-sub", "p")
        with box("ts-actions"):
            if delivered and not row.undone and row.reviewed != "kept":
                button("Keep", lambda: self._keep(row.id), look="main", icon="check", label=f"Keep {OUTPUT}")
            if detail.undo is not None and not row.undone:
                button("Undo", lambda: self._undo(row.id), icon="undo", label=f"Undo: remove {OUTPUT}")
            if not delivered:
                button("Try again", self._run, look="main", icon="replay", label="Try again: the same task")
            link(f"/offload/{row.id}", "ts-btn-link", "Details")

    async def _keep(self, offload_id: str) -> None:
        reviews = Reviews(self._hub.history.database, STRENGTHS)
        if await run_action(reviews.record([offload_id], "kept"), "Kept."):
            await self.load()

    async def _undo(self, offload_id: str) -> None:
        await run_action(self._hub.offloader.undo(offload_id), "Undone. The file is restored.")

    async def _run(self) -> None:
        words = (self._task.value or "").strip() or FIRST_TASK
        examples = EXAMPLES if words == FIRST_TASK else ()
        try:
            folder = await asyncio.to_thread(_trial_folder)
            self.offload_id = await run_task(self._hub, Task(words, output=OUTPUT, examples=examples), folder)
        except TokenSaverError as error:
            show_error(error)


def _what_happened(detail: OffloadDetail) -> str:
    """Return where the result is, and what speaks for it."""
    row = detail.row
    path = PurePath(row.project, OUTPUT)
    if row.undone:
        return f"Undone: {path} is gone. Claude's files are undone in the same way."
    checked = " Both examples hold." if row.strength == "examples ran" else ""
    kept = "Kept in" if row.reviewed == "kept" else "Written to"
    return f"{kept} {path}.{checked}"


def _trial_folder() -> Path:
    # The app's own folders are closed to all tasks.
    return Path(tempfile.mkdtemp(prefix=formats.TRIAL))
