"""Removes demonstration code that a model appends to new code: calls whose results are printed or asserted.

Such code would run on every import. Only the end of a module is examined, and only for tasks that give
examples.
"""

import ast
from collections.abc import Collection

_BLOCKS = ast.For | ast.Try | ast.With | ast.If
_Definition = ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef


def without_demonstrations(text: str) -> str:
    """Return a module without the demonstrations at its end. If there are none, the text is unchanged."""
    try:
        body = ast.parse(text).body
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return text
    last = max((place for place, node in enumerate(body) if isinstance(node, _Definition)), default=-1)
    if last < 0:
        return text
    own = {node.name for node in body if isinstance(node, _Definition)}
    used = {each.id for node in body[: last + 1] for each in ast.walk(node) if isinstance(each, ast.Name)}
    end = len(body)
    while end > last + 1 and _shows(body[end - 1], own, used):
        end -= 1
    if end == len(body) or not any(_prints(node, own) for node in body[end:]):
        return text
    lines = text.splitlines(keepends=True)
    return "".join(lines[: body[end - 1].end_lineno]).rstrip() + "\n"


def _shows(node: ast.stmt, own: Collection[str], used: Collection[str]) -> bool:
    """Return whether a statement serves only as part of a demonstration."""
    if isinstance(node, ast.Assert | ast.Pass):
        return True
    if isinstance(node, ast.Expr):
        return _called(node.value) in {"print", *own}
    if isinstance(node, ast.Assign):
        names = [each.id for each in node.targets if isinstance(each, ast.Name)]
        return len(names) == len(node.targets) and not any(name in used or name.isupper() for name in names)
    if isinstance(node, ast.Import | ast.ImportFrom):
        return False
    if isinstance(node, _BLOCKS) and not _is_main_guard(node):
        inner = [each for each in ast.iter_child_nodes(node) if isinstance(each, ast.stmt)]
        handlers = node.handlers if isinstance(node, ast.Try) else []
        inner += [each for handler in handlers for each in handler.body]
        return all(_shows(each, own, used) for each in inner)
    return False


def _prints(node: ast.stmt, own: Collection[str]) -> bool:
    return any(
        isinstance(each, ast.Assert) or (isinstance(each, ast.Call) and _called(each) in {"print", *own})
        for each in ast.walk(node)
    )


def _called(node: ast.AST) -> str:
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
        return node.func.id
    return ""


def _is_main_guard(node: ast.stmt) -> bool:
    return isinstance(node, ast.If) and "__name__" in ast.unparse(node.test)
