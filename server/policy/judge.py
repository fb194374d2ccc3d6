"""Gives ``rules/evaluate.py`` the counters and earlier approvals, for the gate and for ``policy test``."""

from collections.abc import Callable

from sqlalchemy import Connection

from server.policy.approvals import granted_in_project
from server.policy.limits import counter_reader
from server.policy.rules.evaluate import approved_before, evaluate
from server.policy.values import Call, Decision, Policy, Rule


def judge(
    policy: Policy,
    call: Call,
    connection: Connection | None,
    now: float,
    granted_in_session: Callable[[Call, Rule], bool] = lambda _call, _rule: False,
) -> Decision:
    """Return the decision on a call at ``now`` (seconds since the epoch). Nothing is counted or recorded.

    Args:
        connection: the database with counters and approvals; None if it does not exist yet.
        granted_in_session: whether the user approved the rule for the rest of the client's session.
    """
    if connection is None:
        return evaluate(policy, call, lambda _key, _window, _start: 0.0, now)
    decision = evaluate(policy, call, counter_reader(connection), now)
    if decision.verdict != "approve":
        return decision
    return approved_before(
        decision, lambda rule: granted_in_session(call, rule) or granted_in_project(connection, call, rule)
    )
