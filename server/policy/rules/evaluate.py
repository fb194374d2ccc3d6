"""Decides on a single call: a pure function of the policy, the call and the counters' current values.

The order is documented: hidden tools, the default for tools that the file does not list, the tool's own
rules, the ``*`` rules. The first rule that refuses the call decides. Counters are compared by their value
after this call, so "at most 5" admits five calls.
"""

import itertools
import math
import operator
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import replace
from typing import Any

from server.policy.rules.pattern import search
from server.policy.values import (
    GLOBAL_SCOPE,
    ITEM_TOOL,
    NO_RULE,
    Call,
    Condition,
    Counter,
    Decision,
    Item,
    Policy,
    Reservation,
    Rule,
    Window,
)

ReadCounter = Callable[[str, Window, int], float]
"""Returns a counter's value, given its key, its window and the start of the window."""
_MISSING = object()


def asks(rule: Rule) -> str:
    """Return the reason for an approval by a rule that gives none of its own."""
    return f"The rule {rule.where} requires the user's approval"


def evaluate(policy: Policy, call: Call, read: ReadCounter, now: float) -> Decision:
    """Return the policy's decision on the call at ``now`` (seconds since the epoch)."""
    if (unknown := _not_for_clients(policy, call.tool)) is not None:
        return unknown
    facts = _Facts(policy, call, read, now)
    refusal, asking = _against(policy, facts)
    for item in call.items if refusal is None else ():
        refusal, more = _against(policy, _item_facts(policy, call, item, now))
        asking += more
        if refusal is not None:
            break
    if refusal is not None:
        return refusal
    if call.executed:
        asking = (_executing(call), *asking)
    if call.protected:
        asking = (_protecting(call), *asking)
    if asking:
        return asked(Decision("approve", "", reservations=facts.reservations()), asking)
    decisive = next(iter(policy.rules_for(call.tool)), None)
    reason = "Allowed (within the limits)." if decisive else NO_RULE
    return Decision("allow", reason, None, facts.reservations())


def asked(decision: Decision, rules: Iterable[Rule]) -> Decision:
    """Return the decision, changed to request the approvals required by all these rules."""
    first, *others = {rule.fingerprint: rule for rule in rules}.values()
    why = (rule.on_deny or asks(rule) for rule in (first, *others))
    reason = " ".join(map(_sentence, why))
    return replace(decision, verdict="approve", reason=reason, rule=first, also=tuple(others))


def approved_before(decision: Decision, granted: Callable[[Rule], bool]) -> Decision:
    """Return the decision without the approvals that were already ``granted``."""
    if decision.rule is None:
        return decision
    asking = [rule for rule in (decision.rule, *decision.also) if not granted(rule)]
    if not asking or granted(together(asking[0], tuple(asking[1:]))):
        return replace(decision, verdict="allow", reason="The user approved this before.")
    decision = asked(decision, asking)
    return replace(decision, rule=together(asking[0], decision.also))


def together(rule: Rule, others: tuple[Rule, ...]) -> Rule:
    """Combine these rules into one. An approval is remembered for the combination."""
    if not others:
        return rule
    rules = (rule, *others)
    return replace(
        rule,
        name=" and ".join(each.name for each in rules),
        conditions=tuple(condition for each in rules for condition in each.conditions),
        source=" and ".join(each.where for each in rules) if rule.source else "",
        approval_seconds=min(each.approval_seconds for each in rules),
    )


def denied_item(policy: Policy, call: Call, item: Item, now: float) -> Decision | None:
    """Return why an item of an earlier batch may not start; None if it may.

    The rules may have changed since the batch was approved, and the user approved it as a whole.
    """
    if policy.hides(call.tool) or (policy.default == "deny" and call.tool not in policy.tools):
        return Decision("deny", f"The user's policy no longer allows {call.tool}.")
    always = [rule for rule in policy.rules_for(call.tool) if rule.action == "deny" and not rule.conditions]
    facts = _item_facts(policy, call, item, now)
    return _refusal(always[0], facts, limited=False) if always else _against(policy, facts)[0]


def denied_look(policy: Policy, call: Call, now: float) -> Decision | None:
    """Return why a request related to the call is denied; None if it is allowed. The request itself does not
    count towards limits.
    """
    facts = _Facts(policy, call, lambda *_: 0.0, now)
    refusal = _not_for_clients(policy, call.tool) or _against(policy, facts)[0]
    return refusal if refusal is not None and refusal.verdict == "deny" else None


def _protecting(call: Call) -> Rule:
    names = ", ".join(call.protected)
    return Rule(
        f"protected files: {names}",
        call.tool,
        "require_approval",
        on_deny=f"It would write {names}.",
        source=f"`[paths] protect` in config.toml ({', '.join(call.protected_by)})",
    )


def _executing(call: Call) -> Rule:
    names = ", ".join(call.executed)
    return Rule(
        f"configuration that other programs run: {names}",
        call.tool,
        "require_approval",
        on_deny=f"It would write {names}, which other programs run ({', '.join(call.executed_as)}).",
        source="configuration that other programs run (exceptions: `[paths] allow` in config.toml)",
    )


def _not_for_clients(policy: Policy, tool: str) -> Decision | None:
    if policy.hides(tool):
        return Decision("deny", f"{tool} is hidden by the user's policy.")
    if policy.default == "deny" and tool not in policy.tools:
        return Decision("deny", f"The user's policy denies tools that it does not list, such as {tool}.")
    return None


def _against(policy: Policy, facts: "_Facts") -> tuple[Decision | None, tuple[Rule, ...]]:
    """Return the refusal from the first rule that refuses the call, and the rules that ask for approval."""
    asking: tuple[Rule, ...] = ()
    for rule in policy.rules_for(facts.call.tool):
        against = _judge(rule, facts)
        if against == "approve":
            asking += (rule,)
        elif against != "allow":
            return _refusal(rule, facts, against == "limit"), ()
    return None, asking


def _item_facts(policy: Policy, call: Call, item: Item, now: float) -> "_Facts":
    # Counters read 0, because a batch is one call and was counted when it was submitted.
    as_call = replace(
        call,
        tool=ITEM_TOOL,
        arguments=item.arguments,
        read_as=(item.read_as,),
        files=item.files,
        items=(),
    )
    return _Facts(policy, as_call, lambda *_: 0.0, now)


class _Facts:
    """Values available to conditions."""

    def __init__(self, policy: Policy, call: Call, read: ReadCounter, now: float) -> None:
        self.call = call
        self.now = now
        self._read = read
        self._mine = [rule.counter for rule in policy.rules_for(call.tool) if rule.counter is not None]
        self._all = {
            (rule.counter.scope, rule.counter.name): rule.counter
            for rules in policy.tools.values()
            for rule in rules
            if rule.counter is not None
        }

    def resolve(self, path: str, arguments: Mapping[str, Any]) -> Any:
        """Return the value at a condition's path in these arguments; ``_MISSING`` if there is no value."""
        if path == "call.files":
            return self.call.files
        if path.startswith("args."):
            return _descend(arguments, path.removeprefix("args.").split("."))
        _state, scope, name = path.split(".")
        counter = self._all.get((scope, name))
        if counter is None:
            return _MISSING
        value = self._read(counter.key(self.call), counter.window, counter.window.start(self.now))
        return value + (self.amount(counter) if counter in self._mine else 0.0)

    def amount(self, counter: Counter) -> float:
        """Return the amount this call adds to the counter. Only numbers above 0 count."""
        if not counter.increment_from:
            return counter.increment
        value = _descend(self.call.arguments, counter.increment_from.removeprefix("args.").split("."))
        number = _number(value)
        return max(number, 0.0) if number is not None and math.isfinite(number) else 0.0

    def reservations(self) -> tuple[Reservation, ...]:
        """Return the amount the call takes from each counter."""
        return tuple(
            Reservation(counter.key(self.call), counter.window, counter.window.start(self.now), amount)
            for counter in self._mine
            if (amount := self.amount(counter)) > 0
        )


def _judge(rule: Rule, facts: _Facts) -> str:
    """Return ``allow``, ``approve``, ``deny`` or ``limit``."""
    written = facts.call.arguments
    read_as = facts.call.read_as or (written,)
    if rule.action in ("require_approval", "deny"):
        readings = itertools.chain((written,), read_as, _with_places(facts.call))
        stands = any(_all_hold(rule.conditions, facts, each) for each in readings)
        return {"require_approval": "approve", "deny": "deny"}[rule.action] if stands else "allow"
    if all(_all_hold(rule.conditions, facts, each) for each in read_as):
        return "allow"
    return "limit" if rule.limit is not None or _only_counts(rule) else "deny"


def _with_places(call: Call) -> Iterator[Mapping[str, Any]]:
    """Yield a batch's arguments once for each output of its tasks, with the pattern replaced by the
    output.
    """
    places = (item.read_as.get("output") for item in call.items)
    return ({**call.arguments, "output": place} for place in places if place)


def _all_hold(conditions: tuple[Condition, ...], facts: _Facts, arguments: Mapping[str, Any]) -> bool:
    return all(holds(condition, facts.resolve(condition.path, arguments)) for condition in conditions)


def _only_counts(rule: Rule) -> bool:
    return all(condition.path.startswith("state.") for condition in rule.conditions)


def _refusal(rule: Rule, facts: _Facts, limited: bool) -> Decision:
    if not limited:
        reason = rule.on_deny or f"The user's rule {rule.where} denies this call."
        return Decision("deny", _sentence(reason), rule)
    counter = rule.counter
    ends = counter.window.start(facts.now) + counter.window.seconds if counter is not None else 0.0
    if rule.on_deny:
        reason = rule.on_deny
    elif rule.limit is not None and counter is not None:
        whose = "all tools" if counter.scope == GLOBAL_SCOPE else rule.tool
        reason = f"The limit of {rule.limit:.0f} calls of {whose} per {counter.window} is used up."
    else:
        reason = f"The user's limit {rule.where} is used up."
    return Decision("limit", _sentence(reason), rule, retry_at=float(ends))


def holds(condition: Condition, value: Any) -> bool:
    """Return whether the condition holds for the value at its path. For a missing value, only ``exists:
    false`` holds.
    """
    if condition.op == "exists":
        return (value is not _MISSING) == bool(condition.value)
    if value is _MISSING:
        return False
    return _OPERATORS[condition.op](value, condition.value)


def _compare(value: Any, expected: Any, compare: Callable[[float, float], bool]) -> bool:
    left, right = _number(value), _number(expected)
    return left is not None and right is not None and compare(left, right)


def _contains(value: Any, expected: Any) -> bool:
    if isinstance(value, str):
        return isinstance(expected, str) and expected in value
    return isinstance(value, list | tuple) and any(_equal(each, expected) for each in value)


def _equal(value: Any, expected: Any) -> bool:
    """Compare strings as strings, and numbers (including numeric strings) as numbers. Booleans equal only
    booleans.
    """
    if type(value) is type(expected):
        return bool(value == expected)
    left, right = _number(value), _number(expected)
    return left is not None and left == right


def _number(value: Any) -> float | None:
    """Convert to a number. Numeric strings are accepted, because tool arguments often contain them."""
    if isinstance(value, bool):
        return None
    if isinstance(value, int | float | str):
        try:
            return float(value)
        except (ValueError, OverflowError):
            return None
    return None


def _descend(value: Any, keys: list[str]) -> Any:
    for key in keys:
        if not isinstance(value, Mapping) or key not in value:
            return _MISSING
        value = value[key]
    return value


def _sentence(text: str) -> str:
    stripped = text.strip()
    return stripped if stripped.endswith((".", "!", "?")) else f"{stripped}."


_OPERATORS: dict[str, Callable[[Any, Any], bool]] = {
    "eq": _equal,
    "neq": lambda value, expected: not _equal(value, expected),
    "in": lambda value, expected: any(_equal(value, each) for each in expected),
    "not_in": lambda value, expected: not any(_equal(value, each) for each in expected),
    "lt": lambda value, expected: _compare(value, expected, operator.lt),
    "lte": lambda value, expected: _compare(value, expected, operator.le),
    "gt": lambda value, expected: _compare(value, expected, operator.gt),
    "gte": lambda value, expected: _compare(value, expected, operator.ge),
    "regex": lambda value, expected: isinstance(value, str) and search(expected, value),
    "contains": _contains,
}
