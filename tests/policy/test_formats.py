"""Tests of the policy engine by a table made from the published descriptions of the three formats."""

from collections.abc import Mapping
from typing import Any

import pytest

from server.common.errors import SettingsError
from server.policy.rules.detect_format import parse_policy
from server.policy.rules.evaluate import evaluate
from server.policy.values import Call

pytestmark = pytest.mark.fast

Case = tuple[str, str, dict[str, Any], Mapping[str, float], str]


def rule(text: str, tool: str = "t") -> str:
    return f'version: "1"\ntools:\n  "{tool}":\n    rules:\n      - {{name: r, {text}}}\n'


def condition(op: str, value: str, path: str = "args.x") -> str:
    return rule(f"conditions: [{{path: {path}, op: {op}, value: {value}}}]")


def json_tool(text: str) -> str:
    return f'{{"version": "1", "default": "allow", "tools": {{"t": {{{text}}}}}}}'


def limit(text: str) -> str:
    return json_tool(f'"limits": [{{"counter": "c", {text}}}]')


# (operator, value in the file, argument, allowed)
MISSING = object()
OPERATORS = [
    ("eq", "main", "main", True),
    ("eq", "main", "dev", False),
    ("eq", "main", "Main", False),
    ("eq", "5", 5, True),
    ("eq", "5", 5.0, True),
    ("eq", "5", "5", True),
    ("eq", "5", 6, False),
    ("eq", "true", True, True),
    ("eq", "true", False, False),
    ("eq", "true", 1, False),
    ("eq", '"5"', 5, True),
    ("eq", "main", MISSING, False),
    ("eq", "main", None, False),
    ("eq", "no", "no", True),
    ("eq", "2024-01-01", "2024-01-01", True),
    ("neq", "draft", "ready", True),
    ("neq", "draft", "draft", False),
    ("neq", "5", 5, False),
    ("neq", "draft", MISSING, False),
    ("in", "[usd, eur]", "usd", True),
    ("in", "[usd, eur]", "gbp", False),
    ("in", "[1, 2]", 2, True),
    ("in", "[1, 2]", "2", True),
    ("in", "[1, 2]", 3, False),
    ("in", "[]", "x", False),
    ("in", "[usd]", MISSING, False),
    ("not_in", "[admin]", "user", True),
    ("not_in", "[admin]", "admin", False),
    ("not_in", "[]", "x", True),
    ("not_in", "[admin]", MISSING, False),
    ("lt", "100", 99, True),
    ("lt", "100", 100, False),
    ("lt", "100", "99", True),
    ("lt", "100", "many", False),
    ("lt", "100", MISSING, False),
    ("lte", "50000", 50000, True),
    ("lte", "50000", 50001, False),
    ("lte", "0.5", 0.5, True),
    ("lte", "5", True, False),
    ("lte", "5", float("nan"), False),
    ("gt", "0", 1, True),
    ("gt", "0", 0, False),
    ("gt", "0", -1, False),
    ("gt", "-5", -4, True),
    ("gte", "1", 1, True),
    ("gte", "1", 0, False),
    ("gte", "1", [1], False),
    ("regex", '"^feat/"', "feat/login", True),
    ("regex", '"^feat/"', "fix/feat/", False),
    ("regex", '"(?i)^FEAT"', "feat/x", True),
    ("regex", '"b+"', "aabbcc", True),
    ("regex", '"x"', 5, False),
    ("regex", '"x"', MISSING, False),
    ("regex", r'"^\\pL+$"', "über", True),
    ("contains", "test", "a test b", True),
    ("contains", "test", "tes", False),
    ("contains", "test", ["x", "test"], True),
    ("contains", "test", ["x", "tests"], False),
    ("contains", "3", [1, 2, 3], True),
    ("contains", "3", "123", False),
    ("contains", "test", MISSING, False),
    ("contains", "test", {"test": 1}, False),
    ("exists", "true", "anything", True),
    ("exists", "true", None, True),
    ("exists", "true", MISSING, False),
    ("exists", "false", MISSING, True),
    ("exists", "false", "anything", False),
]
ALL_MUST_HOLD = rule(
    "conditions: [{path: args.a, op: lte, value: 5}, {path: args.c, op: in, value: [usd, eur]}]"
)
ASK_ABOVE = rule("action: require_approval, conditions: [{path: args.a, op: gt, value: 100}]")
SPEND = rule(
    "conditions: [{path: state.t.spend, op: lte, value: 100}], "
    "state: {counter: spend, window: day, increment_from: args.a}"
)
COUNT = rule(
    "conditions: [{path: state.t.n, op: lte, value: 5}], state: {counter: n, window: hour, increment: 2}"
)
OWN_AND_ALL = (
    'version: "1"\ntools:\n  t:\n    rules: [{name: a, rate_limit: 5/hour}]\n'
    '  "*":\n    rules: [{name: b, rate_limit: 3/minute}]\n'
)
DENY_DEFAULT = (
    'version: "1"\ndefault: deny\ntools:\n  t: {rules: []}\n  u:\n    rules: [{name: a, action: deny}]\n'
    '  "*":\n    rules: [{name: b, rate_limit: 3/minute}]\n'
)
SHORT = 'version: "1"\ntools:\n  t:\n    rules: [{action: allow, rate_limit: {max: 30, window: 60}}]\n'
QUOTA = (
    '{"version": "1", "default": "deny", "hide": ["h"], "all_tools": {"limits": '
    '[{"counter": "every", "window": "day", "max": 9}]}, "tools": {"t": {}, "preload_model": {"limits": '
    '[{"counter": "preload_model_rate", "window": "minute", "max": 30, "scope": "grant"}]}}}'
)
# (policy, tool, arguments, current counters, verdict)
CALLS: list[Case] = [
    ('version: "1"\ntools: {}\n', "t", {}, {}, "allow"),
    ('version: "1"\ndefault: allow\ntools: {}\n', "t", {}, {}, "allow"),
    ('version: "1"\ndefault: deny\ntools: {}\n', "t", {}, {}, "deny"),
    ("version: 1\ntools: {}\n", "t", {}, {}, "allow"),
    ('version: "1"\ntools:\n  t: {rules: []}\n', "t", {}, {}, "allow"),
    (DENY_DEFAULT, "t", {}, {}, "allow"),
    (DENY_DEFAULT, "t", {}, {"_global._rate_minute": 3}, "limit"),
    (DENY_DEFAULT, "u", {}, {}, "deny"),
    (DENY_DEFAULT, "unlisted", {}, {}, "deny"),
    ('version: "1"\nhide: [t]\ntools: {}\n', "t", {}, {}, "deny"),
    ('version: "1"\nhide: [t]\ntools: {}\n', "T", {}, {}, "allow"),
    ('version: "1"\nhide: ["*"]\ntools: {}\n', "t", {}, {}, "deny"),
    ('version: "1"\nhide: [t]\ntools:\n  t: {rules: []}\n', "t", {}, {}, "deny"),
    (rule("action: deny"), "t", {}, {}, "deny"),
    (rule("action: deny"), "other", {}, {}, "allow"),
    (rule("action: deny", "*"), "other", {}, {}, "deny"),
    (rule("action: allow"), "t", {}, {}, "allow"),
    (ALL_MUST_HOLD, "t", {"a": 5, "c": "eur"}, {}, "allow"),
    (ALL_MUST_HOLD, "t", {"a": 6, "c": "eur"}, {}, "deny"),
    (ALL_MUST_HOLD, "t", {"a": 5, "c": "yen"}, {}, "deny"),
    (ALL_MUST_HOLD, "t", {"a": 5}, {}, "deny"),
    (rule("rate_limit: 5/hour"), "t", {}, {"t._rate_hour": 4}, "allow"),
    (rule("rate_limit: 5/hour"), "t", {}, {"t._rate_hour": 5}, "limit"),
    (rule("rate_limit: 1/minute"), "t", {}, {}, "allow"),
    (rule("rate_limit: 1/day"), "t", {}, {"t._rate_day": 1}, "limit"),
    (rule("rate_limit: 5/hour"), "other", {}, {"t._rate_hour": 5}, "allow"),
    (rule("rate_limit: 60/minute", "*"), "other", {}, {"_global._rate_minute": 59}, "allow"),
    (rule("rate_limit: 60/minute", "*"), "other", {}, {"_global._rate_minute": 60}, "limit"),
    (OWN_AND_ALL, "t", {}, {"t._rate_hour": 4, "_global._rate_minute": 2}, "allow"),
    (OWN_AND_ALL, "t", {}, {"t._rate_hour": 5}, "limit"),
    (OWN_AND_ALL, "t", {}, {"_global._rate_minute": 3}, "limit"),
    (OWN_AND_ALL, "u", {}, {"t._rate_hour": 5}, "allow"),
    (SPEND, "t", {"a": 40}, {"t.spend": 60}, "allow"),
    (SPEND, "t", {"a": 41}, {"t.spend": 60}, "limit"),
    (SPEND, "t", {"a": -50}, {"t.spend": 101}, "limit"),
    (SPEND, "t", {}, {"t.spend": 100}, "allow"),
    (COUNT, "t", {}, {"t.n": 3}, "allow"),
    (COUNT, "t", {}, {"t.n": 4}, "limit"),
    (condition("eq", "v", "args.m.key"), "t", {"m": {"key": "v"}}, {}, "allow"),
    (condition("eq", "v", "args.m.key"), "t", {"m": "v"}, {}, "deny"),
    (condition("eq", "v", "args.m.key"), "t", {"m": {}}, {}, "deny"),
    (ASK_ABOVE, "t", {"a": 101}, {}, "approve"),
    (ASK_ABOVE, "t", {"a": 100}, {}, "allow"),
    (ASK_ABOVE, "t", {}, {}, "allow"),
    (rule("action: require_approval"), "t", {}, {}, "approve"),
    (rule("action: require_approval, approval_timeout: 30m"), "t", {}, {}, "approve"),
    (rule("action: require_approval", "*"), "t", {}, {}, "approve"),
    (rule("action: require_approval") + "  '*': {rules: [{name: d, action: deny}]}\n", "t", {}, {}, "deny"),
    (SHORT, "t", {}, {"t._rate_minute": 29}, "allow"),
    (SHORT, "t", {}, {"t._rate_minute": 30}, "limit"),
    (SHORT.replace("60", "90"), "t", {}, {"t._rate_90s": 30}, "limit"),
    (SHORT.replace("action: allow, ", ""), "t", {}, {"t._rate_minute": 30}, "limit"),
    (
        'version: "1"\ntools:\n  t:\n    rules:\n      - rate_limit: 3/hour\n',
        "t",
        {},
        {"t._rate_hour": 3},
        "limit",
    ),
    ('version: "1"\ntools: {t: {rules: [{action: deny}]}}\n', "t", {}, {}, "deny"),
    (QUOTA, "preload_model", {}, {"preload_model.preload_model_rate@s": 29}, "allow"),
    (QUOTA, "preload_model", {}, {"preload_model.preload_model_rate@s": 30}, "limit"),
    (QUOTA, "preload_model", {}, {"preload_model.preload_model_rate@other": 30}, "allow"),
    (QUOTA, "t", {}, {}, "allow"),
    (QUOTA, "t", {}, {"_global.every@s": 9}, "limit"),
    (QUOTA, "unlisted", {}, {}, "deny"),
    (QUOTA, "h", {}, {}, "deny"),
    (
        json_tool('"require": [{"path": "args.reason", "op": "exists", "value": true}]'),
        "t",
        {"reason": ""},
        {},
        "allow",
    ),
    (json_tool('"require": [{"path": "args.reason", "op": "exists", "value": true}]'), "t", {}, {}, "deny"),
    (json_tool('"deny_if": [{"path": "args.a", "op": "gt", "value": 10000}]'), "t", {"a": 10001}, {}, "deny"),
    (
        json_tool('"deny_if": [{"path": "args.a", "op": "gt", "value": 10000}]'),
        "t",
        {"a": 10000},
        {},
        "allow",
    ),
    (json_tool('"deny_if": [{"path": "args.a", "op": "gt", "value": 10000}]'), "t", {}, {}, "allow"),
    (limit('"window": "hour", "max": 2'), "t", {}, {"t.c@s": 2}, "limit"),
    (limit('"window": "hour", "max": 2, "scope": "server"'), "t", {}, {"t.c": 2}, "limit"),
    (limit('"window": "hour", "max": 2, "scope": "server"'), "t", {}, {"t.c@s": 2}, "allow"),
    (limit('"window": 10, "max": 2'), "t", {}, {"t.c@s": 1}, "allow"),
    ('{"version": "1", "default": "deny"}', "t", {}, {}, "deny"),
    ('{"version": "1", "default": "allow", "hide": ["*"]}', "t", {}, {}, "deny"),
]
# (policy, line of the error, part of the error)
BROKEN = [
    ("", 1, "empty"),
    ("[]", 1, "must be a mapping"),
    ('version: "2"\ntools: {}', 1, "version must be"),
    ("version: true\ntools: {}", 1, "version must be"),
    ('version: "1"', 1, "tools is missing"),
    ('version: "1"\ntools: 5', 2, "tools must be a mapping"),
    ('version: "1"\ntool: {}', 2, 'no "tool"'),
    ('version: "1"\ndefault: maybe\ntools: {}', 2, "allow or deny"),
    ('version: "1"\nhide: [a, ""]\ntools: {}', 2, "must not be empty"),
    ('version: "1"\nhide: [a, a]\ntools: {}', 2, "twice"),
    ('version: "1"\nhide: a\ntools: {}', 2, "must be a list"),
    ('version: "1"\ntools:\n  t:\n  t:\n', 4, "occurs twice"),
    ('version: "1"\ntools:\n  t: {}', 3, "no rules"),
    (rule("action: block"), 5, "action must be"),
    (rule("action: evaluate"), 5, "at least one condition"),
    (rule("action: deny, conditions: [{path: args.a, op: eq, value: 1}]"), 5, "always denies"),
    (rule("action: deny, rate_limit: 5/hour"), 5, "always denies"),
    (rule("rate_limit: 5/hour, conditions: [{path: args.a, op: eq, value: 1}]"), 5, "cannot be combined"),
    (rule("rate_limit: 5/hour, state: {counter: a, window: hour}"), 5, "cannot be combined"),
    (rule("rate_limit: 0/hour"), 5, "from 1 to"),
    (rule("rate_limit: -1/hour"), 5, "rate_limit must be like"),
    (rule("rate_limit: 5/week"), 5, "rate_limit must be like"),
    (rule("rate_limit: 5"), 5, "rate_limit must be like"),
    (rule("rate_limit: {max: 5}"), 5, "needs window"),
    (rule("rate_limit: {max: 5.5, window: 60}"), 5, "whole number"),
    (rule("rate_limit: {max: 5, window: 0}"), 5, "from 1 to"),
    (rule("action: require_approval, rate_limit: 5/hour"), 5, "cannot have a rate_limit"),
    (rule("action: require_approval, approval_timeout: soon"), 5, "30m"),
    (rule("action: require_approval, approval_timeout: 0s"), 5, "above 0"),
    (rule("rate_limit: 5/hour, approval_timeout: 5m"), 5, "belongs to require_approval"),
    (condition("eq", "1", "arg.x"), 5, "path must be"),
    (condition("eq", "1", "args."), 5, "path must be"),
    (condition("like", "1"), 5, "unknown operator"),
    (condition("in", "5"), 5, "needs a list"),
    (condition("lt", "many"), 5, "needs a number"),
    (condition("lt", "true"), 5, "needs a number"),
    (condition("exists", "1"), 5, "true or false"),
    (condition("regex", "5"), 5, "needs a string"),
    (condition("regex", '"("'), 5, "not a regular expression"),
    (condition("regex", '"' + "a" * 501 + '"'), 5, "at most 500"),
    (condition("lte", "5", "state.t.unknown"), 5, "no rule's state counts it"),
    (rule('conditions: [{path: args.a, op: eq, value: 1}], state: {counter: "", window: hour}'), 5, "empty"),
    (
        rule("conditions: [{path: args.a, op: eq, value: 1}], state: {counter: a, window: week}"),
        5,
        "minute, hour",
    ),
    (
        rule(
            "conditions: [{path: args.a, op: eq, value: 1}],"
            " state: {counter: a, window: day, increment_from: state.a}"
        ),
        5,
        "increment_from must be",
    ),
    (
        rule("rate_limit: 5/hour") + "      - {name: b, rate_limit: 6/hour}\n",
        6,
        "already used",
    ),
    ('version: "1"\ntools:\n\tt: 1', 3, "not valid YAML"),
    ('version: "1"\ntools: {t: [}', 2, "not valid YAML"),
    ('version: "1"\ntools: !!python/object:os.system {}', 2, "not allowed"),
    ("version: '1'\n<<: {}\ntools: {}", 2, 'no "<<"'),
    ("a: " + "[" * 100, 1, ""),
    ("x" * 300_000, 1, "larger than"),
    ('{"version": "1", "tools": {}}', 1, "default is missing"),
    ('{"version": "1", "default": "allow",\n"tools": {"t": {"limit": []}}}', 2, 'no "limit"'),
    (limit('"window": "week", "max": 1'), 1, "window must be"),
    (limit('"window": "hour", "max": 0'), 1, "from 1 to"),
    (limit('"window": "hour"'), 1, "max is missing"),
    (limit('"window": "hour", "max": 1, "scope": "galaxy"'), 1, "scope must be"),
    (json_tool('"limits": 1'), 1, "must be a list"),
    (json_tool('"deny_if": [{"path": "state.t.c", "op": "gt", "value": 1}]'), 1, "use limits"),
    ('{"version": "1",\n"default": "allow" "tools": {}}', 2, '"," is missing'),
    ('{"version": "1", "default": "allow", "default": "deny"}', 1, "occurs twice"),
    ('{"version": "1", "default": nope}', 1, "not valid JSON"),
    ('{"version": "1", "default": "allow"} extra', 1, "unexpected text after the end"),
    (
        'version: "1"\ntools:\n  a: {rules: []}\n  b:\n    limits: []\n',
        5,
        "mixes Intercept's rules with PolicyLayer's",
    ),
]


@pytest.mark.parametrize(("op", "value", "argument", "allowed"), OPERATORS)
def test_operators(op: str, value: str, argument: Any, allowed: bool) -> None:
    policy = parse_policy(condition(op, value), "policy.yaml")
    arguments = {} if argument is MISSING else {"x": argument}
    decision = evaluate(policy, Call("t", arguments), lambda *_: 0.0, 0.0)
    assert decision.verdict == ("allow" if allowed else "deny")


@pytest.mark.parametrize(("text", "tool", "arguments", "counters", "verdict"), CALLS)
def test_calls(
    text: str, tool: str, arguments: dict[str, Any], counters: Mapping[str, float], verdict: str
) -> None:
    policy = parse_policy(text, "policy")
    call = Call(tool, arguments, session="s")
    assert evaluate(policy, call, lambda key, *_: counters.get(key, 0.0), 0.0).verdict == verdict


@pytest.mark.parametrize(("text", "line", "words"), BROKEN)
def test_errors_name_the_line(text: str, line: int, words: str) -> None:
    with pytest.raises(SettingsError) as caught:
        parse_policy(text, "policy.yaml")
    assert caught.value.cause.startswith(f"policy.yaml, line {line}: ")
    assert words in caught.value.cause


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (OWN_AND_ALL, "intercept"),
        (SHORT, "intercept short form"),
        (QUOTA, "policylayer"),
        ('version: "1"\ndefault: allow\ntools: {t: {limits: []}}', "policylayer"),
        ('{"version": "1", "tools": {"t": {"rules": []}}}', "intercept"),
    ],
)
def test_the_format_is_detected_by_its_keys(text: str, expected: str) -> None:
    assert parse_policy(text, "policy").format == expected


def test_an_alias_bomb_is_refused() -> None:
    layers = "\n".join(f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]" for n in range(1, 9))
    with pytest.raises(SettingsError, match="too many"):
        parse_policy(f"a0: &a0 [x]\n{layers}\n", "policy.yaml")


def test_the_agent_gets_the_reason() -> None:
    told = rule("rate_limit: 5/hour, on_deny: Enough for now")
    decision = evaluate(parse_policy(told, "p"), Call("t"), lambda *_: 5.0, 1_000_000.0)
    assert decision.reason == "Enough for now."
    assert decision.retry_at == 1_000_800.0


def test_a_bad_pattern_cannot_stall_a_call() -> None:
    policy = parse_policy(condition("regex", '"(a+)+$"'), "p")
    decision = evaluate(policy, Call("t", {"x": "a" * 500_000 + "b"}), lambda *_: 0.0, 0.0)
    assert decision.verdict == "deny"


def test_the_table_has_the_documented_length() -> None:
    assert len(OPERATORS) + len(CALLS) + len(BROKEN) >= 150
