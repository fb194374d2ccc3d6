"""Judges the records from a script's evaluation, outside the sandbox."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from server.execution.findings import FactResult, Load, Verdict
from server.execution.python.facts import Fact
from server.execution.python.verdicts import NotComparable, decode, holds
from server.execution.sandbox.values import JobResult

Cause = Callable[[Mapping[str, Any]], str | None]
"""Returns the external cause of an error; None if the code itself is at fault."""


def judge_load(result: JobResult, records: Sequence[Mapping[str, Any]], cause: Cause) -> Load:
    """Return the result of loading the code."""
    if result.ending == "not started":
        return Load("not run", f"the sandbox did not start: {result.reason}")
    record = next((each for each in records if each["record"] == "load"), None)
    if record is None:
        return Load("failed", how_it_ended(result, "while it was loaded"))
    printed = bool(record.get("printed"))
    if not isinstance(error := record.get("error"), Mapping):
        return Load("passed", printed=printed)
    outside = cause(error)
    verdict: Verdict = "not run" if outside else "failed"
    return Load(verdict, outside or described(error), printed)


def judge_fact(  # noqa: PLR0911 - one return an outcome
    fact: Fact,
    record: Mapping[str, Any] | None,
    expected: Mapping[str, Any],
    result: JobResult,
    cause: Cause,
) -> FactResult:
    """Judge one fact by its record.

    Args:
        fact: the fact.
        record: the record for the fact from the code's process; None if there is none.
        expected: the ``value`` of the right side, or the ``error`` from evaluating it.
        result: how the code's process ended.
        cause: finds external causes.
    """
    if "error" in expected:
        return FactResult(fact, "not run", f"the expected value is unavailable: {expected['error']}")
    if record is None:
        return FactResult(fact, "failed", how_it_ended(result, f"at `{fact.left}`"))
    changed = tuple(record.get("changed", ()))
    error = record.get("error")
    if isinstance(error, Mapping):
        raised = [str(kind).partition(".")[2] for kind in error.get("types", ())]
        if fact.operator == "raises" and fact.right in raised:
            return FactResult(fact, "passed")
        outside = cause(error)
        return FactResult(fact, "not run" if outside else "failed", outside or described(error))
    if fact.operator == "raises":
        return FactResult(fact, "failed", f"`{fact.left}` raises nothing", changed)
    try:
        passed = holds(fact, record.get("value"), expected.get("value"))
        seen = "" if passed else f"`{fact.left}` is {repr(decode(record.get('value')))[:200]}"
    except NotComparable as reason:
        return FactResult(fact, "not run", str(reason), changed)
    return FactResult(fact, "passed" if passed else "failed", seen, changed)


def described(error: Mapping[str, Any]) -> str:
    """Return a description of an error, including its line."""
    kind = str(next(iter(error.get("types", ())), "Error")).partition(".")[2]
    line = error.get("line")
    return f"{kind}: {error.get('message', '')}" + (f" (line {line})" if line else "")


def how_it_ended(result: JobResult, place: str) -> str:
    """Describe how a process that produced no report ended."""
    if result.ending == "exited":
        return f"It ended its process {place}."
    if result.ending == "signal":
        return f"It crashed {place} (signal {result.exit_status})."
    return f"{result.reason.removesuffix('.')} {place}."
