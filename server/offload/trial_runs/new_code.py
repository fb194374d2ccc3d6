"""Trial run of new or changed Python code: load the code once, run its examples."""

import ast
from collections.abc import Mapping, Sequence
from pathlib import PurePosixPath

from server.common.errors import BadArguments
from server.execution.python.check import Load, PythonCheck, Runs, check_python
from server.execution.python.examples import find_examples
from server.execution.python.facts import Fact, FactError, parse_fact
from server.offload.asking.plan import Plan
from server.offload.checks import codes
from server.offload.trial_runs.demonstrations import without_demonstrations
from server.offload.trial_runs.values import EXAMPLES, RUNS, TrialRun, not_run
from server.offload.values import Check, Notice, Source

LEAST_EXAMPLES = 2
"""Number of passed examples of the new code that gives a result the strength "examples ran"."""
MOST_GIVEN = 20
_SHOWN_FAILURES = 3

Definition = ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef


def given_facts(examples: Sequence[str]) -> list[Fact]:
    """Return the examples of a call as facts.

    Raises:
        BadArguments: an example is not a fact, or there are too many examples.
    """
    if len(examples) > MOST_GIVEN:
        raise BadArguments(
            f"examples has {len(examples)} lines; it takes {MOST_GIVEN}.", "Pass two to four examples."
        )
    facts: list[Fact] = []
    for example in examples:
        try:
            facts.append(parse_fact(example))
        except FactError as error:
            raise BadArguments(
                f"The example {example[:80]!r} cannot be read: {error}",
                "Write one fact a line, such as `f([3, 1]) == [1, 3]` or `raises ValueError: f(-1)`.",
            ) from None
    return facts


async def run_new_code(sandbox: Runs, plan: Plan, text: str) -> TrialRun:
    """Load a result's text and run the examples from the call and from the task.

    If a problem occurs, the file before the edit runs as well: only new problems count against an edit.
    """
    before = plan.edited.text if plan.edited is not None else ""
    defined = definitions_of(text)
    task = plan.task
    facts = {fact.text: fact for fact in given_facts(task.examples)}
    facts |= {fact.text: fact for fact in find_examples(f"{task.task}\n{task.context}", tuple(defined))}
    modules = module_files(plan.sources, plan.edited)
    if facts and plan.edited is None:
        text = without_demonstrations(text)
    check = await check_python(sandbox, text, list(facts.values()), files=modules)
    if check.load.verdict == "not run":
        return not_run("running it", check.load.detail)
    if plan.edited is None and check.load.verdict == "failed" and (reason := _as_a_script(text, check.load)):
        return not_run("running it", reason)
    earlier = None
    if plan.edited is not None and (check.load.verdict == "failed" or _remarks(check.load)):
        earlier = await check_python(sandbox, before, files=modules)
        if check.load.verdict == "failed" and earlier.load.verdict != "passed":
            return not_run(
                "running it", f"the file did not load before the edit either: {earlier.load.detail}"
            )
    if (failure := _failure(check, before)) is not None:
        return TrialRun((failure,))
    new = changed_definitions(before, text)
    called = [result.fact for result in check.facts if result.verdict == "passed" and result.fact.names & new]
    shown = len(called) >= LEAST_EXAMPLES and await _fails_when_empty(sandbox, text, called, new, modules)
    checks = [Check(RUNS, passed=True)]
    if any(result.verdict == "passed" for result in check.facts):
        checks.append(Check(EXAMPLES, passed=True))
    unproven = () if shown or plan.edited is not None else _public(defined)
    return TrialRun(
        tuple(checks),
        tuple(_notices(check, earlier)),
        tuple(_unrun(check)),
        "examples ran" if shown else None,
        unproven,
        text,
    )


def definitions_of(text: str) -> dict[str, Definition]:
    """Return the functions and classes at the top level of a module by name; empty if it does not parse."""
    try:
        body = ast.parse(text).body
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return {}
    return {node.name: node for node in body if isinstance(node, Definition)}


def changed_definitions(before: str, after: str) -> frozenset[str]:
    """Return the names of top-level functions and classes that are new or have a different syntax tree."""
    old = {name: ast.dump(node) for name, node in definitions_of(before).items()}
    new = definitions_of(after).items()
    return frozenset(name for name, node in new if old.get(name) != ast.dump(node))


def module_files(sources: Sequence[Source], edited: Source | None) -> Mapping[str, str]:
    """Return the Python files that the task reads, keyed by the path from which they can be imported."""
    files: dict[str, str] = {}
    for source in sources:
        path = PurePosixPath(source.shown.replace("\\", "/"))
        outside = path.is_absolute() or ".." in path.parts or ":" in source.shown
        if path.suffix != ".py" or outside or (edited is not None and source.path == edited.path):
            continue
        files[str(path)] = source.text
        if path.parts[0] in ("src", "lib") and len(path.parts) > 1:
            files["/".join(path.parts[1:])] = source.text
    return files


def _failure(check: PythonCheck, before: str) -> Check | None:
    """Return the evidence against the code; None without evidence."""
    if check.load.verdict == "failed":
        message = f"Loading it fails: {check.load.detail}"
        return Check(RUNS, passed=False, message=message, code=codes.DOES_NOT_RUN)
    lost = [name for name in check.names.elsewhere if name not in _elsewhere(before)]
    if lost:
        message = f"It uses {lost[0]} where that is not bound; only another function binds it."
        return Check(RUNS, passed=False, message=message, code=codes.UNDEFINED_NAME)
    failed = [result for result in check.facts if result.verdict == "failed"]
    if not failed:
        return None
    told = [f"`{result.fact.text}` does not hold: {result.detail}" for result in failed[:_SHOWN_FAILURES]]
    more = len(failed) - len(told)
    message = "; ".join(told) + (f"; and {more} more" if more else "") + "."
    return Check(EXAMPLES, passed=False, message=message, code=codes.EXAMPLE_FAILED)


def _elsewhere(before: str) -> tuple[str, ...]:
    from server.execution.python.names import unbound_names  # noqa: PLC0415 - only after a finding

    try:
        return unbound_names(before).elsewhere
    except (SyntaxError, ValueError):
        return ()


def _as_a_script(text: str, load: Load) -> str | None:
    """Return why a failure to load says nothing about a script; None if the failure counts."""
    names = {node.attr for node in ast.walk(ast.parse(text)) if isinstance(node, ast.Attribute)}
    if load.detail.startswith("SystemExit"):
        return "it ends its process, as a script does"
    if load.detail.startswith("IndexError") and "argv" in names:
        return "it needs arguments of the command line"
    if "within its time" in load.detail and not definitions_of(text):
        return "it did not end within its time"
    return None


def _remarks(load: Load) -> list[str]:
    told = [f"it tries to {attempt} when it is imported" for attempt in load.attempts]
    if load.printed:
        told.append("it prints when it is imported")
    if load.threads:
        told.append("it leaves threads running when it is imported")
    if load.files:
        told.append(f"it makes the file {load.files[0]} when it is imported")
    return told


def _notices(check: PythonCheck, earlier: PythonCheck | None) -> list[Notice]:
    """Return observations other than results. A module without definitions is a script, which may print."""
    known = _remarks(earlier.load) if earlier is not None else []
    told = [] if not check.names.bound else [each for each in _remarks(check.load) if each not in known]
    changing = [result.fact.left for result in check.facts if result.changed]
    told += [f"`{left}` changes its argument in place" for left in changing[:1]]
    return [Notice(each) for each in told]


def _unrun(check: PythonCheck) -> list[str]:
    reasons = dict.fromkeys(result.detail for result in check.facts if result.verdict == "not run")
    return [f"{EXAMPLES} ({'; '.join(list(reasons)[:2])})"] if reasons else []


def _public(defined: Mapping[str, Definition]) -> tuple[str, ...]:
    names = [name for name in defined if not name.startswith("_")]
    return tuple(names or defined)


async def _fails_when_empty(
    sandbox: Runs, text: str, facts: Sequence[Fact], names: frozenset[str], modules: Mapping[str, str]
) -> bool:
    """Return whether at least one fact fails if the bodies of the new code are empty."""
    check = await check_python(sandbox, emptied(text, names), facts, files=modules)
    return check.load.verdict == "failed" or any(result.verdict == "failed" for result in check.facts)


def emptied(text: str, names: frozenset[str]) -> str:
    """Return a module in which the functions with these names, and the methods of these classes,
    do nothing.
    """
    tree = ast.parse(text)
    for node in tree.body:
        if isinstance(node, Definition) and node.name in names:
            for inner in ast.walk(node):
                if isinstance(inner, ast.FunctionDef | ast.AsyncFunctionDef):
                    inner.body = [ast.Return(value=None)]
    return ast.unparse(ast.fix_missing_locations(tree))
