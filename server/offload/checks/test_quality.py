"""Tests that a model wrote: do they test what they should, and do they test anything at all?"""

import ast
import re

from server.offload.asking.plan import Plan
from server.offload.asking.targets import is_named
from server.offload.checks import codes
from server.offload.checks.requirements import asked_errors
from server.offload.code.languages import Language, language_of
from server.offload.code.python_tree import nodes_of
from server.offload.code.syntax import definitions
from server.offload.values import Check

_ASSERTS = re.compile(
    r"\b(?:assert\w*|expect|should|raises|throws|rejects|fail(?:s|Unless)?|t\.(?:Error|Fatal)\w*)\b",
    re.IGNORECASE,
)
_NOTHING = frozenset({"True", "1"})


def check_tests(plan: Plan, after: str) -> Check | None:
    """Look at a new file of tests; None where the result is none."""
    if plan.language is None or not plan.is_test:
        return None
    fault = _copied(plan, plan.language, after)
    if fault:
        return Check("tests", passed=False, message=fault, code=codes.OUT_OF_SCOPE)
    fault = (
        _unnamed(plan, plan.language, after) or _empty(plan.language, after) or _missing_error(plan, after)
    )
    return Check("tests", fault is None, fault or "", codes.TESTS_NOTHING if fault else "")


def _copied(plan: Plan, language: Language, after: str) -> str | None:
    """What is tested must be imported, not defined again."""
    own = {each.name for each in definitions(after, language) if each.level == 0}
    for source in plan.sources:
        if language_of(source.path.name) == language:
            names = [each.name for each in definitions(source.text, language) if each.level == 0]
            copied = [name for name in names if name in own]
            if copied:
                return (
                    f"It defines {', '.join(copied[:4])} again; import what it tests from {source.path.stem}."
                )
    return None


def _unnamed(plan: Plan, language: Language, after: str) -> str | None:
    """The functions and classes of the given files that the task names must be used."""
    for source in plan.sources:
        for each in (
            definitions(source.selected, language) if language_of(source.path.name) == language else ()
        ):
            if each.level == 0 and is_named(plan.task.task, each) and not _has(after, each.last):
                return f"It never uses {each.last}, which the task wants tested."
    return None


def _empty(language: Language, after: str) -> str | None:
    if not _ASSERTS.search(after):
        return "It asserts nothing; assert what the code must return or raise."
    if language.name != "Python":
        return None
    try:
        nodes = nodes_of(after)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None
    tests = [
        node
        for node in nodes
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.name.startswith("test")
    ]
    if not tests:
        return "It has no function whose name begins with test_, so nothing would run."
    bare = [node.name for node in tests if not _asserts(node)]
    return f"{bare[0]} asserts nothing; assert what the code must return or raise." if bare else None


def _asserts(test: ast.FunctionDef | ast.AsyncFunctionDef) -> bool:
    """Whether a test asserts something, itself or through what it calls."""
    for node in ast.walk(test):
        if isinstance(node, ast.Assert) and ast.unparse(node.test) not in _NOTHING:
            return True
        if isinstance(node, ast.Call) and re.search(
            r"assert|raises|warns|fail|check|expect|verify", ast.unparse(node.func), re.IGNORECASE
        ):
            return True
    return False


def _missing_error(plan: Plan, after: str) -> str | None:
    missing = [error for error in asked_errors(plan.task.task) if not _has(after, error)]
    return f"It does not test that {missing[0]} is raised." if missing else None


def _has(text: str, name: str) -> bool:
    return re.search(rf"(?<!\w){re.escape(name)}(?!\w)", text) is not None
