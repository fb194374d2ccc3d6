"""The latest result: the task, the evidence, and a button to undo it."""

from dashboard import formats
from dashboard.components.controls.button import button
from dashboard.components.controls.elements import box, link, text
from dashboard.components.controls.keyed_list import RebuiltSection
from dashboard.components.controls.net_tokens import NetTokens
from dashboard.components.controls.notices import run_action
from dashboard.components.live.clock import Clock
from dashboard.components.offloads.offload_list import title
from dashboard.components.offloads.outcome_badge import outcome_badge
from server.hub import Hub
from server.store.records import OffloadDetail


class LastResult:
    """One result with its actions. It is rebuilt only when there is a newer result."""

    def __init__(self, hub: Hub, clock: Clock) -> None:
        self._hub = hub
        self._clock = clock
        self._section = RebuiltSection(box("ts-last"))

    def update(self, detail: OffloadDetail) -> None:
        """Show this result."""
        content = (detail.row, detail.undo is not None, detail.notices)
        self._section.show(content, lambda: self._show(detail))

    def _show(self, detail: OffloadDetail) -> None:
        row = detail.row
        with box("ts-last-head"):
            outcome_badge(row.outcome, undone=row.undone)
            if row.strength:
                text(row.strength, "ts-tag", title="Evidence for the result")
            box("ts-grow")
            NetTokens().update(
                row.net_tokens, row.net_microusd, by_user=row.by_user, would_save=row.would_save_tokens
            )
            if row.net_tokens or row.would_save_tokens:
                text("tokens", "ts-sub")
        link(f"/offload/{row.id}", "ts-run-task", title(row))
        about = [f"→ {row.output}" if row.output else "", row.model, formats.duration(row.seconds)]
        with box("ts-sub", "p"):
            text("".join(f"{part} · " for part in about if part))
            self._clock.ago(row.ended_at or row.started_at)
        failed = row.outcome not in ("delivered", "returned")
        why = formats.reason(row.summary, row.code) if failed else ""
        words = detail.notices[0] if detail.notices else why
        if words:
            text(formats.one_line(formats.without_markup(words), 300), "ts-last-notice", "p")
        with box("ts-actions"):
            if detail.undo is not None and not row.undone:
                button("Undo", lambda: self._undo(detail), icon="undo", label=f"Undo: restore {row.output}")
            if row.outcome == "delivered" and not row.undone and not row.reviewed:
                link("/review", "ts-btn-link", "Review")
            link(f"/offload/{row.id}", "ts-btn-link", "Details")

    async def _undo(self, detail: OffloadDetail) -> None:
        await run_action(self._hub.offloader.undo(detail.row.id), "Undone. The file is restored.")
