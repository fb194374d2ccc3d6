"""Tests of the policy gate: limits, approvals, records on the trail."""

import asyncio
import contextlib
import sqlite3
import time
from dataclasses import replace

import pytest

from server.common.errors import Denied
from server.common.events import ApprovalAnswered, ApprovalRequested
from server.policy.approvals import Approval, ApprovalAnswer, Extent
from server.policy.gate import Gate
from server.policy.values import Call
from tests.policy.conftest import GateHarness, Run
from tests.policy.tries import FIVE, tries

ASK = (
    'version: "1"\ntools:\n  work:\n    rules:\n'
    "      - {name: ask, action: require_approval, approval_timeout: %s}\n"
)


@pytest.mark.parametrize("limit", [1, 7, 30, 99])
def test_a_limit_of_n_admits_n_of_100_concurrent_calls(harness: GateHarness, run: Run, limit: int) -> None:
    harness.write_policy(FIVE.replace("5/", f"{limit}/"))

    async def story() -> list[str]:
        async with harness.gate() as gate:
            return await asyncio.gather(*(tries(gate, Call("work", session=str(n))) for n in range(100)))

    results = run(story())
    assert results.count("passed") == limit
    assert results.count("limited") == 100 - limit


def test_a_call_cancelled_during_its_decision_does_not_count(harness: GateHarness, run: Run) -> None:
    harness.write_policy(FIVE.replace("5/", "1/"))

    async def story() -> list[str]:
        async with harness.gate() as gate:
            with contextlib.closing(sqlite3.connect(harness.folders.database, isolation_level=None)) as other:
                other.execute("BEGIN IMMEDIATE")
                call = asyncio.create_task(tries(gate, Call("work")))
                await asyncio.sleep(0.1)
                call.cancel()
                await asyncio.wait([call])
        async with harness.gate() as gate:  # reservations are returned when the first gate is closed
            return [await tries(gate, Call("work")) for _ in range(2)]

    assert run(story()) == ["passed", "limited"]


def test_a_limit_holds_across_restarts_and_ends_with_its_window(harness: GateHarness, run: Run) -> None:
    harness.write_policy(FIVE)

    async def start(calls: int) -> list[str]:
        async with harness.gate() as gate:
            return [await tries(gate, Call("work")) for _ in range(calls)]

    assert [result for _ in range(4) for result in run(start(2))] == ["passed"] * 5 + ["limited"] * 3
    harness.clock.now += 60 - harness.clock.now % 60 - 0.001
    assert run(start(1)) == ["limited"]
    harness.clock.now += 0.001
    assert run(start(1)) == ["passed"]


def test_a_failed_or_cancelled_call_returns_its_reservation(harness: GateHarness, run: Run) -> None:
    harness.write_policy(FIVE.replace("5/", "1/"))

    async def story() -> list[str]:
        async with harness.gate() as gate:
            failed = await tries(gate, Call("work"), fail=True)
            await gate.close()

            async def hang() -> None:
                async with gate.enter(Call("work")):
                    await asyncio.sleep(60)

            task = asyncio.create_task(hang())
            while not (await gate.trail.search(kind="decision"))[1:]:
                await asyncio.sleep(0.01)
            during = await tries(gate, Call("work"))
            task.cancel()
            await asyncio.wait([task])
            await gate.close()
            return [failed, during, await tries(gate, Call("work")), await tries(gate, Call("work"))]

    assert run(story()) == ["passed", "limited", "passed", "limited"]


def test_a_grant_counts_each_session_separately(harness: GateHarness, run: Run) -> None:
    harness.folders.policy_file.with_suffix(".json").write_text(
        '{"version": "1", "default": "deny", "tools": {"work": {"limits": '
        '[{"counter": "c", "window": "hour", "max": 1, "scope": "grant"}]}}}'
    )

    async def story() -> list[str]:
        async with harness.gate() as gate:
            sessions = ("a", "b", "a", "b")
            return [await tries(gate, Call("work", session=session)) for session in sessions]

    assert run(story()) == ["passed", "passed", "limited", "limited"]


@pytest.mark.parametrize(
    ("answer", "outcomes"),
    [
        (ApprovalAnswer(True, "once", "tray"), ["passed", "asked"]),
        (ApprovalAnswer(True, "session", "tray"), ["passed", "passed"]),
        (ApprovalAnswer(True, "project", "tray"), ["passed", "passed"]),
        (ApprovalAnswer(False, "once", "dashboard", "not now"), ["denied", "asked"]),
    ],
)
def test_an_approval_holds_for_its_scope(
    harness: GateHarness, run: Run, answer: ApprovalAnswer, outcomes: list[str]
) -> None:
    harness.write_policy(ASK % "1m")
    call = Call("work", session="s", project="/p")

    async def ask(gate: Gate, call: Call, answer: ApprovalAnswer | None) -> str:
        task = asyncio.create_task(tries(gate, call))
        while not task.done() and not gate.approvals.pending():
            await asyncio.sleep(0.005)
        if task.done():
            return await task
        if answer is None:
            gate.approvals.answer(gate.approvals.pending()[0].id, ApprovalAnswer(False))
            await task
            return "asked"
        assert gate.approvals.answer(gate.approvals.pending()[0].id, answer)
        return await task

    async def story() -> list[str]:
        async with harness.gate() as gate:
            return [await ask(gate, call, answer), await ask(gate, call, None)]

    assert run(story()) == outcomes
    assert [type(event) for event in harness.events][:2] == [ApprovalRequested, ApprovalAnswered]

    async def after_restart() -> str:
        async with harness.gate() as gate:
            return await ask(gate, call, None)

    assert run(after_restart()) == ("passed" if answer.extent == "project" else "asked")


TWO = """version: "1"
tools:
  work:
    rules:
      - name: models
        action: require_approval
        conditions: [{path: args.model, op: exists, value: true}]
        on_deny: A model of its own
      - {name: many, action: require_approval, on_deny: Many files,
         conditions: [{path: call.files, op: gt, value: 50}]}
"""


@pytest.mark.parametrize("extent", ["session", "project"])
def test_an_approval_for_one_rule_does_not_count_for_others(
    harness: GateHarness, run: Run, extent: Extent
) -> None:
    harness.write_policy(TWO)
    model, many = Call("work", {"model": "m"}, session="s", project="/p"), Call("work", {}, files=51)
    many = replace(many, session="s", project="/p")
    both = replace(many, arguments={"model": "m"})
    secret = replace(both, protected=(".env",))

    async def reason(gate: Gate, call: Call, answer: ApprovalAnswer) -> str:
        entered = asyncio.create_task(tries(gate, call))
        while not entered.done() and not gate.approvals.pending():
            await asyncio.sleep(0.005)
        if entered.done():
            return await entered
        approval = gate.approvals.pending()[0]
        gate.approvals.answer(approval.id, answer)
        assert await entered == ("passed" if answer.approved else "denied")
        return approval.reason

    async def story() -> list[str]:
        yes, no = ApprovalAnswer(True, extent), ApprovalAnswer(False)
        calls = [(model, yes), (both, no), (secret, no), (both, yes), (both, no), (secret, no), (many, no)]
        async with harness.gate() as gate:
            return [await reason(gate, *call) for call in calls]

    env = "It would write .env."
    assert run(story()) == [
        "A model of its own.", "Many files.", f"{env} Many files.", "Many files.", "passed", env, "passed",
    ]  # fmt: skip


def test_a_joint_approval_is_remembered_as_one(harness: GateHarness, run: Run) -> None:
    harness.write_policy(TWO)
    both = Call("work", {"model": "m"}, session="s", project="/p", files=51)
    alone = replace(both, files=1)

    async def story() -> list[str]:
        async with harness.gate() as gate:
            entered = asyncio.create_task(tries(gate, both))
            while not gate.approvals.pending():
                await asyncio.sleep(0.005)
            approval = gate.approvals.pending()[0]
            gate.approvals.answer(approval.id, ApprovalAnswer(True, "session"))
            results = [approval.reason, await entered, await tries(gate, both)]
            asking = asyncio.create_task(tries(gate, alone))
            while not gate.approvals.pending():
                await asyncio.sleep(0.005)
            gate.approvals.answer(gate.approvals.pending()[0].id, ApprovalAnswer(False))
            return [*results, await asking]

    assert run(story()) == ["A model of its own. Many files.", "passed", "passed", "denied"]


def test_an_accepted_answer_stays_valid_at_the_deadline(harness: GateHarness, run: Run) -> None:
    """The answer comes at the same moment as the timeout."""
    harness.write_policy(ASK % "1s")

    async def story() -> None:
        async with harness.gate() as gate:
            entered = asyncio.create_task(tries(gate, Call("work")))
            while not gate.approvals.pending():
                await asyncio.sleep(0)
            waiting = gate.approvals.pending()[0].id
            told: list[bool] = []
            # The event loop runs both next: the timeout, and right after it this answer.
            asyncio.get_running_loop().call_later(
                1.05, lambda: told.append(gate.approvals.answer(waiting, ApprovalAnswer(True, by="tray")))
            )
            time.sleep(1.1)
            assert await entered == "passed"
            assert told == [True]

    run(story())


def test_the_first_answer_counts_and_a_timeout_denies(harness: GateHarness, run: Run) -> None:
    harness.write_policy(ASK % "10m")

    async def client(_approval: Approval) -> ApprovalAnswer | None:
        await asyncio.sleep(0.05)
        return ApprovalAnswer(True, by="client")

    async def story() -> None:
        async with harness.gate() as gate:
            async with gate.enter(Call("work"), client):
                pass
            harness.write_policy(ASK % "1s")
            with pytest.raises(Denied, match="No answer in time"):
                async with gate.enter(Call("work")):
                    pass
            harness.write_policy(ASK % "10m")
            entered = asyncio.create_task(tries(gate, Call("work")))
            while not gate.approvals.pending():
                await asyncio.sleep(0.005)
            waiting = gate.approvals.pending()[0].id
            answers = [gate.approvals.answer(waiting, ApprovalAnswer(n == 0, by=str(n))) for n in range(3)]
            assert answers == [True, False, False]
            assert await entered == "passed"
            assert [record.verdict for record in await gate.trail.search(kind="approval")] == [
                "allow",
                "deny",
                "allow",
            ]

    run(story())


def test_the_shipped_rules(harness: GateHarness, run: Run) -> None:
    async def story() -> None:
        async with harness.gate() as gate:
            for tool in ("offload_work", "pull_model"):
                results = [await tries(gate, Call(tool, files=50)) for _ in range(31)]
                assert results == ["passed"] * 30 + ["limited"]
            assert {await tries(gate, Call("cost_dashboard")) for _ in range(100)} == {"passed"}
            harness.clock.now += 60
            waits = asyncio.create_task(tries(gate, Call("offload_work", files=51, paths=("a.py",))))
            while not gate.approvals.pending():
                await asyncio.sleep(0.005)
            assert gate.approvals.pending()[0].call.paths == ("a.py",)
            gate.approvals.answer(gate.approvals.pending()[0].id, ApprovalAnswer(False, reason="too many"))
            assert await waits == "denied"

    run(story())


def test_a_hidden_tool_is_refused(harness: GateHarness, run: Run) -> None:
    harness.write_policy('version: "1"\nhide: [work]\ntools: {}\n')

    async def story() -> None:
        async with harness.gate() as gate:
            assert gate.hidden("work")
            assert not gate.hidden("other")
            with pytest.raises(Denied, match="work is hidden"):
                async with gate.enter(Call("work")):
                    pass

    run(story())


def test_every_decision_is_recorded(harness: GateHarness, run: Run) -> None:
    harness.write_policy(FIVE.replace("5/", "1/"))

    async def story() -> None:
        async with harness.gate() as gate:
            for _ in range(2):
                await tries(gate, Call("work", client="claude-code", session="s", project="/p"))
            decisions = await gate.trail.search(kind="decision")
            assert [record.verdict for record in decisions] == ["limit", "allow"]
            assert '"five" of work (line 5)' in decisions[0].details.replace("\\", "")
            assert len(await gate.trail.search(kind="connection")) == 1
            assert (await gate.trail.verify()).problem == ""

    run(story())
