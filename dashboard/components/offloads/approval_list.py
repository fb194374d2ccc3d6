"""Calls that wait for approval. The user approves, denies, or always approves in this project."""

from dashboard import formats
from dashboard.components.controls.button import button
from dashboard.components.controls.elements import box, icon, text
from dashboard.components.controls.keyed_list import KeyedList
from dashboard.components.controls.notices import show_notice
from dashboard.components.live.clock import Clock
from server.hub import Hub
from server.policy.approvals import Approval, ApprovalAnswer, Extent


class ApprovalList:
    """One section per call. Existing sections stay unchanged when a call is added or removed."""

    def __init__(self, hub: Hub, clock: Clock) -> None:
        self._hub = hub
        self._waiting = KeyedList[Approval](
            box("ts-approvals"),
            lambda approval: approval.id,
            lambda approval: _WaitingCall(hub, clock, approval),
        )

    def update(self) -> int:
        """Show the waiting calls and return their number."""
        waiting = self._hub.gate.approvals.pending()
        self._waiting.update(waiting)
        return len(waiting)


class _WaitingCall:
    def __init__(self, hub: Hub, clock: Clock, approval: Approval) -> None:
        self._hub = hub
        call = approval.call
        with box("ts-approval", "section", f"Approval for {call.tool}") as self.element:
            with box("ts-approval-head"):
                icon("front_hand")
                text(f"{call.client or 'A client'} wants to use {call.tool}", "ts-task ts-grow")
                clock.show(
                    lambda now: f"denied automatically in {formats.countdown(approval.deadline - now)}",
                    "ts-sub ts-num",
                )
            text(approval.reason, "", "p")
            if call.paths:
                more = f" and {call.files - len(call.paths)} more" if call.files > len(call.paths) else ""
                text(", ".join(call.paths) + more, "ts-sub ts-mono", "p")
            with box("ts-actions"):
                button("Approve", lambda: self._answer(approval, approved=True), look="main", icon="check")
                button("Deny", lambda: self._answer(approval, approved=False), look="danger", icon="block")
                if call.project:
                    button(
                        "Always in this project",
                        lambda: self._answer(approval, approved=True, extent="project"),
                        label=f"Always in this project: {call.project}",
                    )

    def update(self, _approval: Approval) -> None:
        """Do nothing: a waiting call does not change."""

    def _answer(self, approval: Approval, *, approved: bool, extent: Extent = "once") -> None:
        reason = "" if approved else "The user denied it."
        if not self._hub.gate.approvals.answer(
            approval.id, ApprovalAnswer(approved, extent, "dashboard", reason)
        ):
            show_notice("Someone already answered this call.")
