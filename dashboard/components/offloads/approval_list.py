"""The calls that wait for the user: approve, deny, or always approve in this project."""

from dashboard import formats
from dashboard.components.controls.button import button
from dashboard.components.controls.elements import box, icon, text
from dashboard.components.controls.keyed_list import KeyedList
from dashboard.components.controls.notices import show_notice
from dashboard.components.live.clock import Clock
from server.hub import Hub
from server.policy.approvals import Approval, ApprovalAnswer, Extent


class ApprovalList:
    """One section a call; those that wait are left alone while others come and go."""

    def __init__(self, hub: Hub, clock: Clock) -> None:
        self._hub = hub
        self._asked = KeyedList[Approval](
            box("approvals"), lambda approval: approval.id, lambda approval: _Asked(hub, clock, approval)
        )

    def update(self) -> int:
        """Show what waits, and return how many calls that are."""
        waiting = self._hub.gate.approvals.pending()
        self._asked.update(waiting)
        return len(waiting)


class _Asked:
    def __init__(self, hub: Hub, clock: Clock, approval: Approval) -> None:
        self._hub = hub
        call = approval.call
        with box("approval", "section", f"Approval of {call.tool}") as self.element:
            with box("approval-head"):
                icon("front_hand")
                text(f"{call.client or 'A client'} wants to use {call.tool}", "task grow")
                clock.show(lambda now: f"denied in {formats.countdown(approval.deadline - now)}", "sub num")
            text(approval.reason, "", "p")
            if call.paths:
                more = f" and {call.files - len(call.paths)} more" if call.files > len(call.paths) else ""
                text(", ".join(call.paths) + more, "sub mono", "p")
            with box("actions"):
                button("Approve", lambda: self._answer(approval, approved=True), look="main", icon="check")
                button("Deny", lambda: self._answer(approval, approved=False), look="danger", icon="block")
                if call.project:
                    button(
                        "Always in this project",
                        lambda: self._answer(approval, approved=True, extent="project"),
                        label=f"Always in this project: {call.project}",
                    )

    def update(self, _approval: Approval) -> None:
        """Nothing changes while a call waits."""

    def _answer(self, approval: Approval, *, approved: bool, extent: Extent = "once") -> None:
        reason = "" if approved else "The user said no."
        if not self._hub.gate.approvals.answer(
            approval.id, ApprovalAnswer(approved, extent, "dashboard", reason)
        ):
            show_notice("This call was answered elsewhere.")
