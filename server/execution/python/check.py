"""Checks new Python code: loads it once, runs facts, and judges the results outside the sandbox."""

import ast
import builtins
import sys
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from server.execution.findings import CodeCheck, FactResult, Load, Runs, Verdict
from server.execution.python import causes
from server.execution.python.facts import Fact, is_literal, names_in, with_imports
from server.execution.python.names import Unbound, unbound_names
from server.execution.python.verdicts import NotComparable, decode, encode_literal, holds
from server.execution.sandbox.values import JobResult, Limits, PythonJob

LIMITS = Limits(seconds=10, cpu_seconds=10)


@dataclass(frozen=True)
class _Cause:
    """Tells external causes from faults in the code itself."""

    names: Unbound
    project_modules: Collection[str]

    def of(self, error: Mapping[str, Any]) -> str | None:
        """Return the external cause, if any. A name bound only in another scope is the code's own fault."""
        missing = error.get("name")
        if "builtins.NameError" in error.get("types", ()):
            return causes.host_name(str(missing)) if missing in self.names.nowhere else None
        return causes.outside_cause(error, self.project_modules)


@dataclass(frozen=True)
class _Expected:
    """The encoded value a fact expects, or the reason it is missing."""

    value: Any = None
    problem: str = ""
    from_code: bool = False


@dataclass
class _Plan:
    """The jobs for one check, and which job yields each fact's expected value."""

    jobs: list[PythonJob] = field(default_factory=list)
    outside: dict[int, Any] = field(default_factory=dict)
    clean: list[int] = field(default_factory=list)
    from_code: list[int] = field(default_factory=list)


async def check_python(
    sandbox: Runs,
    source: str,
    facts: Sequence[Fact] = (),
    *,
    name: str = "answer",
    project_modules: Collection[str] = (),
    files: Mapping[str, str] | None = None,
    limits: Limits = LIMITS,
) -> CodeCheck:
    """Load a module once and run facts in it.

    Expected values never enter the process that runs the code: literals are judged outside the sandbox, and
    other expressions are evaluated in a process without the code. If an expectation uses the code's own
    classes, its value comes from the code in a separate process, and the result says so.

    Args:
        sandbox: a sandbox proven to work.
        source: the module's text.
        facts: the facts that should hold.
        name: the module's name.
        project_modules: top-level modules of the project the code belongs to.
        files: project files that the code may import, keyed by relative path.
        limits: limits for each process.
    """
    try:
        names = unbound_names(source)
    except (SyntaxError, ValueError) as error:
        newer = causes.newer_syntax(source)
        load = Load("not run", newer) if newer else Load("failed", f"It does not compile: {error}.")
        return CodeCheck(load, facts=tuple(FactResult(fact, "not run", load.detail) for fact in facts))
    plan = _plan(source, facts, names, PythonJob(source, name, files=files or {}, limits=limits))
    results = await sandbox.run(plan.jobs)
    cause = _Cause(names, project_modules)
    load = _load(results[0], cause)
    judge = _Judge(results[0], load, cause)
    expected = _expected(plan, results)
    judged = tuple(
        judge.judge(fact, index, expected.get(index, _Expected())) for index, fact in enumerate(facts)
    )
    return CodeCheck(load, names, judged)


def _plan(source: str, facts: Sequence[Fact], names: Unbound, load: PythonJob) -> _Plan:
    plan = _Plan()
    bound = names.bound
    clean: list[str] = []
    from_code: list[str] = []
    imports = _imports(source)
    for index, fact in enumerate(facts):
        if fact.operator in ("true", "false", "raises"):
            continue
        if is_literal(ast.parse(fact.right, mode="eval").body):
            plan.outside[index] = encode_literal(fact.right)
        elif names_in(fact.right) & _own(source):
            plan.from_code.append(index)
            from_code.append(with_imports(fact.right, bound))
        else:
            plan.clean.append(index)
            clean.append(with_imports(fact.right, bound))
    lefts = tuple(with_imports(fact.left, bound) for fact in facts)
    plan.jobs.append(replace(load, expressions=lefts))
    if clean:
        expected = replace(load, source="", name="expected", preamble=imports, files={})
        plan.jobs.append(replace(expected, expressions=tuple(clean)))
    if from_code:
        plan.jobs.append(replace(load, expressions=tuple(from_code)))
    return plan


def _expected(plan: _Plan, results: Sequence[JobResult]) -> dict[int, _Expected]:
    found = {index: _Expected(value) for index, value in plan.outside.items()}
    rest = list(results[1:])
    for indexes, own in ((plan.clean, False), (plan.from_code, True)):
        if not indexes:
            continue
        records = {record["index"]: record for record in rest.pop(0).records if "index" in record}
        for place, index in enumerate(indexes):
            record = records.get(place, {})
            if "value" in record:
                found[index] = _Expected(record["value"], from_code=own)
            else:
                error = record.get("error", {}).get("message", "it could not be evaluated")
                found[index] = _Expected(problem=f"the expected value is unavailable: {error}", from_code=own)
    return found


def _load(result: JobResult, causes_outside: _Cause) -> Load:
    if result.ending == "not started":
        return Load("not run", f"the sandbox did not start: {result.reason}")
    if not result.records:
        return Load("failed", _end(result, "while it was loaded"))
    record = result.records[0]
    effects = Load(
        "passed",
        printed=bool(record.get("printed")),
        files=tuple(record.get("files", ())),
        attempts=tuple(record.get("attempts", ())),
        threads=int(record.get("threads", 0)),
    )
    if (error := record.get("error")) is None:
        return effects
    cause = causes_outside.of(error)
    verdict: Verdict = "not run" if cause else "failed"
    return Load(verdict, cause or _told(error), effects.printed, effects.files, effects.attempts)


@dataclass(frozen=True)
class _Judge:
    """Judges facts by the records from the process that ran the code."""

    result: JobResult
    load: Load
    cause: _Cause

    def judge(self, fact: Fact, index: int, expected: _Expected) -> FactResult:
        """Judge one fact by its record, or by the lack of one."""
        if self.load.verdict != "passed":
            return FactResult(fact, "not run", f"the module does not load: {self.load.detail}")
        if expected.problem:
            return FactResult(fact, "not run", expected.problem)
        records = {record["index"]: record for record in self.result.records if "index" in record}
        if (record := records.get(index)) is None:
            return _judge_silence(fact, self.result, first=not index or index - 1 in records)
        if (error := record.get("error")) is not None:
            return _judge_error(fact, error, self.cause)
        return _judge_value(fact, record, expected)


def _judge_value(fact: Fact, record: Mapping[str, Any], expected: _Expected) -> FactResult:
    changed = tuple(record.get("changed", ()))
    if fact.operator == "raises":
        return FactResult(fact, "failed", f"`{fact.left}` raises nothing", changed)
    try:
        passed = holds(fact, record.get("value"), expected.value)
        seen = "" if passed else f"`{fact.left}` is {_shown(record.get('value'))}"
    except NotComparable as error:
        return FactResult(fact, "not run", str(error), changed)
    return FactResult(fact, "passed" if passed else "failed", seen, changed, expected.from_code)


def _judge_silence(fact: Fact, result: JobResult, *, first: bool) -> FactResult:
    if not first:
        return FactResult(fact, "not run", "an earlier fact did not end")
    return FactResult(fact, "failed", _end(result, f"at `{fact.left}`"))


def _judge_error(fact: Fact, error: Mapping[str, Any], cause: _Cause) -> FactResult:
    if fact.operator == "raises":
        wanted = fact.right.rpartition(".")[2]
        raised = [str(kind).rpartition(".")[2] for kind in error.get("types", ())]
        real = f"builtins.{wanted}"
        if real in error.get("types", ()) or (wanted in raised and not _is_builtin(wanted)):
            return FactResult(fact, "passed")
    if (reason := cause.of(error)) is not None:
        return FactResult(fact, "not run", reason)
    return FactResult(fact, "failed", _told(error))


def _end(result: JobResult, place: str) -> str:
    """Describe how a job that produced no report ended."""
    if result.ending == "exited":
        return f"It ended its process {place}."
    if result.ending == "signal":
        return f"It crashed {place} (signal {result.exit_status})."
    return f"{result.reason.removesuffix('.')} {place}."


def _told(error: Mapping[str, Any]) -> str:
    kind = str(next(iter(error.get("types", ())), "Exception")).rpartition(".")[2]
    line = error.get("line")
    return f"{kind}: {error.get('message', '')}" + (f" (line {line})" if line else "")


def _shown(value: Any) -> str:
    shown = decode(value)
    return repr(set(shown) if isinstance(shown, frozenset) and shown else shown)[:200]


def _is_builtin(name: str) -> bool:
    return isinstance(getattr(builtins, name, None), type)


def _imports(source: str) -> str:
    """Return the module's imports from the standard library."""
    found = []
    for node in ast.parse(source).body:
        if isinstance(node, ast.ImportFrom):
            modules = [node.module or ""] if node.level == 0 else [""]
        elif isinstance(node, ast.Import):
            modules = [alias.name for alias in node.names]
        else:
            continue
        if all(module.partition(".")[0] in sys.stdlib_module_names for module in modules):
            found.append(ast.unparse(node))
    return "\n".join(found)


def _own(source: str) -> frozenset[str]:
    """Return the names of the module's own functions and classes."""
    kinds = ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef
    return frozenset(node.name for node in ast.walk(ast.parse(source)) if isinstance(node, kinds))
