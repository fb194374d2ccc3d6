"""Trial run of new or changed code: load it once, then run its examples."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from pathlib import PurePosixPath

from server.common.errors import BadArguments
from server.execution.findings import CodeCheck, Load, Runs, missing_package
from server.execution.python.facts import Fact, FactError
from server.execution.runtime import Runtime
from server.execution.scripts.javascript_text import ANONYMOUS
from server.offload.asking.plan import Plan
from server.offload.checks import codes
from server.offload.trial_runs.unconcerned import changed_behaviour
from server.offload.trial_runs.values import EXAMPLES, RUNS, TrialRun, not_run
from server.offload.values import Check, Notice, Source

LEAST_EXAMPLES = 2
"""Number of the new code's examples that must pass for a result to get the strength "examples ran"."""
MOST_GIVEN = 20
_SHOWN_FAILURES = 3


def given_facts(runtime: Runtime, examples: Sequence[str]) -> list[Fact]:
    """Return a call's examples as facts.

    Raises:
        BadArguments: an example is not a fact, or there are too many examples.
    """
    if len(examples) > MOST_GIVEN:
        raise BadArguments(
            f"`examples` has {len(examples)} lines; the limit is {MOST_GIVEN}.", "Pass two to four examples."
        )
    facts: list[Fact] = []
    for example in examples:
        try:
            facts.append(runtime.parse_fact(example))
        except FactError as error:
            raise BadArguments(
                f"The example {example[:80]!r} cannot be read: {error}",
                "Write one fact per line, such as `f([3, 1]) == [1, 3]` or `raises ValueError: f(-1)`.",
            ) from None
    return facts


async def run_new_code(sandbox: Runs, runtime: Runtime, plan: Plan, text: str) -> TrialRun:
    """Load the result and run the examples from the call and the task.

    If there is a problem, the file as it was before the edit is run too: only new problems count against an
    edit.
    """
    before = plan.edited.text if plan.edited is not None else ""
    defined = runtime.definitions(text)
    task = plan.task
    facts = {fact.text: fact for fact in given_facts(runtime, task.examples)}
    stated = runtime.find_examples(f"{task.task}\n{task.context}", tuple(defined))
    facts |= {fact.text: fact for fact in stated}
    modules = module_files(runtime, plan.sources, plan.edited)
    if facts and plan.edited is None:
        text = runtime.without_demonstrations(text)
    check = await runtime.check(sandbox, text, list(facts.values()), modules)
    if check.load.verdict == "not run":
        return replace(not_run("running it", check.load.detail), notices=_unknown_package(plan, check.load))
    if (
        plan.edited is None
        and check.load.verdict == "failed"
        and (reason := runtime.as_script(text, check.load.detail))
    ):
        return not_run("running it", reason)
    earlier = None
    if plan.edited is not None and (check.load.verdict == "failed" or _remarks(check.load)):
        earlier = await runtime.check(sandbox, before, (), modules)
        if check.load.verdict == "failed" and earlier.load.verdict != "passed":
            return not_run(
                "running it", f"the file did not load before the edit either: {earlier.load.detail}"
            )
    if (failure := _failure(runtime, check, before)) is not None:
        return TrialRun((failure,))
    new = changed_definitions(runtime, before, text)
    passed = [result.fact for result in check.facts if result.verdict == "passed"]
    called = [fact for fact in passed if fact.names & new or ANONYMOUS in new]
    shown = len(called) >= LEAST_EXAMPLES and await _fails_when_empty(
        sandbox, runtime, text, called, new, modules
    )
    checks = [Check(RUNS, passed=True)]
    if any(result.verdict == "passed" for result in check.facts):
        checks.append(Check(EXAMPLES, passed=True))
    notices = _notices(check, earlier, is_library=bool(check.names.bound or defined))
    if plan.edited is not None:
        notices += await changed_behaviour(sandbox, runtime, plan, text, modules)
    unproven = () if shown or plan.edited is not None else _public(defined)
    return TrialRun(
        tuple(checks),
        tuple(notices),
        tuple(_unrun(check)),
        "examples ran" if shown else None,
        unproven,
        text,
    )


def changed_definitions(runtime: Runtime, before: str, after: str) -> frozenset[str]:
    """Return the names of top-level functions and classes that are new or whose syntax tree has changed."""
    old = runtime.definitions(before) if before else {}
    return frozenset(name for name, form in runtime.definitions(after).items() if old.get(name) != form)


def module_files(runtime: Runtime, sources: Sequence[Source], edited: Source | None) -> Mapping[str, str]:
    """Return the files that the task reads and its code can import, by path."""
    files: dict[str, str] = {}
    for source in sources:
        path = PurePosixPath(source.shown.replace("\\", "/"))
        outside = path.is_absolute() or ".." in path.parts or ":" in source.shown
        if path.suffix not in runtime.endings or outside or (edited and source.path == edited.path):
            continue
        files[str(path)] = source.text
        if path.suffix == ".py" and path.parts[0] in ("src", "lib") and len(path.parts) > 1:
            files["/".join(path.parts[1:])] = source.text
    return files


def _unknown_package(plan: Plan, load: Load) -> tuple[Notice, ...]:
    """Return a notice about a missing package if neither the task nor its files mention it."""
    package = missing_package(load.detail)
    if not package or package.casefold() in plan.known.casefold():
        return ()
    return (Notice(f"it imports {package}, which neither the task nor its files name", likely=True),)


def _failure(runtime: Runtime, check: CodeCheck, before: str) -> Check | None:
    """Return the evidence against the code, or None if there is none."""
    if check.load.verdict == "failed":
        message = f"Loading it fails: {check.load.detail}"
        return Check(RUNS, passed=False, message=message, code=codes.DOES_NOT_RUN)
    elsewhere = check.names.elsewhere
    known = runtime.elsewhere(before) if elsewhere else ()
    lost = [name for name in elsewhere if name not in known]
    if lost:
        message = f"It uses {lost[0]} where that name is not defined; only another function defines it."
        return Check(RUNS, passed=False, message=message, code=codes.UNDEFINED_NAME)
    failed = [result for result in check.facts if result.verdict == "failed"]
    if not failed:
        return None
    told = [f"`{result.fact.text}` does not hold: {result.detail}" for result in failed[:_SHOWN_FAILURES]]
    more = len(failed) - len(told)
    message = "; ".join(told) + (f"; and {more} more" if more else "") + "."
    held = sum(result.verdict == "passed" for result in check.facts)
    return Check(EXAMPLES, passed=False, message=message, code=codes.EXAMPLE_FAILED, held=held)


def _remarks(load: Load) -> list[str]:
    told = [f"it tries to {attempt} when it is imported" for attempt in load.attempts]
    if load.printed:
        told.append("it prints when it is imported")
    if load.threads:
        told.append("it leaves threads running when it is imported")
    if load.files:
        told.append(f"it creates the file {load.files[0]} when it is imported")
    return told


def _notices(check: CodeCheck, earlier: CodeCheck | None, *, is_library: bool) -> list[Notice]:
    """Return observations that are not failures. A module without definitions is a script, which may
    print.
    """
    known = _remarks(earlier.load) if earlier is not None else []
    told = [] if not is_library else [each for each in _remarks(check.load) if each not in known]
    changing = [result.fact.left for result in check.facts if result.changed]
    told += [f"`{left}` changes its argument in place" for left in changing[:1]]
    return [Notice(each) for each in told]


def _unrun(check: CodeCheck) -> list[str]:
    reasons = dict.fromkeys(result.detail for result in check.facts if result.verdict == "not run")
    return [f"{EXAMPLES} ({'; '.join(list(reasons)[:2])})"] if reasons else []


def _public(defined: Collection[str]) -> tuple[str, ...]:
    names = [name for name in defined if not name.startswith("_")]
    return tuple(names or defined)


async def _fails_when_empty(  # noqa: PLR0917 - the parts of one check
    sandbox: Runs,
    runtime: Runtime,
    text: str,
    facts: Sequence[Fact],
    names: frozenset[str],
    modules: Mapping[str, str],
) -> bool:
    """Return whether at least one fact fails when the bodies of the new code are emptied."""
    check = await runtime.check(sandbox, runtime.emptied(text, names), facts, modules)
    return check.load.verdict == "failed" or any(result.verdict == "failed" for result in check.facts)
