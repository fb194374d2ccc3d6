"""Tests of what a trial run reports, without running anything."""

from pathlib import Path

import pytest

from server.execution.python.runtime import PythonRuntime
from server.execution.sandbox.values import JobResult
from server.offload.asking.plan import Plan
from server.offload.trial_runs import written_tests
from server.offload.trial_runs.agreement import INPUT_TOKENS, inputs_prompt, probes
from server.offload.trial_runs.unconcerned import _answers, _possibly_changed
from server.offload.trial_runs.values import TrialRun, not_run
from server.offload.values import Check, Notice, Prompt, Source, Task, Verdict

pytestmark = pytest.mark.fast

BEFORE = (
    "def rate():\n    return 1\n\n\ndef cost(n):\n    return n * rate()\n\n\ndef name():\n    return 'a'\n"
)


def source(shown: str, text: str = "") -> Source:
    return Source(Path(shown), shown, text, "", 0, len(text))


def test_findings_are_added_to_the_checks_of_the_text() -> None:
    same = Notice("removed f")
    verdict = Verdict((Check("complete", passed=True),), "a = 1", notices=(same,), strength="parsed")
    run = TrialRun(
        (Check("runs", passed=True),), (same, Notice("new")), strength="examples ran", text="a = 2"
    )
    both = run.added_to(verdict)
    assert [check.name for check in both.checks] == ["complete", "runs"]
    assert [notice.text for notice in both.notices] == ["removed f", "new"]
    assert (both.strength, both.text) == ("examples ran", "a = 2")
    missing = not_run("running it", "no sandbox. ").added_to(verdict)
    assert missing.unchecked == ("running it (no sandbox)",)
    assert (missing.strength, missing.text) == ("parsed", "a = 1")


@pytest.mark.parametrize(
    ("imports", "module"),
    [
        ("from pricing.rates import rate", "pricing.rates"),
        ("from pricing import rates", "pricing.rates"),
        ("import rates", "rates"),
        ("from . import rates", ""),
        ("import other", ""),
    ],
    ids=["from-module", "from-package", "module", "relative", "another"],
)
def test_the_tested_file_is_the_one_that_the_tests_import(imports: str, module: str) -> None:
    rates = source("src/pricing/rates.py")
    found = written_tests.tested_source(f"{imports}\n", [rates, source("README.md")])
    assert found == ((rates, module) if module else None)


def test_functions_outside_of_the_task_are_compared_if_the_edit_can_change_them() -> None:
    runtime = PythonRuntime()
    renamed = BEFORE.replace("'a'", "'b'")
    assert _possibly_changed(runtime, "Let `rate` return 1.", BEFORE, renamed) == ["name"]
    assert _possibly_changed(runtime, "Let `rate` return 2.", BEFORE, BEFORE.replace("1", "2")) == []
    assert _possibly_changed(runtime, "Change it.", BEFORE, renamed) == []


def test_answers_are_values_with_changed_arguments_or_classes_of_errors() -> None:
    records = [
        {"index": 0, "value": ["int", "0x1"], "changed": []},
        {"index": 1, "error": {"types": ["ZeroDivisionError", "Exception"]}},
        {"record": "load"},
    ]
    found = _answers(JobResult("exited", 0, records=tuple(records)))
    assert found == {0: "(['int', '0x1'], [])", 1: "ZeroDivisionError"}
    assert _answers(None) == {}


def test_samples_are_compared_on_calls_of_the_task_and_of_the_model() -> None:
    plan = Plan("generate", Task("Write cost(n): cost(2) == 2."), ())
    calls = probes(PythonRuntime(), plan, ["cost"], "```python\ncost(7);\nother(9)\n```", BEFORE)
    assert {"cost(2)", "cost(7)"} <= set(calls)
    assert "other(9)" not in calls
    prompt = inputs_prompt(
        PythonRuntime(), plan, Prompt("generate", (), 4096, 900, 0, counted=True), BEFORE, ["cost"]
    )
    assert (prompt.kind, prompt.max_tokens, prompt.num_ctx) == ("inputs", INPUT_TOKENS, 4096)
    assert "def cost(n)" in "\n".join(str(message) for message in prompt.messages)
