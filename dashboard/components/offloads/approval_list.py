"""Calls awaiting approval, each with its facts: task, files, rule, and what an answer covers."""

import asyncio

from nicegui import background_tasks

from dashboard import formats
from dashboard.approval_facts import ApprovalFacts, TouchedFile, approval_facts
from dashboard.components.controls.button import button
from dashboard.components.controls.elements import box, icon, text
from dashboard.components.controls.keyed_list import KeyedList
from dashboard.components.controls.notices import show_notice
from dashboard.components.live.clock import Clock
from dashboard.tool_names import call_name
from server.hub import Hub
from server.policy.approvals import Approval, ApprovalAnswer, Extent
from server.policy.rules.evaluate import asks

ALWAYS = (
    "“Always” covers later calls of the same kind in this project that the same rule asks about, from any "
    "client, until you change the rule."
)
"""What the longest of the answers covers."""


class ApprovalList:
    """One section per call. Existing sections are left alone when a call is added or removed."""

    def __init__(self, hub: Hub, clock: Clock) -> None:
        self._hub = hub
        self._waiting = KeyedList[Approval](
            box("ts-approvals"),
            lambda approval: approval.id,
            lambda approval: _WaitingCall(hub, clock, approval),
        )
        self._always = text(ALWAYS, "ts-sub", "p")

    def update(self) -> int:
        """Show the waiting calls and return how many there are."""
        waiting = self._hub.gate.approvals.pending()
        self._waiting.update(waiting)
        self._always.set_visibility(any(each.call.project for each in waiting))
        return len(waiting)


class _WaitingCall:
    def __init__(self, hub: Hub, clock: Clock, approval: Approval) -> None:
        self._hub = hub
        self._approval = approval
        call = approval.call
        task = formats.one_line(str(call.arguments.get("task") or ""), 300)
        with box("ts-approval", "section", f"To approve: {task or call_name(call.tool)}") as self.element:
            with box("ts-approval-head"):
                icon("help_outline")
                text(task or call_name(call.tool), "ts-task ts-grow", title=call.tool)
                clock.show(
                    lambda now: f"denied automatically in {formats.countdown(approval.deadline - now)}",
                    "ts-sub ts-num",
                )
            who = (formats.client_name(call.client) or "A client", call_name(call.tool), call.project)
            text(" · ".join(part for part in who if part), "ts-sub", "p")
            if approval.reason.rstrip(".") != asks(approval.rule):  # otherwise the rule says more
                text(approval.reason, "ts-approval-reason", "p")
            self._facts = box("ts-approval-facts")
            with box("ts-actions"):
                button("Approve", lambda: self._answer(approved=True), look="main", icon="check")
                button("Deny", lambda: self._answer(approved=False), look="danger", icon="block")
                if call.session:
                    button(
                        "Approve for this session",
                        lambda: self._answer(approved=True, extent="session"),
                        label=f"Approve for this session of {call.client or 'the client'}",
                    )
                if call.project:
                    button(
                        "Always approve in this project",
                        lambda: self._answer(approved=True, extent="project"),
                        label=f"Always approve in this project: {call.project}",
                    )
        background_tasks.create(self._load())

    def update(self, _approval: Approval) -> None:
        """Do nothing: a waiting call never changes."""

    async def _load(self) -> None:
        facts = await asyncio.to_thread(approval_facts, self._approval)
        if not self._facts.is_deleted:  # it may have been answered in the meantime
            with self._facts:
                _show(facts)

    def _answer(self, *, approved: bool, extent: Extent = "once") -> None:
        answer = ApprovalAnswer(approved, extent, "dashboard")
        done = self._hub.gate.approvals.answer(self._approval.id, answer)
        words = "Approved." if approved else "Denied."
        show_notice(words if done else "Someone already answered this call.")


def _show(facts: ApprovalFacts) -> None:
    if facts.files:
        with box("ts-touched", "ul"):
            for file in facts.files:
                _file(file)
    more = ((facts.more_written, "written"), (facts.more_read, "read"))
    rest = [f"{formats.count(number, 'more file')} {what}" for number, what in more if number]
    undo = any(file.written and file.size is not None for file in facts.files)
    notes = ([f"and {', '.join(rest)}"] if rest else []) + (
        ["old versions are kept for undo"] if undo else []
    )
    if notes:
        text(" · ".join(notes), "ts-sub", "p")
    text(facts.rule, "ts-sub", "p")


def _file(file: TouchedFile) -> None:
    with box("", "li"):
        if not file.preview:
            with box("ts-touched-file"):
                _name(file)
            return
        with box("ts-touched-fold", "details"):
            with box("ts-touched-file", "summary"):
                _name(file)
            pane = text(file.preview, "ts-long-text", "pre")
            pane.props.update(
                {"tabindex": "0", "role": "region", "aria-label": f"Current contents of {file.path}"}
            )


def _name(file: TouchedFile) -> None:
    icon("edit_note" if file.written else "description")
    text(file.path, "ts-mono ts-grow")
    text(_what_happens(file), "ts-sub ts-num")


def _what_happens(file: TouchedFile) -> str:
    size = f", {formats.size(file.size)}" if file.size is not None else ""
    if not file.written:
        return f"read{size}"
    return "created" if file.size is None else f"changed{size} now"
