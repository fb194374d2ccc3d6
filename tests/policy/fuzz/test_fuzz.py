"""Fuzzing: any input leads to an answer or to one of our errors. Few inputs by default, many on request:

uv run python -m tests.policy.fuzz --inputs 100000
"""

import atexit
import functools
import json
import tempfile
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from server.common.errors import SettingsError, WorkspaceError
from server.policy.files.paths import confine
from server.policy.rules.detect_format import parse_policy
from server.policy.rules.evaluate import evaluate
from server.policy.rules.pattern import check_pattern, search
from server.policy.secrets.redact import redact
from server.policy.values import OPS, Call
from tests.policy.fuzz.amount import fuzz

WORDS = st.sampled_from(
    [
        "version",
        "1",
        "default",
        "deny",
        "allow",
        "hide",
        "tools",
        "*",
        "rules",
        "name",
        "action",
        "evaluate",
        "require_approval",
        "conditions",
        "path",
        "args.x",
        "state.t.c",
        "call.files",
        "op",
        "value",
        *OPS,
        "state",
        "counter",
        "window",
        "minute",
        "day",
        "increment",
        "increment_from",
        "rate_limit",
        "5/hour",
        "max",
        "limits",
        "require",
        "deny_if",
        "scope",
        "grant",
        "all_tools",
        "on_deny",
        "approval_timeout",
        "5m",
    ]
)
SCALARS = st.one_of(WORDS, st.text(max_size=8), st.integers(), st.floats(), st.booleans(), st.none())
TREES = st.recursive(
    SCALARS,
    lambda inner: st.one_of(
        st.lists(inner, max_size=4), st.dictionaries(st.one_of(WORDS, st.text(max_size=5)), inner, max_size=5)
    ),
    max_leaves=20,
)
CONDITIONS = st.fixed_dictionaries(
    {
        "path": st.sampled_from(["args.x", "args.x.y", "call.files"]),
        "op": st.sampled_from(OPS),
        "value": TREES,
    }
)
RULES = st.fixed_dictionaries(
    {"name": st.text(min_size=1, max_size=5)},
    optional={
        "action": st.sampled_from(["evaluate", "allow", "deny", "require_approval"]),
        "conditions": st.lists(CONDITIONS, max_size=3),
        "rate_limit": st.sampled_from(["5/hour", "1/minute", {"max": 3, "window": 60}, 7]),
    },
)
POLICIES = st.fixed_dictionaries(
    {
        "version": st.just("1"),
        "tools": st.dictionaries(
            st.sampled_from(["t", "*"]),
            st.fixed_dictionaries({"rules": st.lists(RULES, max_size=3)}),
            max_size=2,
        ),
    },
    optional={
        "default": st.sampled_from(["allow", "deny"]),
        "hide": st.lists(st.text(max_size=3), max_size=2),
    },
)
PIECES = st.sampled_from(
    [
        "..",
        ".",
        "/",
        "\\",
        "~",
        "a",
        "out",
        "loop",
        "C:",
        ":",
        "\x00",
        " ",
        ".git",
        "\u200c",
        "é",
        "é",
        "*",
        "nul",
        "::$DATA",
        "//",
        "�",
        "file://",
        "inside.txt",
        "secret.txt",
        "id_rsa",
    ]
)
PATHS = st.one_of(st.text(max_size=40), st.lists(PIECES, max_size=12).map("".join))


@fuzz
@given(
    text=st.one_of(
        st.text(),
        st.lists(st.one_of(WORDS, st.sampled_from(list(':-[]{}"\n &*!|>,'))), max_size=40).map("".join),
    )
)
def test_policy_texts(text: str) -> None:
    _decide(text, {})


@fuzz
@given(tree=TREES)
def test_policy_trees(tree: object) -> None:
    _decide(json.dumps(tree), {})


@fuzz
@given(policy=POLICIES, arguments=st.dictionaries(st.sampled_from(["x", "y"]), TREES))
def test_almost_valid_policies(policy: object, arguments: dict[str, object]) -> None:
    _decide(json.dumps(policy), arguments)


@functools.cache
def _folder() -> "tempfile.TemporaryDirectory[str]":
    folder = tempfile.TemporaryDirectory(prefix="token-saver-fuzz-")
    atexit.register(folder.cleanup)
    return folder


@functools.cache
def project() -> Path:
    """A project with links out of it, created once and removed at the end."""
    home = Path(_folder().name).resolve()
    (home / "secret.txt").write_text("secret")
    root = home / "project"
    (root / "a").mkdir(parents=True)
    (root / "inside.txt").write_text("inside")
    (root / "out").symlink_to("..")
    (root / "loop").symlink_to("loop")
    return root


@fuzz
@given(given_path=PATHS)
def test_paths(given_path: str) -> None:
    root = project()
    try:
        found = confine(given_path, root, (root,))
    except WorkspaceError as error:
        if not error.next_step:
            pytest.fail("an error without a next step")
        return
    assert found.is_relative_to(root)
    assert ".git" not in found.parts


@fuzz
@given(pattern=st.text(max_size=30), text=st.text(max_size=200))
def test_patterns(pattern: str, text: str) -> None:
    if check_pattern(pattern) is None:
        search(pattern, text)


@fuzz
@given(
    text=st.lists(
        st.one_of(
            st.text(max_size=20),
            st.sampled_from(
                [
                    "password=",
                    "-----BEGIN RSA PRIVATE KEY-----",
                    "ghp_",
                    "A" * 40,
                    "sk-ant-",
                    "://a:",
                    "@",
                    "'",
                    '"',
                    "\n",
                ]
            ),
        ),
        max_size=30,
    ).map("".join)
)
def test_texts_with_secrets(text: str) -> None:
    found = redact(text)
    assert (found.text == text) == (found.count == 0)


def _decide(text: str, arguments: dict[str, object]) -> None:
    try:
        policy = parse_policy(text, "policy")
    except SettingsError as error:
        if not error.cause.startswith("policy, line "):
            pytest.fail(error.cause)
        return
    for tool in ("t", "other"):
        decision = evaluate(policy, Call(tool, arguments, files=3), lambda *_: 2.0, 1e9)
        assert decision.verdict in ("allow", "deny", "limit", "approve")
        assert decision.reason
