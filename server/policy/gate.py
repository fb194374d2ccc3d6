"""The policy gate that every tool call passes, on every transport.

In ``async with gate.enter(call)``, one transaction evaluates the rules, reserves counters and records the
decision. A call that needs the user's approval waits. A failed call gives its reservations back.
"""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from datetime import UTC, datetime

from sqlalchemy import Connection

from server.common.aio import BackgroundTasks, cancel_and_wait
from server.common.errors import Denied, Limited, StoreError
from server.policy.approvals import (
    Approval,
    ApprovalAnswer,
    Approvals,
    AskElsewhere,
    grant_in_project,
)
from server.policy.judge import judge
from server.policy.limits import reserve, roll_back
from server.policy.rules.evaluate import denied_item, denied_look
from server.policy.rules.policy_file import DENY_ALL, Loaded, PolicyFile
from server.policy.trail import Record, Trail, TrailEntry, append
from server.policy.values import Call, Decision, Item, Reservation
from server.store.database import Database

KEPT_SECONDS = 600.0
"""How long to keep the answer for a call that ended so its client could ask (seconds). The ``mcp`` package
accepts the state of such a call for the same length of time.
"""


class Left(Exception):
    """Raised when a call needs approval and ends so that its client can ask. ``approval`` keeps waiting."""

    def __init__(self, approval: Approval) -> None:
        super().__init__(approval.id)
        self.approval = approval


@dataclass(frozen=True)
class _Asking:
    call: Call
    answer: "asyncio.Task[ApprovalAnswer]"


@dataclass
class Passage:
    """A call inside the gate. ``fail`` marks the call as failed if its result is an error."""

    failed: bool = False

    def fail(self) -> None:
        """Mark the call as failed and give its reservations back."""
        self.failed = True


class Gate:
    """Admits calls, or raises an error with the reason for refusing them."""

    def __init__(
        self,
        file: PolicyFile,
        approvals: Approvals,
        trail: Trail,
        database: Database,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self.file = file
        self.approvals = approvals
        self.trail = trail
        self._database = database
        self._clock = clock
        self._seen: set[tuple[str, str]] = set()
        self._giving_back = BackgroundTasks()
        self._left: dict[str, _Asking] = {}

    def hidden(self, tool: str) -> bool:
        """Return whether ``tools/list`` omits the tool."""
        return self.file.current().policy.hides(tool)

    async def denies_item(self, call: Call, item: Item) -> str:
        """Return why a batch item may no longer start even though its ``call`` passed the gate; empty if it
        may. Refusals are recorded.

        Raises:
            StoreError: the refusal cannot be recorded.
        """
        return await self._refused(call, denied_item(self.file.current().policy, call, item, self._clock()))

    async def denies_look(self, call: Call) -> str:
        """Return why a request related to the call, such as a status query for a task, is denied; empty if it
        is allowed. The request does not count towards limits. Refusals are recorded.

        Raises:
            StoreError: the refusal cannot be recorded.
        """
        return await self._refused(call, denied_look(self.file.current().policy, call, self._clock()))

    async def _refused(self, call: Call, refusal: Decision | None) -> str:
        if refusal is None:
            return ""
        await self.trail.record(_decision(call, refusal))
        return refusal.reason

    @contextlib.asynccontextmanager
    async def enter(
        self,
        call: Call,
        elsewhere: AskElsewhere | None = None,
        *,
        leaves: bool = False,
        back_from: str = "",
    ) -> AsyncIterator[Passage]:
        """Admit a call while the ``with`` block runs.

        ``elsewhere`` is a way to ask for approval in addition to the tray and the dashboard. If a client can
        only ask between two calls, the call ``leaves``, and its repetition comes ``back_from`` the approval
        with that id.

        Raises:
            Left: the call needs approval and leaves to ask for it.
            Denied: a rule or the user denied the call.
            Limited: a rate limit is used up.
            StoreError: the decision cannot be recorded, so no call passes.
        """
        loaded = self.file.current()
        deciding = asyncio.ensure_future(
            self._database.write(lambda connection: self._decide(connection, loaded, call))
        )
        try:
            decision, record = await asyncio.shield(deciding)
        except asyncio.CancelledError:
            self._giving_back.start(self._undecide(deciding))
            raise
        self.trail.wrote(record)
        self._raise_refusal(loaded, decision)
        passage = Passage(failed=True)
        try:
            if decision.verdict == "approve":
                asking = await self._asking(call, decision, elsewhere, leaves=leaves, back_from=back_from)
                await self._obey(asking)
            passage.failed = False
            yield passage
        except BaseException:
            passage.failed = True
            raise
        finally:
            if passage.failed and decision.reservations:
                # This is not awaited, because a cancelled call must not wait.
                self._giving_back.start(self._give_back(decision.reservations))

    async def close(self) -> None:
        """Cancel open questions and wait until reservations have been given back."""
        await cancel_and_wait(*(asking.answer for asking in self._left.values()))
        await self._giving_back.drain()

    def _decide(self, connection: Connection, loaded: Loaded, call: Call) -> tuple[Decision, Record]:
        now = self._clock()
        if (call.client, call.session) not in self._seen:
            self._seen.add((call.client, call.session))
            append(connection, _connection(call), now)
        decision = judge(loaded.policy, call, connection, now, self.approvals.granted_in_session)
        reserve(connection, decision.reservations, now)
        return decision, append(connection, _decision(call, decision), now)

    def _raise_refusal(self, loaded: Loaded, decision: Decision) -> None:
        if decision.verdict == "limit":
            until = datetime.fromtimestamp(decision.retry_at, UTC)
            when = f"after {until:%H:%M:%S} UTC" if decision.retry_at else "later"
            raise Limited(
                decision.reason, f"Try again {when}.", f"Try again {when}, or do the task yourself."
            )
        if decision.verdict == "deny" and loaded.policy is DENY_ALL:
            raise Denied(
                f"The policy file is broken, so every call is denied: {loaded.error}",
                "`token-saver policy check` names the line.",
                "Tell the user, and do the task yourself.",
            )
        if decision.verdict == "deny":
            raise Denied(
                decision.reason,
                "`token-saver policy explain` shows the rule.",
                "Do the task yourself, or ask the user to change the policy.",
            )

    async def _asking(
        self, call: Call, decision: Decision, elsewhere: AskElsewhere | None, *, leaves: bool, back_from: str
    ) -> "asyncio.Task[ApprovalAnswer]":
        """Return a task for the user's answer, reusing any earlier question about the same call."""
        before = self._left.get(back_from)
        if before is not None and before.call == call:
            return self._left.pop(back_from).answer
        begun: asyncio.Future[Approval] = asyncio.get_running_loop().create_future()
        answer = asyncio.create_task(self._ask(call, decision, elsewhere, begun))
        if leaves:
            approval = await begun
            self._left[approval.id] = _Asking(call, answer)
            answer.add_done_callback(lambda _: self._forget_later(approval.id))
            raise Left(approval)
        return answer

    async def _ask(
        self,
        call: Call,
        decision: Decision,
        elsewhere: AskElsewhere | None,
        begun: "asyncio.Future[Approval]",
    ) -> ApprovalAnswer:
        """Wait for the user and record the answer."""
        rule = decision.rule
        if rule is None:  # unreachable: only rules ask
            raise Denied(decision.reason, "Ask the user.")
        answer = await self.approvals.wait(
            call, rule, decision.reason, self._clock(), elsewhere, on_asked=begun.set_result
        )
        record = await self._database.write(
            lambda connection: self._record_answer(connection, call, decision, answer)
        )
        self.trail.wrote(record)
        return answer

    async def _obey(self, asking: "asyncio.Task[ApprovalAnswer]") -> None:
        """Return once the user has approved.

        Raises:
            Denied: the user did not approve.
        """
        try:
            answer = await asking
        except asyncio.CancelledError:
            asking.cancel()
            raise
        if not answer.approved:
            said = f"The user did not approve the call ({answer.reason})." if answer.reason else ""
            raise Denied(
                said.replace(".)", ")") or "The user did not approve the call.",
                "Start the call again to ask again.",
                "Do not retry; do the task yourself or in smaller steps, or ask the user.",
            )

    def _forget_later(self, approval_id: str) -> None:
        asyncio.get_running_loop().call_later(KEPT_SECONDS, self._left.pop, approval_id, None)

    def _record_answer(
        self, connection: Connection, call: Call, decision: Decision, answer: ApprovalAnswer
    ) -> Record:
        now = self._clock()
        if answer.approved and answer.extent == "project" and decision.rule is not None:
            grant_in_project(connection, call, decision.rule, now)
        return append(connection, _answer(call, decision, answer), now)

    async def _give_back(self, reservations: tuple[Reservation, ...]) -> None:
        await self._database.write(lambda connection: roll_back(connection, reservations))

    async def _undecide(self, deciding: "asyncio.Future[tuple[Decision, Record]]") -> None:
        """Give back the reservations of a call that was cancelled before its decision was written."""
        with contextlib.suppress(StoreError):  # in that case nothing was reserved
            decision, record = await deciding
            self.trail.wrote(record)
            await self._give_back(decision.reservations)


def _entry(call: Call, kind: str, text: str, verdict: str, **details: object) -> TrailEntry:
    return TrailEntry(kind, text, call.tool, call.client, call.session, call.project, verdict, details)


def _connection(call: Call) -> TrailEntry:
    return TrailEntry(
        "connection",
        f"A session of {call.client or 'an unnamed client'} began.",
        "",
        call.client,
        call.session,
        call.project,
    )


def _decision(call: Call, decision: Decision) -> TrailEntry:
    rule = decision.rule.where if decision.rule else ""
    return _entry(
        call, "decision", decision.reason, decision.verdict, rule=rule, files=call.files, paths=call.paths
    )


def _answer(call: Call, decision: Decision, answer: ApprovalAnswer) -> TrailEntry:
    verdict = "allow" if answer.approved else "deny"
    text = answer.reason or f"{'Approved' if answer.approved else 'Denied'} by {answer.by}."
    rule = decision.rule.where if decision.rule else ""
    return _entry(call, "approval", text, verdict, by=answer.by, extent=answer.extent, rule=rule)
