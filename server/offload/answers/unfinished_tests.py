"""The complete part of a generated Python test file whose answer did not end.

A small model often lists cases without end. Its first tests are as good as those of an answer that ended, and
they are run before they are written.
"""

import ast
import io
import re
import tokenize
from collections.abc import Iterator, Sequence
from itertools import accumulate, takewhile
from typing import TypeVar

Node = TypeVar("Node", bound=ast.AST)
MOST_ALIKE = 20
"""Statements of the same form in a row, from which on the model only lists cases. Of 901 test files (this
project's and CPython's), 26 have a longer row.
"""
MOST_LISTED = 30
"""Elements of the same form at the end of one list, as above. Of 1,004 test files, 7 have more."""
_MOST_PARSES = 200
"""Maximum number of places at which an answer is cut to find its complete part."""
_FENCE = re.compile(r"^ {0,3}(?:`{3,}|~{3,})[^\n`]*$", re.MULTILINE)


def lists_without_end(answer: str) -> bool:
    """Return whether an unfinished answer ends in more than ``MOST_ALIKE`` statements of the same form, or
    inside a list with more than ``MOST_LISTED`` such elements.
    """
    code = _code(answer)
    if any(len(_last_alike(elements)) > MOST_LISTED for elements in _open_lists(code)):
        return True
    tree = _parsed(code)
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
        yield _last_alike(body)
        body = getattr(body[-1], "body", ())


def _last_alike(nodes: Sequence[Node]) -> list[Node]:
    """Return the nodes at the end that have the same form."""
    if not nodes:
        return []
    form = _form(nodes[-1])
    row = list(takewhile(lambda node: _form(node) == form, reversed(nodes)))
    return row[::-1]


def _open_lists(code: str) -> Iterator[list[ast.expr]]:
    """Yield the complete elements of each bracket that is still open at the end, from the outermost on."""
    starts = [0, *accumulate(len(line) + 1 for line in code.split("\n"))]
    opened: list[tuple[int, int]] = []  # the first element's offset, and that of the last comma
    try:
        for token in tokenize.generate_tokens(io.StringIO(code).readline):
            end = starts[token.end[0] - 1] + token.end[1]
            if token.type != tokenize.OP:
                continue
            if token.string in "([{":
                opened.append((end, end))
            elif token.string in ")]}" and opened:
                opened.pop()
            elif token.string == "," and opened:
                opened[-1] = (opened[-1][0], end)
    except (tokenize.TokenError, SyntaxError):
        pass  # the end of an answer that was cut; what came before it counts
    for first, last in opened:
        try:
            parsed = ast.parse(f"[{code[first:last]}]", mode="eval").body
        except (SyntaxError, ValueError, RecursionError):
            continue
        if isinstance(parsed, ast.List):
            yield parsed.elts


def _form(part: ast.AST) -> str:
    """Return the syntax of a part without the values of its constants and the names that it defines."""
    parts = []
    for node in ast.walk(part):
        name = node.id if isinstance(node, ast.Name) else node.attr if isinstance(node, ast.Attribute) else ""
        value = type(node.value).__name__ if isinstance(node, ast.Constant) else ""
        parts.append(f"{type(node).__name__} {name} {value}")
    return "\n".join(parts)
