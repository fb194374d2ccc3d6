"""The complete part of a generated Python test file whose answer did not end.

A small model often lists cases without end. Its first tests are as good as those of an answer that ended, and
they are run before they are written.
"""

import ast
import re
from collections.abc import Iterator, Sequence

MOST_ALIKE = 20
"""Statements of the same form in a row, from which on the model only lists cases. Of 901 test files (this
project's and CPython's), 26 have a longer row.
"""
_MOST_PARSES = 200
"""Maximum number of places at which an answer is cut to find its complete part."""
_FENCE = re.compile(r"^ {0,3}(?:`{3,}|~{3,})[^\n`]*$", re.MULTILINE)


def lists_without_end(answer: str) -> bool:
    """Return whether an unfinished answer ends in more than ``MOST_ALIKE`` statements of the same form."""
    tree = _parsed(_code(answer))
    return tree is not None and any(len(row) > MOST_ALIKE for row in _last_rows(tree))


def complete_tests(answer: str) -> str | None:
    """Return the complete statements of an unfinished answer, or None if they hold no test.

    A last row of statements of the same form is shortened to ``MOST_ALIKE``.
    """
    code = _code(answer)
    tree = _parsed(code)
    if tree is None:
        return None
    lines = code.split("\n")[: tree.body[-1].end_lineno]
    for row in _last_rows(tree):
        if len(row) > MOST_ALIKE:
            lines = lines[: row[MOST_ALIKE - 1].end_lineno]
            break
    defined = (node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef))
    return "\n".join(lines) + "\n" if any(each.name.startswith("test") for each in defined) else None


def _code(answer: str) -> str:
    """Return the text of the first block, which may not be closed, or the whole answer if it has none."""
    opening = _FENCE.search(answer)
    if opening is None:
        return answer
    closing = _FENCE.search(answer, opening.end())
    return answer[opening.end() + 1 : closing.start() if closing else None]


def _parsed(code: str) -> ast.Module | None:
    """Return the tree of the longest part of the code that ends with a complete statement.

    The last line never counts: it may be cut.
    """
    lines = code.split("\n")
    for count in range(len(lines) - 1, max(0, len(lines) - 1 - _MOST_PARSES), -1):
        try:
            tree = ast.parse("\n".join(lines[:count]))
        except (SyntaxError, ValueError, RecursionError):
            continue
        return tree if tree.body else None
    return None


def _last_rows(tree: ast.Module) -> Iterator[list[ast.stmt]]:
    """Yield the last statements of the same form on each level, from the module to the last block."""
    body: Sequence[ast.stmt] = tree.body
    while body:
        form = _form(body[-1])
        row: list[ast.stmt] = []
        for statement in reversed(body):
            if _form(statement) != form:
                break
            row.insert(0, statement)
        yield row
        body = getattr(body[-1], "body", ())


def _form(statement: ast.stmt) -> str:
    """Return a statement's syntax without the values of its constants and the names that it defines."""
    parts = []
    for node in ast.walk(statement):
        name = node.id if isinstance(node, ast.Name) else node.attr if isinstance(node, ast.Attribute) else ""
        value = type(node.value).__name__ if isinstance(node, ast.Constant) else ""
        parts.append(f"{type(node).__name__} {name} {value}")
    return "\n".join(parts)
