"""Calls that a model adds to try its code out: chatter, only in code."""

import ast
import re

from server.offload.code.python_tree import parse_python

_WANTED = re.compile(
    r"\b(?:print\w*|scripts?|main|examples?|demo\w*|usage|runs?|program|command[- ]line|cli|output\w*|"
    r"call\w*)\b",
    re.IGNORECASE,
)


def without_demonstration(code: str, task: str) -> str:
    """Return a new Python module without the calls at its very end that print what its functions return.

    A module that prints when it is imported is not what was asked for unless the task speaks of such a
    thing; then, and where anything else follows the last definition, the code is returned as it is.
    """
    if _WANTED.search(task):
        return code
    try:
        body = parse_python(code).body
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return code
    kept = len(body)
    while kept and _only_prints(body[kept - 1]):
        kept -= 1
    if kept in (0, len(body)) or not _defines(body[kept - 1]):
        return code
    lines = code.split("\n")[: body[kept].lineno - 1]
    while lines and (not lines[-1].strip() or lines[-1].startswith("#")):
        lines.pop()
    return "\n".join(lines) + "\n"


def _only_prints(statement: ast.stmt) -> bool:
    if isinstance(statement, ast.Try):
        return all(_only_prints(each) for each in statement.body) and not statement.orelse
    return (
        isinstance(statement, ast.Expr)
        and isinstance(statement.value, ast.Call)
        and isinstance(statement.value.func, ast.Name)
        and statement.value.func.id == "print"
    )


def _defines(statement: ast.stmt) -> bool:
    return isinstance(statement, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef)
