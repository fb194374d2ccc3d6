"""Trial run of generated Python tests against the code and mutants of it."""

import ast
from collections.abc import Iterator, Sequence

from server.execution.findings import Runs
from server.execution.python.runtime import definitions_of
from server.execution.test_trim import TrimmedTests, trim_tests
from server.offload.asking.plan import Plan
from server.offload.checks import codes
from server.offload.trial_runs.values import TESTS, TrialRun, not_run
from server.offload.values import Check, Notice, Source


async def run_written_tests(sandbox: Runs, plan: Plan, text: str) -> TrialRun:
    """Run a new test file against the file it tests, dropping assertions that the file contradicts."""
    if plan.edited is not None:
        return not_run(TESTS, "the file already had tests")
    tested = tested_source(text, plan.sources)
    if tested is None:
        return not_run(TESTS, "the tests import a file that is not among the files")
    source, module = tested
    names = {node.id for node in ast.walk(ast.parse(text)) if isinstance(node, ast.Name)}
    names |= {node.attr for node in ast.walk(ast.parse(text)) if isinstance(node, ast.Attribute)}
    within = names & set(definitions_of(source.text))
    found = await trim_tests(sandbox, text, source.text, module, within=within)
    if found.verdict == "not run":
        return not_run(TESTS, found.reason)
    if found.verdict == "failed":
        return TrialRun((Check(TESTS, passed=False, message=_told(found), code=codes.TESTS_NOTHING),))
    return TrialRun(
        (Check(TESTS, passed=True),),
        tuple(_notices(found, source)),
        strength="tests ran",
        text=found.source,
    )


def tested_source(text: str, sources: Sequence[Source]) -> tuple[Source, str] | None:
    """Return the Python file that a test file imports, and the name it is imported under."""
    for module in _imported(text):
        for source in reversed(sources):
            if source.path.suffix == ".py" and _is_name_of(module, source.shown):
                return source, module
    return None


def _imported(text: str) -> Iterator[str]:
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.ImportFrom) and not node.level and node.module:
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)
        elif isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)


def _is_name_of(module: str, shown: str) -> bool:
    path = shown.replace("\\", "/").removesuffix(".py").removesuffix("/__init__").replace("/", ".")
    return path == module or path.endswith(f".{module}")


def _told(found: TrimmedTests) -> str:
    dropped = f" These disagree with the code: {'; '.join(found.dropped[:3])}." if found.dropped else ""
    return f"{found.reason}{dropped} Test what the code actually does, and assert exact values."


def _notices(found: TrimmedTests, source: Source) -> Iterator[Notice]:
    if found.dropped:
        count = len(found.dropped)
        noun = "assertion" if count == 1 else "assertions"
        yield Notice(
            f"{count} {noun} disagreed with {source.path.name} and left out, possibly a bug in the code: "
            + "; ".join(found.dropped)
        )
