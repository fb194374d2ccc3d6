"""The *Review* page: written results that have not been reviewed yet, riskiest first."""

from collections.abc import Awaitable, Callable, Collection, Sequence
from pathlib import PurePath

from nicegui import Event, ui
from nicegui.events import KeyEventArguments

from dashboard import formats
from dashboard.components.controls.button import button
from dashboard.components.controls.card import empty
from dashboard.components.controls.diff_view import diff_view
from dashboard.components.controls.elements import box, link, text
from dashboard.components.controls.keyed_list import RebuiltSection
from dashboard.components.controls.notices import run_action, show_error, show_notice
from dashboard.components.controls.question import agrees
from dashboard.components.frame.page_frame import Page, page_frame
from dashboard.components.offloads.changed_since import changed_since
from dashboard.components.offloads.review_list import BatchGroup, GroupActions, ReviewList, by_batch, show_end
from dashboard.hub_updates import HubUpdates
from dashboard.open_file import open_file
from dashboard.review_progress import ReviewProgress
from dashboard.run_again import run_again
from server.common.errors import TokenSaverError
from server.hub import Hub
from server.offload.values import STRENGTHS, Outcome
from server.store.reviews import Review, Reviews, Unreviewed

KEYS = (
    ("j / k", "next, previous"),
    ("a", "keep"),
    ("u", "undo"),
    ("r", "run again"),
    ("o", "open in the editor"),
    ("z", "take the last “keep” back"),
)
NOT_BUSY = "document.querySelectorAll('.ts-busy').forEach(each => each.classList.remove('ts-busy'))"
"""Ends the mark that the page puts on a file as soon as a key or button is pressed."""


async def show(hub: Hub, updates: HubUpdates) -> None:
    """Fill the page."""
    with page_frame(hub, updates, "Review", "/review") as page:
        review = ReviewView(page)
    await page.reload_on(
        review.load, updates.history_changed, updates.jobs_changed, requested=review.requested
    )


class ReviewView:
    """The list of results on the left; the chosen result with its diff and actions on the right."""

    def __init__(self, page: Page) -> None:
        self.requested = Event[[]]()
        """The user reviewed a result."""
        self._page = page
        self._hub = page.hub
        self._reviews = Reviews(page.hub.history.database, STRENGTHS)
        self._items: tuple[Unreviewed, ...] = ()
        self._chosen = ""
        self._model = ""
        self._kept: tuple[Unreviewed, ...] = ()
        self._running_again: set[str] = set()
        # A button has the focus after a click, and the keys must work even then.
        ui.keyboard(self._press, ignore=["input", "select", "textarea"])
        with box("ts-review-kept") as self._kept_line:
            self._kept_words = text("", "ts-sub", "p")
            self._kept_words.props["role"] = "status"
            button("Take back", self._take_back, icon="undo", look="quiet", label="Take back (z)")
        self._kept_line.set_visibility(False)
        self._progress = ReviewProgress()
        self._end_box = box()
        self._end = RebuiltSection(self._end_box)
        with box("ts-review") as self._view:
            with box("ts-card ts-review-side", "section", "Results to review"):
                with box("ts-review-summary"):
                    self._summary = text("", "ts-sub ts-grow", "p")
                    self._keep_all = button("Keep all…", self._keep_everything, look="quiet")
                self._list = ReviewList(self._choose, GroupActions(self._keep_group, self._undo_group))
                with box("ts-review-keys", "ul", "Keys"):
                    for keys, meaning in KEYS:
                        with box("", "li"):
                            text(keys, "ts-key", "kbd")
                            text(meaning)
            self._result = RebuiltSection(box("ts-stack"))

    async def load(self) -> None:
        """Read and show the results awaiting review."""
        before = [each.row.id for each in self._items]
        self._items = by_batch(await self._reviews.waiting())
        self._choose_after(before)
        self._show()

    def _choose_after(self, before: Sequence[str]) -> None:
        """Choose another result if the chosen one is gone: the next in the order that the user saw."""
        ids = [each.row.id for each in self._items]
        if self._chosen not in ids:
            later = before[before.index(self._chosen) + 1 :] if self._chosen in before else []
            self._chosen = next((each for each in later if each in ids), ids[0] if ids else "")

    def _show(self) -> None:
        chosen = self._current()
        self._view.set_visibility(chosen is not None)
        self._end_box.set_visibility(chosen is None)
        if chosen is None:
            self._end.show(self._progress.end(), lambda: show_end(*self._progress.end()))
            return
        noticed = sum(bool(each.notices) for each in self._items)
        progress = self._progress.line([each.row.id for each in self._items])
        notices = f", {noticed} with notices" if noticed else ""
        self._summary.set_text(f"{progress}{notices}. Riskiest first.")
        self._keep_all.set_visibility(len(self._items) > 1)
        self._list.update(self._items, self._chosen)
        self._result.show(chosen, lambda: self._show_result(chosen))

    def _show_result(self, item: Unreviewed) -> None:
        row = item.row
        with box("ts-card", "section", row.output or "Result"):
            with box("ts-card-head"):
                text(row.output or row.id, tag="h2")
                text(f"evidence: {row.strength or 'unknown'}", "ts-aside")
                link(f"/offload/{row.id}", "ts-aside-link", "Details")
            text(row.task, "ts-summary", "p")
            if item.notices:
                with box("ts-notices"):
                    for notice in item.notices:
                        text(notice, "ts-notice-line", "p")
            if item.undoable:
                changed_since(self._hub, row.id)
            with box("ts-actions ts-review-actions"):
                button("Keep", self._act(self._keep), look="main", icon="check", label="Keep (a)")
                if item.undoable:
                    button("Undo", self._act(self._undo), icon="undo", label="Undo (u)")
                self._place_run_again(row.model)
                button("Open", self._act(self._open), icon="edit", label="Open in the editor (o)")
            if item.diff:
                diff_view(item.diff)
            else:
                empty("The history does not keep contents, so no diff is available.")

    def _place_run_again(self, used: str) -> None:
        models = [model.name for model in self._hub.snapshot().engine.installed if model.generates]
        if models:
            self._model = used if used in models else models[0]
            choice = ui.select(models, value=self._model, label="Model")
            choice.props("outlined dense options-dense").classes("ts-rerun-model")
            choice.on_value_change(lambda event: setattr(self, "_model", event.value or ""))
            button("Run again", self._act(self._run_again), icon="replay", label="Run again (r)")

    def _current(self) -> Unreviewed | None:
        return next((each for each in self._items if each.row.id == self._chosen), None)

    def _choose(self, offload_id: str) -> None:
        self._chosen = offload_id
        self._show()

    def _act(self, action: Callable[[Unreviewed], Awaitable[None]]) -> Callable[[], Awaitable[None]]:
        async def act() -> None:
            page = ui.context.client
            try:
                if (item := self._current()) is not None:
                    await action(item)
            finally:
                page.run_javascript(NOT_BUSY)

        return act

    async def _press(self, event: KeyEventArguments) -> None:
        if not event.action.keydown or event.modifiers.ctrl or event.modifiers.alt or event.modifiers.meta:
            return
        if event.key in ("j", "k"):
            self._step(1 if event.key == "j" else -1)
            return
        actions = {"a": self._keep, "u": self._undo, "r": self._run_again, "o": self._open}
        action = actions.get(event.key.name)
        if action is not None:
            await self._act(action)()
        elif event.key == "z" and self._kept:
            await self._take_back()

    def _step(self, by: int) -> None:
        ids = [each.row.id for each in self._items]
        if self._chosen in ids:
            self._choose(ids[max(0, min(len(ids) - 1, ids.index(self._chosen) + by))])

    async def _keep(self, item: Unreviewed) -> None:
        if await self._record([item], "kept"):
            self._show_kept((item,))

    async def _undo(self, item: Unreviewed) -> None:
        if await run_action(self._hub.undo(item.row.id), f"Undone: {item.row.output}"):
            await self._record([item], "undone")

    async def _run_again(self, item: Unreviewed) -> None:
        detail = await self._hub.history.get(item.row.id)
        if detail is None:
            return
        model, name, page = self._model or item.row.model, item.row.output, ui.context.client
        if item.row.id in self._running_again:
            show_notice(f"{name} is already running again.")
            return
        self._running_again.add(item.row.id)

        async def replace(outcome: Outcome) -> None:
            """Take the old result off the list only if there is a new one."""
            self._running_again.discard(item.row.id)
            if outcome.name == "delivered":
                await self._reviews.record([item.row.id], "rerun")
                self._progress.add([item.row.id], "rerun")
                if self._chosen == item.row.id:
                    self._chosen = outcome.offload_id
                self.requested.emit()
            elif not page.is_deleted:
                with page:
                    show_notice(f"Run again ended without a new result, so {name} is as it was.", bad=True)

        show_notice(f"Starting {name} again with {model}…")
        try:
            await run_again(self._hub, detail, model, replace)
        except TokenSaverError as error:
            self._running_again.discard(item.row.id)
            show_error(error)
            return
        show_notice(f"Running again with {model}. The new result replaces this one.")

    async def _open(self, item: Unreviewed) -> None:
        if item.row.output:  # relative to the project, if the file lies inside the project
            path = str(PurePath(item.row.project, item.row.output))
            await run_action(open_file(path), f"Opening {item.row.output}")

    async def _keep_everything(self) -> None:
        """Mark every result in the list as kept, after a question."""
        items = self._items
        heading = f"Keep all {formats.count(len(items), 'file')}?"
        about = "They then count as reviewed. The files stay as they are."
        if await agrees(heading, about, yes="Keep all", look="main", icon="check"):
            await self._keep_batch(items)

    async def _keep_batch(self, batch: tuple[Unreviewed, ...]) -> None:
        if await self._record(batch, "kept"):
            self._show_kept(batch)

    def _show_kept(self, kept: tuple[Unreviewed, ...]) -> None:
        """Say which results were kept, and offer to take that back."""
        self._kept = kept
        one = kept[0].row.output if len(kept) == 1 else ""
        self._kept_words.set_text(f"Kept: {one or formats.count(len(kept), 'file')}." if kept else "")
        self._kept_line.set_visibility(bool(kept))

    async def _take_back(self) -> None:
        kept = self._kept
        if await run_action(self._reviews.forget([each.row.id for each in kept]), "Taken back."):
            self._show_kept(())
            self._progress.take_back([each.row.id for each in kept])
            self._chosen = kept[0].row.id
            self.requested.emit()

    async def _keep_group(self, group: BatchGroup) -> None:
        await self._keep_batch(group.items)

    async def _undo_group(self, group: BatchGroup) -> None:
        """Undo everything that the batch wrote, after a question that says how many files that are."""
        # The list is updated meanwhile and can remove the heading, so the dialog belongs to the page.
        with ui.context.client:
            count = len({path for _, path in await self._hub.history.undoable(group.job_id)})
            heading = f"Undo {formats.count(count, 'file')}?"
            about = "Each file gets its earlier contents back, unless it has changed since."
            if count > len(group.items):
                about += " This includes files of the batch that you reviewed before."
            if not await agrees(heading, about, yes="Undo all", look="danger", icon="undo"):
                return
            try:
                said = await self._hub.undo(group.job_id)
            except TokenSaverError as error:
                show_error(error)
                return
            show_notice(said)
            ids = [each.row.id for each in group.items]
            self._progress.add(ids, "undone")
            self._leave_out(ids)
            self.requested.emit()

    async def _record(self, items: Sequence[Unreviewed], review: Review) -> bool:
        done = await run_action(self._reviews.record([each.row.id for each in items], review))
        if done:
            ids = [each.row.id for each in items]
            self._progress.add(ids, review)
            self._leave_out(ids)
            self.requested.emit()
        return done

    def _leave_out(self, ids: Collection[str]) -> None:
        """Show the list without these results at once, although the history is read only later."""
        before = [each.row.id for each in self._items]
        self._items = tuple(each for each in self._items if each.row.id not in ids)
        self._choose_after(before)
        self._show()
