"""The one place that every tool call passes, whatever its transport.

``async with gate.enter(call)``: the rules are asked, counters reserved and the decision recorded in one
transaction; a call that needs the user's approval waits; one that fails gives its reservations back.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Connection

from server.errors import Denied, Limited
from server.policy.approvals import (
    Answer,
    Approvals,
    AskElsewhere,
    grant_in_project,
    granted_in_project,
)
from server.policy.evaluate import evaluate
from server.policy.file import DENY_ALL, Loaded, PolicyFile
from server.policy.limits import counter_reader, reserve, roll_back
from server.policy.trail import Entry, Record, Trail, append
from server.policy.values import Call, Decision, Reservation
from server.store.database import Database


@dataclass
class Passage:
    """A call inside the gate. ``fail`` marks it as failed, for a result that is an error."""

    failed: bool = False

    def fail(self) -> None:
        """Let the call not count: what it reserved is given back."""
        self.failed = True


class Gate:
    """Lets calls pass, or raises why not."""

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
        self._giving_back: set[asyncio.Task[None]] = set()

    def hidden(self, tool: str) -> bool:
        """Whether the tool is to be left out of ``tools/list``."""
        return self.file.current().policy.hides(tool)

    @asynccontextmanager
    async def enter(self, call: Call, elsewhere: AskElsewhere | None = None) -> AsyncIterator[Passage]:
        """Hold a call within the ``with`` block, once it may run.

        ``elsewhere`` asks for approval by another way, beside the tray and the dashboard.

        Raises:
            Denied: a rule or the user said no.
            Limited: a rate limit is used up.
            StoreError: the decision cannot be recorded; then nothing passes.
        """
        loaded = self.file.current()
        decision, record = await self._database.write(
            lambda connection: self._decide(connection, loaded, call)
        )
        self.trail.wrote(record)
        self._raise_refusal(loaded, decision)
        passage = Passage(failed=True)
        try:
            if decision.verdict == "approve":
                await self._approve(call, decision, elsewhere)
            passage.failed = False
            yield passage
        except BaseException:
            passage.failed = True
            raise
        finally:
            if passage.failed and decision.reservations:
                # Not awaited: a cancelled call may not wait for anything any more.
                self._in_background(self._give_back(decision.reservations))

    async def close(self) -> None:
        """Wait for reservations that are being given back."""
        await asyncio.gather(*self._giving_back)

    def _decide(self, connection: Connection, loaded: Loaded, call: Call) -> tuple[Decision, Record]:
        now = self._clock()
        if (call.client, call.session) not in self._seen:
            self._seen.add((call.client, call.session))
            append(connection, _connection(call), now)
        decision = evaluate(loaded.policy, call, counter_reader(connection), now)
        rule = decision.rule
        if decision.verdict == "approve" and rule is not None:
            granted = self.approvals.granted_in_session(call, rule) or granted_in_project(
                connection, call, rule
            )
            if granted:
                decision = replace(decision, verdict="allow", reason="The user approved it before.")
        reserve(connection, decision.reservations, now)
        return decision, append(connection, _decision(call, decision), now)

    def _raise_refusal(self, loaded: Loaded, decision: Decision) -> None:
        if decision.verdict == "limit":
            until = datetime.fromtimestamp(decision.retry_at, UTC)
            when = f"after {until:%H:%M:%S} UTC" if decision.retry_at else "later"
            raise Limited(decision.reason, f"Try again {when}, or do the task yourself.")
        if decision.verdict == "deny" and loaded.policy is DENY_ALL:
            raise Denied(
                f"The policy file is broken, so nothing passes: {loaded.error}",
                "Tell the user; do the task yourself.",
            )
        if decision.verdict == "deny":
            raise Denied(decision.reason, "Do the task yourself, or ask the user to change the policy.")

    async def _approve(self, call: Call, decision: Decision, elsewhere: AskElsewhere | None) -> None:
        rule = decision.rule
        if rule is None:  # cannot be: only rules ask
            raise Denied(decision.reason, "Ask the user.")
        answer = await self.approvals.wait(call, rule, decision.reason, self._clock(), elsewhere)
        record = await self._database.write(
            lambda connection: self._record_answer(connection, call, decision, answer)
        )
        self.trail.wrote(record)
        if not answer.approved:
            said = f"The user did not approve it ({answer.reason})." if answer.reason else ""
            raise Denied(
                said.replace(".)", ")") or "The user did not approve it.",
                "Do not retry; do the task yourself or in smaller steps, or ask the user.",
            )

    def _record_answer(
        self, connection: Connection, call: Call, decision: Decision, answer: Answer
    ) -> Record:
        now = self._clock()
        if answer.approved and answer.extent == "project" and decision.rule is not None:
            grant_in_project(connection, call, decision.rule, now)
        return append(connection, _answer(call, decision, answer), now)

    async def _give_back(self, reservations: tuple[Reservation, ...]) -> None:
        await self._database.write(lambda connection: roll_back(connection, reservations))

    def _in_background(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work)
        self._giving_back.add(task)
        task.add_done_callback(self._giving_back.discard)


def _entry(call: Call, kind: str, text: str, verdict: str, **details: object) -> Entry:
    return Entry(kind, text, call.tool, call.client, call.session, call.project, verdict, details)


def _connection(call: Call) -> Entry:
    return Entry(
        "connection",
        f"{call.client or 'A client'} made its first call.",
        "",
        call.client,
        call.session,
        call.project,
    )


def _decision(call: Call, decision: Decision) -> Entry:
    rule = decision.rule.where if decision.rule else ""
    return _entry(
        call, "decision", decision.reason, decision.verdict, rule=rule, files=call.files, paths=call.paths
    )


def _answer(call: Call, decision: Decision, answer: Answer) -> Entry:
    verdict = "allow" if answer.approved else "deny"
    text = answer.reason or f"{'Approved' if answer.approved else 'Denied'} by {answer.by}."
    rule = decision.rule.where if decision.rule else ""
    return _entry(call, "approval", text, verdict, by=answer.by, extent=answer.extent, rule=rule)
