"""Calls waiting for the user's approval. The tray, the dashboard and the client all ask; the first answer
wins.
"""

import asyncio
import contextlib
import secrets
import threading
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Literal

from sqlalchemy import Connection, select
from sqlalchemy.dialects.sqlite import insert

from server.common.events import ApprovalAnswered, ApprovalRequested, EventBus
from server.policy.values import Call, Rule
from server.store.policy_tables import approval as remembered

Extent = Literal["once", "session", "project"]
"""For this call; for the rest of the client's session; for all calls in this project."""
EXTENTS: tuple[Extent, ...] = ("once", "session", "project")


@dataclass(frozen=True)
class Approval:
    """A call waiting for approval. ``paths`` names some of the ``files`` that the call would touch. Times are
    in seconds since the epoch. At ``deadline`` the call is denied.
    """

    id: str
    call: Call
    rule: Rule
    reason: str
    asked_at: float
    deadline: float


@dataclass(frozen=True)
class ApprovalAnswer:
    """The user's answer. ``by`` is ``tray``, ``dashboard``, ``command``, ``client`` or ``timeout``. The
    ``reason`` is passed on to the agent.
    """

    approved: bool
    extent: Extent = "once"
    by: str = ""
    reason: str = ""


AskElsewhere = Callable[[Approval], Awaitable[ApprovalAnswer | None]]
"""Another way to ask, such as the client's own dialog. Returns None if the user gave no answer there."""


class Approvals:
    """The waiting calls. ``pending`` and ``answer`` are thread-safe."""

    def __init__(self, events: EventBus) -> None:
        self._events = events
        self._lock = threading.Lock()
        self._waiting: dict[
            str, tuple[Approval, asyncio.Future[ApprovalAnswer], asyncio.AbstractEventLoop]
        ] = {}
        self._answered: set[str] = set()
        self._session_grants: set[tuple[str, str, str]] = set()

    def pending(self) -> tuple[Approval, ...]:
        """Return the waiting calls, oldest first."""
        with self._lock:
            return tuple(approval for approval, _, _ in self._waiting.values())

    def answer(self, approval_id: str, answer: ApprovalAnswer) -> bool:
        """Answer a waiting call. Return False if it is not, or no longer, waiting."""
        with self._lock:
            if approval_id not in self._waiting or approval_id in self._answered:
                return False
            self._answered.add(approval_id)
            _approval, future, loop = self._waiting[approval_id]
        loop.call_soon_threadsafe(_settle, future, answer)
        return True

    async def wait(
        self,
        call: Call,
        rule: Rule,
        reason: str,
        now: float,
        elsewhere: AskElsewhere | None = None,
        *,
        on_asked: Callable[[Approval], None] | None = None,
    ) -> ApprovalAnswer:
        """Ask and return the first answer, or a denial when the rule's timeout expires. Call ``on_asked`` as
        soon as the question can be answered.
        """
        approval = Approval(secrets.token_hex(8), call, rule, reason, now, now + rule.approval_seconds)
        future: asyncio.Future[ApprovalAnswer] = asyncio.get_running_loop().create_future()
        with self._lock:
            self._waiting[approval.id] = (approval, future, asyncio.get_running_loop())
        asking = (
            asyncio.create_task(self._ask_elsewhere(approval, elsewhere)) if elsewhere is not None else None
        )
        if on_asked is not None:
            on_asked(approval)
        self._events.publish(_requested(approval))
        answer = ApprovalAnswer(approved=False, by="cancelled", reason="The call was cancelled.")
        try:
            async with asyncio.timeout(rule.approval_seconds):
                answer = await asyncio.shield(future)
        except TimeoutError:
            with self._lock:
                self._waiting.pop(approval.id, None)
                in_time = approval.id in self._answered
            # An accepted answer stays valid, even if the timeout came at the same moment.
            late = ApprovalAnswer(approved=False, by="timeout", reason="No answer in time.")
            answer = await future if in_time else late
        finally:
            with self._lock:
                self._waiting.pop(approval.id, None)
                self._answered.discard(approval.id)
            if asking is not None:
                asking.cancel()
            self._events.publish(
                ApprovalAnswered(approval.id, answer.approved, answer.extent, answer.by, answer.reason)
            )
        if answer.approved and answer.extent == "session":
            self._session_grants.add((call.session, call.tool, rule.fingerprint))
        return answer

    def granted_in_session(self, call: Call, rule: Rule) -> bool:
        """Return whether the user approved this rule for the rest of the client's session."""
        return bool(call.session) and (call.session, call.tool, rule.fingerprint) in self._session_grants

    async def _ask_elsewhere(self, approval: Approval, ask: AskElsewhere) -> None:
        with contextlib.suppress(asyncio.CancelledError):
            answer = await ask(approval)
            if answer is not None:
                self.answer(approval.id, answer)


def granted_in_project(connection: Connection, call: Call, rule: Rule) -> bool:
    """Return whether the user approved this rule permanently in the call's project."""
    if not call.project:
        return False
    found = select(remembered.c.approved_at).where(
        remembered.c.project == call.project,
        remembered.c.tool == call.tool,
        remembered.c.rule == rule.fingerprint,
    )
    return connection.scalar(found) is not None


def grant_in_project(connection: Connection, call: Call, rule: Rule, now: float) -> None:
    """Remember a permanent approval. Approvals of calls without a project are not remembered."""
    if call.project:
        row = insert(remembered).values(
            project=call.project, tool=call.tool, rule=rule.fingerprint, approved_at=now
        )
        connection.execute(row.on_conflict_do_nothing())


def _settle(future: asyncio.Future[ApprovalAnswer], answer: ApprovalAnswer) -> None:
    if not future.done():
        future.set_result(answer)


def _requested(approval: Approval) -> ApprovalRequested:
    return ApprovalRequested(
        approval_id=approval.id,
        tool=approval.call.tool,
        client=approval.call.client,
        reason=approval.reason,
        files=approval.call.files,
        paths=approval.call.paths,
        deadline=approval.deadline,
        task=_text(approval, "task"),
        output=_text(approval, "output"),
    )


def _text(approval: Approval, argument: str) -> str:
    value = approval.call.arguments.get(argument)
    return value if isinstance(value, str) else ""
