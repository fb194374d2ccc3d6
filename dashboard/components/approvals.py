"""The calls that wait for the user: approve, deny, or always approve in this project."""

from dashboard import formats
from dashboard.components.button import button
from dashboard.components.clock import Clock
from dashboard.components.notices import tell
from dashboard.components.text import box, icon, text
from server.hub import Hub
from server.policy.approvals import Answer, Approval, Extent


class ApprovalList:
    """Rebuilt whenever a call begins or ends to wait."""

    def __init__(self, hub: Hub, clock: Clock) -> None:
        self._hub = hub
        self._clock = clock
        self._body = box("approvals")
        self._shown: tuple[str, ...] | None = None

    def update(self) -> int:
        """Show what waits, and return how many calls that are."""
        waiting = self._hub.gate.approvals.pending()
        ids = tuple(approval.id for approval in waiting)
        if ids != self._shown:
            self._shown = ids
            self._body.clear()
            with self._body:
                for approval in waiting:
                    self._ask(approval)
        return len(waiting)

    def _ask(self, approval: Approval) -> None:
        call = approval.call
        with box("approval", "section", f"Approval of {call.tool}"):
            with box("approval-head"):
                icon("front_hand")
                text(f"{call.client or 'A client'} wants to use {call.tool}", "task grow")
                self._clock.show(
                    lambda now: f"denied in {formats.countdown(approval.deadline - now)}", "sub num"
                )
            text(approval.reason, "", "p")
            if call.paths:
                more = f" and {call.files - len(call.paths)} more" if call.files > len(call.paths) else ""
                text(", ".join(call.paths) + more, "sub mono", "p")
            with box("actions"):
                button("Approve", lambda: self._answer(approval, approved=True), look="main", icon="check")
                button("Deny", lambda: self._answer(approval, approved=False), look="danger", icon="block")
                if call.project:
                    label = f"Always approve this in {call.project}"
                    always = button(
                        "Always in this project",
                        lambda: self._answer(approval, approved=True, extent="project"),
                        label=label,
                    )
                    always.props["aria-label"] = f"Always in this project: {call.project}"

    def _answer(self, approval: Approval, *, approved: bool, extent: Extent = "once") -> None:
        reason = "" if approved else "The user said no."
        if not self._hub.gate.approvals.answer(approval.id, Answer(approved, extent, "dashboard", reason)):
            tell("This call was answered elsewhere.")
