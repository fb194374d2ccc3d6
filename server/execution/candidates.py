"""Chooses the best of several samples without examples: the one whose behaviour most samples share."""

import json
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from server.execution.findings import Runs
from server.execution.runtime import Runtime
from server.execution.sandbox.values import JobResult

Draw = Callable[[int], Awaitable[str | None]]
"""Generates the sample with the given number, from 0. Returns None when there are no more samples."""
Reason = Literal["agreement", "no agreement", "no probes", "not run"]


@dataclass(frozen=True)
class Rules:
    """Conditions for accepting a sample.

    Attributes:
        samples: maximum number of samples to draw.
        agree: number of samples that must behave alike. Two are not enough: we have seen wrong
        groups of two out of seven.
    """

    samples: int = 6
    agree: int = 3


@dataclass(frozen=True)
class Choice:
    """The outcome of choosing among samples.

    Attributes:
        source: the chosen sample; None if the task is handed back.
        reason: why this sample was chosen, or why none was.
        samples: number of samples drawn.
        behaviours: sizes of the groups of samples that behave alike, largest first.
        detail: one sentence for the reply if no sample was chosen.
    """

    source: str | None
    reason: Reason
    samples: int
    behaviours: tuple[int, ...] = ()
    detail: str = ""


async def agreed(
    draw: Draw,
    sandbox: Runs,
    runtime: Runtime,
    probes: Sequence[str],
    *,
    rules: Rules = Rules(),
    files: Mapping[str, str] | None = None,
) -> Choice:
    """Draw samples until enough of them behave alike on the probes that more could not change the
    decision.
    """
    if not probes:
        return Choice(None, "no probes", 0, detail="No evidence shows how it should behave; give examples.")
    groups: dict[str, list[str]] = {}
    drawn = 0
    while not _decided(groups, drawn, rules):
        if (source := await draw(drawn)) is None:
            break
        drawn += 1
        result = await runtime.probe(sandbox, source, probes, files) if source else None
        if result is not None and (cause := _outside_cause(result, runtime)) is not None:
            return Choice(None, "not run", drawn, detail=f"It could not be run: {cause}.")
        if result is not None and (found := behaviour(result, len(probes))) is not None:
            groups.setdefault(found, []).append(source)
    sizes = tuple(sorted(map(len, groups.values()), reverse=True))
    if sizes and sizes[0] >= rules.agree and (len(sizes) == 1 or sizes[1] < sizes[0]):
        return Choice(max(groups.values(), key=len)[0], "agreement", drawn, sizes)
    counted = f"{drawn} samples, {len(sizes)} behaviours"
    return Choice(None, "no agreement", drawn, sizes, f"{counted}; give examples, or do the task yourself.")


def _outside_cause(result: JobResult, runtime: Runtime) -> str | None:
    """Return the external cause that prevented every run, if there is one."""
    if result.ending == "not started":
        return f"the sandbox did not start: {result.reason}"
    errors = [record["error"] for record in result.records if isinstance(record.get("error"), dict)]
    if not errors or any("value" in record for record in result.records):
        return None
    found = [runtime.outside_cause(error) for error in errors]
    return found[0] if all(found) else None


def behaviour(result: JobResult, probes: int) -> str | None:
    """Return a string describing the code's behaviour on the probes; equal strings mean equal behaviour.

    None if there is no behaviour to compare: the code does not load, or every probe either fails or returns
    None and changes nothing.
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
    """Return an encoded value with floats rounded to nine significant digits and dictionaries sorted."""
    if not isinstance(value, list) or not value:
        return value
    if value[0] == "float" and len(value) == 2:
        return ["float", f"{float(value[1]):.9g}"]
    if value[0] == "dict" and len(value) == 2 and isinstance(value[1], list):
        return ["dict", sorted((_rounded(item) for item in value[1]), key=json.dumps)]
    return [_rounded(each) for each in value]


def _decided(groups: dict[str, list[str]], drawn: int, rules: Rules) -> bool:
    """Return whether drawing more samples could no longer change the decision."""
    left = rules.samples - drawn
    sizes = sorted((len(group) for group in groups.values()), reverse=True) or [0]
    if left <= 0 or sizes[0] + left < rules.agree:
        return True
    second = sizes[1] if len(sizes) > 1 else 0
    return sizes[0] >= rules.agree and second + left < sizes[0]
