"""The best of several samples: the first that passes its examples, else the behaviour that most agree on."""

import json
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

from server.execution.python.causes import outside_cause
from server.execution.python.check import LIMITS, PythonCheck, Runs, check_python
from server.execution.python.facts import Fact, with_imports
from server.execution.python.names import unbound_names
from server.execution.sandbox.values import JobResult, Limits, PythonJob

Draw = Callable[[int, str], Awaitable[str | None]]
"""Makes the sample of a number, counted from 0, given what was wrong with the one before ("" for nothing);
None if there are no more."""
Reason = Literal["examples", "agreement", "no agreement", "examples failed", "no probes", "not run"]


@dataclass(frozen=True)
class Rules:
    """When a sample is delivered.

    Attributes:
        samples: at most so many are drawn.
        agree: so many have to behave alike. Two are not enough: wrong groups of two of seven were seen.
    """

    samples: int = 6
    agree: int = 3


@dataclass(frozen=True)
class Choice:
    """What came of it.

    Attributes:
        source: the chosen sample; None if the work is handed back.
        reason: why it was chosen, or why none was.
        samples: how many were drawn.
        behaviours: sizes of the groups that behave alike, largest first.
        detail: one sentence for the reply if nothing was chosen.
        check: the check of the chosen sample, if examples decided.
    """

    source: str | None
    reason: Reason
    samples: int
    behaviours: tuple[int, ...] = ()
    detail: str = ""
    check: PythonCheck | None = None


async def first_that_passes(
    draw: Draw,
    sandbox: Runs,
    facts: Sequence[Fact],
    *,
    rules: Rules = Rules(),
    project_modules: Collection[str] = (),
    limits: Limits = LIMITS,
) -> Choice:
    """Draw samples until one passes everything that runs, and at least one fact."""
    failure, drawn = "", 0
    while drawn < rules.samples and (source := await draw(drawn, failure)) is not None:
        drawn += 1
        check = await check_python(sandbox, source, facts, project_modules=project_modules, limits=limits)
        if check.load.verdict == "not run":
            return Choice(None, "not run", drawn, detail=f"It could not be run: {check.load.detail}.")
        if not check.failed and any(result.verdict == "passed" for result in check.facts):
            return Choice(source, "examples", drawn, check=check)
        if not check.failed:
            causes = ", ".join(dict.fromkeys(result.detail for result in check.facts))
            return Choice(None, "not run", drawn, detail=f"No example could be run: {causes}.")
        failure = _failure(check)
    return Choice(
        None, "examples failed", drawn, detail=f"{drawn} samples, none passes the examples: {failure}"
    )


async def agreed(
    draw: Draw,
    sandbox: Runs,
    probes: Sequence[str],
    *,
    rules: Rules = Rules(),
    project_modules: Collection[str] = (),
    files: Mapping[str, str] | None = None,
    limits: Limits = LIMITS,
) -> Choice:
    """Draw samples until so many behave alike on the probes that the rest cannot change the decision."""
    if not probes:
        return Choice(None, "no probes", 0, detail="Nothing shows how it should behave; give examples.")
    groups: dict[str, list[str]] = {}
    drawn = 0
    while not _decided(groups, drawn, rules):
        if (source := await draw(drawn, "")) is None:
            break
        drawn += 1
        result = await _probed(sandbox, PythonJob(source, files=files or {}, limits=limits), probes)
        if result is not None and (cause := _outside_cause(result, project_modules)) is not None:
            return Choice(None, "not run", drawn, detail=f"It could not be run: {cause}.")
        if result is not None and (found := _behaviour(result, len(probes))) is not None:
            groups.setdefault(found, []).append(source)
    sizes = tuple(sorted(map(len, groups.values()), reverse=True))
    if sizes and sizes[0] >= rules.agree and (len(sizes) == 1 or sizes[1] < sizes[0]):
        return Choice(max(groups.values(), key=len)[0], "agreement", drawn, sizes)
    counted = f"{drawn} samples, {len(sizes)} behaviours"
    return Choice(None, "no agreement", drawn, sizes, f"{counted}; give examples, or do it yourself.")


async def _probed(sandbox: Runs, sample: PythonJob, probes: Sequence[str]) -> JobResult | None:
    """Run the probes on a sample; None if it does not compile."""
    try:
        bound = unbound_names(sample.source).bound
    except (SyntaxError, ValueError):
        return None
    job = replace(sample, expressions=tuple(with_imports(probe, bound) for probe in probes))
    (result,) = await sandbox.run([job])
    return result


def _outside_cause(result: JobResult, project_modules: Collection[str]) -> str | None:
    """Return the cause outside the code that kept all of it from running, if there is one."""
    if result.ending == "not started":
        return f"the sandbox did not start: {result.reason}"
    errors = [record["error"] for record in result.records if isinstance(record.get("error"), dict)]
    if not errors or any("value" in record for record in result.records):
        return None
    found = [outside_cause(error, project_modules) for error in errors]
    return found[0] if all(found) else None


def _behaviour(result: JobResult, probes: int) -> str | None:
    """Return what the code does on the probes, as a text that is equal for equal behaviour.

    None if it shows no behaviour: it does not load, or every probe ends in an error, or returns None and
    changes nothing.
    """
    records = {record["index"]: record for record in result.records if isinstance(record.get("index"), int)}
    if not any(record.get("value") is not None or record.get("changed") for record in records.values()):
        return None
    seen: list[Any] = []
    for index in range(probes):
        record = records.get(index, {})
        if "value" in record:
            seen.append([_rounded(record["value"]), record.get("changed")])
        else:
            seen.append(next(iter(record.get("error", {}).get("types", ())), result.ending))
    return json.dumps(seen)


def _rounded(value: Any) -> Any:
    """Return an encoded value with floats to nine digits and dictionaries in one order."""
    if not isinstance(value, list) or not value:
        return value
    if value[0] == "float" and len(value) == 2:
        return ["float", f"{float(value[1]):.9g}"]
    if value[0] == "dict" and len(value) == 2 and isinstance(value[1], list):
        return ["dict", sorted((_rounded(item) for item in value[1]), key=json.dumps)]
    return [_rounded(each) for each in value]


def _decided(groups: dict[str, list[str]], drawn: int, rules: Rules) -> bool:
    """Tell whether further samples cannot change the decision."""
    left = rules.samples - drawn
    sizes = sorted((len(group) for group in groups.values()), reverse=True) or [0]
    if left <= 0 or sizes[0] + left < rules.agree:
        return True
    second = sizes[1] if len(sizes) > 1 else 0
    return sizes[0] >= rules.agree and second + left < sizes[0]


def _failure(check: PythonCheck) -> str:
    """Return what was wrong, for the next attempt."""
    if check.load.verdict == "failed":
        return check.load.detail
    if check.names.elsewhere:
        return f"the name `{check.names.elsewhere[0]}` is not bound where it is used"
    failed = [result for result in check.facts if result.verdict == "failed"]
    return "; ".join(f"`{result.fact.text}` fails: {result.detail}" for result in failed[:3])
