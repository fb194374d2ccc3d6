"""The page for a single offload: result, change, receipt, the model's attempts."""

import json

from nicegui import ui

from dashboard import formats
from dashboard.components.controls.button import button
from dashboard.components.controls.card import card, empty
from dashboard.components.controls.copy_button import copy_button
from dashboard.components.controls.diff_view import diff_view
from dashboard.components.controls.elements import box, link, text
from dashboard.components.controls.keyed_list import RebuiltSection
from dashboard.components.controls.net_tokens import ASKED_ABOUT, not_by_claude
from dashboard.components.controls.notices import run_action, show_error
from dashboard.components.frame.page_frame import Page, page_frame
from dashboard.components.offloads.attempt_view import attempt_view, fold
from dashboard.components.offloads.changed_since import changed_since
from dashboard.components.offloads.file_list import file_list
from dashboard.components.offloads.outcome_badge import outcome_badge
from dashboard.components.offloads.receipt_view import receipt_view
from dashboard.components.offloads.running_offloads import RunningList
from dashboard.components.offloads.timing_bar import timing_bar
from dashboard.hub_updates import HubUpdates
from dashboard.outcome_words import explain
from dashboard.run_again import can_run_again, run_again
from dashboard.tool_names import call_name
from server.common.errors import TokenSaverError
from server.hub import Hub
from server.state.snapshot import Snapshot
from server.store.records import OffloadDetail, OffloadRow, ReceiptRecord

LEAST_SHOWN = 0.1
"""Shortest time that gets a bar (seconds). A denied call takes no time."""


async def show(hub: Hub, updates: HubUpdates, offload_id: str) -> None:
    """Fill the page and keep it up to date while the offload is running."""
    detail = await hub.history.get(offload_id)
    if detail is None:
        with page_frame(hub, updates, "No such offload", "/history"), card("Not found"):
            empty(
                f"Offload {offload_id} does not exist. Offloads are removed after the number of days set "
                "in [history]."
            )
            link("/history", "ts-more", "All offloads")
        return
    with page_frame(
        hub, updates, formats.one_line(detail.row.task, 110) or call_name(detail.row.tool), "/history"
    ) as page:
        shown = OffloadView(page, detail)

        async def load() -> None:
            if (now := await hub.history.get(offload_id)) is not None:
                shown.show(now)

        page.follow_changes(shown.update, updates.changed, updates.text_written)
        await page.reload_on(load, updates.history_changed)


class OffloadView:
    """A single offload. Unchanged sections are not rebuilt, so their folds stay open."""

    def __init__(self, page: Page, detail: OffloadDetail) -> None:
        self._page = page
        self._id = detail.row.id
        self._running: RunningList | None = None
        with box("ts-details-page"):
            with box("ts-stack"):
                with card("Result"):
                    self._result = RebuiltSection(box())
                self._change, self._rounds, self._call = (
                    RebuiltSection(box()),
                    RebuiltSection(box()),
                    RebuiltSection(box()),
                )
            with box("ts-stack"):
                self._receipt, self._time, self._files = (
                    RebuiltSection(box()),
                    RebuiltSection(box()),
                    RebuiltSection(box()),
                )
        self.show(detail)

    def show(self, detail: OffloadDetail) -> None:
        """Show all the offload's data."""
        row, receipt = detail.row, detail.receipt if detail.row.ended_at is not None else None
        self._result.show((row, detail.undo), lambda: self._show_result(detail))
        self._change.show(detail.diff, lambda: _change(detail))
        self._rounds.show(detail.attempts, lambda: _rounds(detail))
        self._call.show(json.dumps(detail.arguments), lambda: _call(detail))
        self._receipt.show((receipt, detail.audit), lambda: self._show_receipt(receipt, detail))
        self._time.show(json.dumps(detail.timings), lambda: _time(detail))
        self._files.show(detail.files, lambda: _files(detail))

    def update(self, snapshot: Snapshot) -> None:
        """Update the progress while the offload is running."""
        if self._running is not None:
            self._running.update([each for each in snapshot.running if each.id == self._id])

    def _show_result(self, detail: OffloadDetail) -> None:
        row = detail.row
        self._running = None
        with box("ts-result-head"):
            outcome_badge(row.outcome, undone=row.undone)
            if row.strength:
                text(row.strength, "ts-code")
            self._page.clock.ago(row.started_at, "ts-sub")
        if row.outcome == "running":
            self._running = RunningList(self._page.hub, self._page.clock)
            self.update(self._page.hub.snapshot())
        words = explain(detail)
        if words.reason:
            text(words.reason, "ts-reason", "p")
        if words.detail:
            text(words.detail, "ts-summary", "p")
            if row.outcome == "returned":
                copy_button(row.summary, "Copy the answer")
        if words.advice:
            text(words.advice, "ts-advice", "p")
        if detail.notices:
            with box("ts-notices"):
                text("Other changes, possibly not intended:", "", "p")
                for notice in detail.notices:
                    text(notice, "ts-notice-line", "p")
        if row.outcome != "running":
            self._actions(detail)
        _facts(detail)

    def _show_receipt(self, receipt: ReceiptRecord | None, detail: OffloadDetail) -> None:
        if receipt is None or (detail.row.by_user and detail.row.outcome == "denied"):
            return
        with card("Receipt"):
            if detail.row.by_user:
                text(
                    ASKED_ABOUT if receipt.net_tokens else not_by_claude(detail.row.would_save_tokens),
                    "",
                    "p",
                )
            if not detail.row.by_user or receipt.net_tokens:
                receipt_view(receipt, self._page.hub.ledger, detail.audit)
                if detail.row.strength:
                    text(f"Evidence: {detail.row.strength}.", "ts-sub", "p")

    def _actions(self, detail: OffloadDetail) -> None:
        hub = self._page.hub
        if detail.undo is not None and not detail.row.undone:
            changed_since(hub, detail.row.id)
        with box("ts-actions"):
            if detail.undo is not None and not detail.row.undone:
                label = f"Undo: restore {detail.undo.path}"
                button("Undo", lambda: self._undo(detail), icon="undo", label=label)
            if detail.row.outcome == "delivered" and not detail.row.undone and not detail.row.reviewed:
                link("/review", "ts-btn-link", "Review")
            if can_run_again(detail):
                engine = hub.snapshot().engine
                models = [model.name for model in engine.installed if model.generates]
                wanted = (detail.row.model, engine.default_model)
                value = next((name for name in wanted if name in models), None)
                choice = ui.select(models, value=value, label="Model").props("outlined dense options-dense")
                choice.classes("ts-rerun-model")

                async def rerun() -> None:
                    try:
                        ui.navigate.to(f"/offload/{await run_again(hub, detail, choice.value or '')}")
                    except TokenSaverError as error:
                        show_error(error)

                button("Run again", rerun, icon="replay", label="Run again with the chosen model")

    async def _undo(self, detail: OffloadDetail) -> None:
        await run_action(self._page.hub.offloader.undo(detail.row.id), "Undone. The file is restored.")


def _change(detail: OffloadDetail) -> None:
    if detail.diff:
        with card("Change"):
            copy_button(detail.diff, "Copy the change as a diff")
            diff_view(detail.diff)


def _rounds(detail: OffloadDetail) -> None:
    if detail.attempts:
        with card("The model's attempts"):
            first: dict[str, int] = {}
            for each in detail.attempts:
                attempt_view(each, detail.timings.get("total", 0.0), repeats=first.get(each.answer, 0))
                first.setdefault(each.answer, each.number)


def _call(detail: OffloadDetail) -> None:
    with card("Call"):
        fold(
            "Your call" if detail.row.by_user else "Claude's call",
            json.dumps(detail.arguments, indent=2, ensure_ascii=False),
            open_at_first=True,
        )


def _time(detail: OffloadDetail) -> None:
    if detail.timings.get("total", 0.0) >= LEAST_SHOWN:
        with card("Time", aside=_speed(detail)):
            timing_bar(detail.timings)


def _files(detail: OffloadDetail) -> None:
    if detail.files:
        with card("Files"):
            file_list(detail.files, detail.row.project)


def _facts(detail: OffloadDetail) -> None:
    row = detail.row
    facts = (
        ("Started", formats.exact(row.started_at)),
        ("Client", row.client),
        ("Kind", call_name(row.tool)),
        ("Model", row.model),
        ("Engine", detail.backend),
        ("Project", row.project),
        ("Output", row.output or _no_output(row)),
        ("ID", row.id),
        ("Code", row.code if row.code != row.outcome else ""),
    )
    with box("ts-facts ts-facts-wide", "dl"):
        for name, words in facts:
            if words:
                with box("ts-fact"):
                    text(name, "", "dt")
                    text(words, "", "dd")


def _no_output(row: OffloadRow) -> str:
    return "none (answer returned as text)" if row.outcome == "returned" else "none"


def _speed(detail: OffloadDetail) -> str:
    seconds = detail.timings.get("generate", 0.0)
    written = formats.count(detail.row.completion_tokens, "token")
    return f"{written}, {formats.speed(detail.row.completion_tokens / seconds)}" if seconds else written
