"""Tests of the examples in docs/policy.md."""

import re
import tomllib
from pathlib import Path

from server.config.sections import PathsSettings
from server.policy.rules.detect_format import parse_policy
from server.policy.rules.evaluate import evaluate
from server.policy.values import OPS, Call, Policy

PAGE = (Path(__file__).parents[2] / "docs" / "policy.md").read_text(encoding="utf-8")


def examples(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", PAGE, re.DOTALL | re.MULTILINE)


def verdict(policy: Policy, tool: str, files: int = 1, used: float = 0.0, **arguments: str) -> str:
    call = Call(tool, arguments, client="tests", session="s", files=files)
    return evaluate(policy, call, lambda *_: used, 1_000_000.0).verdict


def test_the_examples_behave_as_documented() -> None:
    asks, lists, denies = (parse_policy(text, "policy.yaml") for text in examples("yaml"))
    assert verdict(asks, "batch_offload", files=10) == "allow"
    assert verdict(asks, "batch_offload", files=11) == "approve"
    assert verdict(asks, "auto_setup") == "deny"
    assert verdict(asks, "offload_work", used=29) == "allow"
    assert verdict(asks, "offload_work", used=30) == "limit"
    assert verdict(lists, "offload_work", output="docs/a.md") == "allow"
    assert verdict(lists, "offload_work", output="src/a.py") == "deny"
    assert verdict(lists, "check_job") == "allow"
    assert verdict(lists, "pull_model") == "deny"
    assert verdict(denies, "pull_model") == "deny"
    assert verdict(denies, "offload_work") == "allow"
    assert verdict(denies, "offload_work", used=500) == "limit"


def test_the_named_settings_and_terms_exist() -> None:
    protects, allows = (PathsSettings(**tomllib.loads(text)["paths"]) for text in examples("toml"))
    assert protects.protect
    assert allows.allow
    assert all(f"`{op}`" in PAGE for op in OPS)
