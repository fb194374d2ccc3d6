"""Reduces generated tests to the assertions that hold, and counts how many mutants they detect."""

import ast
import copy
from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path
from typing import Any, Literal

from server.execution.findings import Runs
from server.execution.mutants import MOST, mutants
from server.execution.python.causes import outside_cause
from server.execution.python.verdicts import NotComparable, decode
from server.execution.sandbox.values import JobResult, Limits, PythonJob

LEAST_KILLED = Fraction(1, 3)
_RUNNER = Path(__file__).with_name("inner_test_runner.py")
_PREAMBLE = "from inner_test_runner import install as _install, note as _note\n_install()\n"
_RUN = "__import__('inner_test_runner').run(globals())"
_FAILED = "__import__('inner_test_runner').failed"
_LIMITS = Limits(seconds=20, cpu_seconds=20)
_MUTANT_LIMITS = Limits(seconds=3, cpu_seconds=3)
_ROUNDS = 3

Statement = ast.Assert | ast.Expr | ast.With


@dataclass(frozen=True)
class TrimmedTests:
    """What remains of a test file.

    Attributes:
        verdict: ``passed`` if the remaining tests hold and detect enough mutants.
        source: the remaining tests: the original text minus the dropped parts.
        dropped: the assertions and tests that disagreed with the code, with their messages.
        tests: number of tests that ran and passed.
        killed: number of mutants that made a test fail.
        mutants: number of mutants tried.
        reason: one sentence, unless the verdict is ``passed``.
    """

    verdict: Literal["passed", "failed", "not run"]
    source: str
    dropped: tuple[str, ...] = ()
    tests: int = 0
    killed: int = 0
    mutants: int = 0
    reason: str = ""


async def trim_tests(
    sandbox: Runs,
    tests: str,
    code: str,
    module: str,
    *,
    within: Collection[str] = (),
    least_killed: Fraction = LEAST_KILLED,
    most_mutants: int = MOST,
) -> TrimmedTests:
    """Run tests on the code, drop failing assertions, and run the remaining tests on mutants.

    Args:
        sandbox: a sandbox proven to work.
        tests: the test file's text.
        code: the text of the module under test.
        module: the dotted name under which the tests import it.
        within: functions and classes of the module that the tests cover; all if empty.
        least_killed: the share of mutants that must be detected.
        most_mutants: maximum number of mutants.
    """
    dropped: list[str] = []
    for _ in range(_ROUNDS):
        run = await _run(sandbox, tests, code, module)
        if run.problem is not None:
            return replace(run.problem, source=tests, dropped=tuple(dropped))
        if not run.failed and not run.broken:
            break
        tests, gone = _without(tests, run)
        dropped += gone
    if run.failed or run.broken or not run.passed:
        reason = "No remaining test passes." if not run.passed else "The tests do not pass one by one."
        return TrimmedTests("failed", tests, tuple(dropped), reason=reason)
    made = mutants(code, most=most_mutants, within=within)
    jobs = [_job(tests, mutant.source, module, _MUTANT_LIMITS) for mutant in made]
    results = await sandbox.run(jobs) if jobs else []
    killed = sum(_outcomes(result) != run.outcomes for result in results)
    found = TrimmedTests("passed", tests, tuple(dropped), len(run.passed), killed, len(made))
    if made and killed < least_killed * len(made):
        return replace(found, verdict="failed", reason=f"They detect only {killed} of {len(made)} faults.")
    return found


@dataclass(frozen=True)
class _Run:
    """One run: outcomes by test, and failed assertions by number."""

    outcomes: Mapping[str, str]
    failed: Mapping[int, str]
    problem: TrimmedTests | None = None

    @property
    def passed(self) -> list[str]:
        return [name for name, outcome in self.outcomes.items() if outcome == "passed"]

    @property
    def broken(self) -> dict[str, str]:
        """Tests that fail outside their assertions."""
        return {
            name: outcome
            for name, outcome in self.outcomes.items()
            if outcome != "passed" and not outcome.startswith("not run")
        }


async def _run(sandbox: Runs, tests: str, code: str, module: str) -> _Run:
    try:
        watched = ast.unparse(_watched(tests))
    except SyntaxError as error:
        return _stopped("failed", f"The tests do not parse: {error}.")
    (result,) = await sandbox.run([_job(watched, code, module, _LIMITS, (_RUN, _FAILED))])
    if (problem := _load_problem(result)) is not None:
        return problem
    outcomes, failed = _outcomes(result), _value(result, 1)
    if outcomes is None or not isinstance(failed, dict):
        return _stopped("failed", result.reason or "The tests ended the process.")
    unsupported = [each for each in outcomes.values() if each.startswith("not run")]
    if outcomes and len(unsupported) == len(outcomes):
        return _stopped("not run", f"They could not be run: {unsupported[0].removeprefix('not run: ')}.")
    return _Run(outcomes, failed)


def _load_problem(result: JobResult) -> _Run | None:
    """Return why the test file could not be loaded, if it could not."""
    if result.ending == "not started":
        return _stopped("not run", result.reason)
    told = result.records[0].get("error") if result.records else {"message": result.reason}
    if told is None:
        return None
    if (cause := outside_cause(told)) is not None:
        return _stopped("not run", f"They could not be run: {cause}.")
    return _stopped("failed", f"The tests do not load: {told.get('message') or 'the process ended'}.")


def _stopped(verdict: Literal["failed", "not run"], reason: str) -> _Run:
    return _Run({}, {}, TrimmedTests(verdict, "", reason=reason))


def _job(
    tests: str, code: str, module: str, limits: Limits, expressions: tuple[str, ...] = (_RUN,)
) -> PythonJob:
    parts = module.split(".")
    files = {f"{'/'.join(parts[:depth])}/__init__.py": "" for depth in range(1, len(parts))}
    files |= {f"{'/'.join(parts)}.py": code, "inner_test_runner.py": _RUNNER.read_text(encoding="utf-8")}
    return PythonJob(tests, "test_generated", expressions, _PREAMBLE, files, limits)


def _outcomes(result: JobResult) -> dict[str, str] | None:
    value = _value(result, 0)
    return value if isinstance(value, dict) else None


def _value(result: JobResult, index: int) -> Any:
    for record in result.records:
        if record.get("index") == index and "value" in record:
            try:
                return decode(record["value"])
            except NotComparable:
                return None
    return None


def _watched(tests: str) -> ast.Module:
    """Return the tests, changed so that a failing assertion is recorded instead of ending its test."""
    tree = ast.parse(tests)
    numbers = {id(statement): number for number, statement in enumerate(_assertions(tree))}

    class Watch(ast.NodeTransformer):
        def visit(self, node: ast.AST) -> ast.AST:
            number = numbers.get(id(node))
            if number is None:
                return self.generic_visit(node)
            handler = f"try:\n    pass\nexcept BaseException as _error:\n    _note({number}, _error)\n"
            guarded = ast.parse(handler).body[0]
            assert isinstance(guarded, ast.Try)
            guarded.body = [copy.deepcopy(node)]  # type: ignore[list-item]
            return guarded

    watched = Watch().visit(tree)
    assert isinstance(watched, ast.Module)
    return ast.fix_missing_locations(watched)


def _assertions(tree: ast.AST) -> list[Statement]:
    """Return the assertions in source order. A nested assertion is part of the outer one."""
    found: list[Statement] = []
    for child in ast.iter_child_nodes(tree):
        if isinstance(child, ast.Assert | ast.Expr | ast.With) and _asserts(child):
            found.append(child)
        else:
            found += _assertions(child)
    return found


def _asserts(statement: Statement) -> bool:
    if isinstance(statement, ast.Assert):
        return True
    if isinstance(statement, ast.With):
        return any(
            _called(item.context_expr).endswith(("raises", "assertRaises", "assertRaisesRegex"))
            for item in statement.items
        )
    return _called(statement.value).startswith("self.assert")


def _called(expression: ast.expr) -> str:
    return ast.unparse(expression.func) if isinstance(expression, ast.Call) else ""


def _without(tests: str, run: _Run) -> tuple[str, list[str]]:
    """Return the text without the failed parts, and a line about each dropped part.

    A test is dropped entirely if no assertions remain or if it fails outside its assertions.
    """
    tree = ast.parse(tests)
    failed = {id(each): number for number, each in enumerate(_assertions(tree)) if number in run.failed}
    gone: list[ast.stmt] = []
    told: list[str] = []
    for name, test in _test_functions(tree):
        if name in run.broken:
            gone.append(test)
            told.append(f"{name}: {run.broken[name]}")
            continue
        inside = _assertions(test)
        bad = [each for each in inside if id(each) in failed]
        told += [f"{ast.unparse(each).splitlines()[0]} ({run.failed[failed[id(each)]]})" for each in bad]
        gone += [test] if bad and len(bad) == len(inside) else bad
    return _cut(tests, tree, gone), told


def _test_functions(tree: ast.Module) -> list[tuple[str, ast.stmt]]:
    found: list[tuple[str, ast.stmt]] = []
    for node in tree.body:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.name.startswith("test"):
            found.append((node.name, node))
        elif isinstance(node, ast.ClassDef):
            found += [
                (f"{node.name}.{each.name}", each)
                for each in node.body
                if isinstance(each, ast.FunctionDef | ast.AsyncFunctionDef) and each.name.startswith("test")
            ]
    return found


def _cut(text: str, tree: ast.Module, gone: list[ast.stmt]) -> str:
    """Remove statements from the text. A block that would become empty gets ``pass``."""
    bodies = [
        body
        for node in ast.walk(tree)
        for body in (getattr(node, name, None) for name in ("body", "orelse", "finalbody"))
        if isinstance(body, list)
    ]
    emptied = {id(body[0]) for body in bodies if body and all(any(each is g for g in gone) for each in body)}
    lines = text.splitlines(keepends=True)
    for statement in sorted(gone, key=lambda each: each.lineno, reverse=True):
        decorators = getattr(statement, "decorator_list", [])
        first = min([statement.lineno, *(each.lineno for each in decorators)]) - 1
        last = statement.end_lineno or statement.lineno
        indent = lines[first][: len(lines[first]) - len(lines[first].lstrip())]
        lines[first:last] = (
            [f"{indent}pass\n"] if id(statement) in emptied and tree.body[0] is not statement else []
        )
    return "".join(lines)
