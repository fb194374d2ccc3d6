"""Probe inputs: calls that reveal how code behaves, derived from known calls."""

import ast
import builtins
import sys
from collections.abc import Collection, Iterable, Iterator

from server.execution.python.examples import find_calls

MOST = 24


def probe_calls(
    text: str, names: Collection[str], known: Iterable[str] = (), *, most: int = MOST
) -> list[str]:
    """Return calls to try: known calls, calls found in the text, then variations of their literal arguments.

    Args:
        text: the task, which may contain calls to ``names``.
        names: the functions whose behaviour matters.
        known: expressions from other sources: examples, inputs proposed by a model.
        most: maximum number of calls.
    """
    tried = (_tried(call, names) for call in (*known, *find_calls(text, names)))
    found = dict.fromkeys(ast.unparse(call) for call in tried if call is not None)
    variations = [list(_variations(seed)) for seed in found]
    for row in range(max(map(len, variations), default=0)):
        for one in variations:
            if row < len(one):
                found.setdefault(one[row])
    return list(found)[:most]


def _tried(text: str, names: Collection[str]) -> ast.expr | None:
    """Return the part of an expression worth evaluating; None if it calls none of ``names``.

    This is the whole expression, as in ``Stack().push(1)``, unless the result is passed to another function,
    as in ``print(f(1))``.
    """
    try:
        tree = ast.parse(text.strip(), mode="eval").body
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None
    if isinstance(tree, ast.Compare):
        tree = tree.left
    known = [node for node in ast.walk(tree) if _calls(node, names)]
    if not known:
        return None
    foreign = isinstance(tree, ast.Call) and isinstance(tree.func, ast.Name) and tree.func.id not in names
    found = known[0] if foreign else tree
    assert isinstance(found, ast.expr)
    return found if _is_closed(found, names) else None


def _calls(node: ast.AST, names: Collection[str]) -> bool:
    return isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in names


def _is_closed(tree: ast.expr, names: Collection[str]) -> bool:
    """Return whether all arguments are values. ``f(text)`` merely quotes a signature."""
    read = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)}
    return not any(name.islower() and name not in names and not _is_known(name) for name in read)


def _is_known(name: str) -> bool:
    return hasattr(builtins, name) or name in sys.stdlib_module_names


def _variations(call: str) -> Iterator[str]:
    """Yield the call with one literal argument varied at a time."""
    tree = ast.parse(call, mode="eval").body
    if not isinstance(tree, ast.Call):
        return
    for place, argument in enumerate(tree.args):
        try:
            value = ast.literal_eval(argument)
        except (ValueError, TypeError, SyntaxError, MemoryError, RecursionError):
            continue
        for other in varied(value):
            arguments = [
                *tree.args[:place],
                ast.parse(repr(other), mode="eval").body,
                *tree.args[place + 1 :],
            ]
            yield ast.unparse(ast.Call(tree.func, arguments, tree.keywords))


def varied(value: object) -> list[object]:  # noqa: PLR0911 - one return a type
    """Return other values of the same type: the empty value, neighbouring values and common edge cases."""
    if isinstance(value, bool):
        return [not value]
    if isinstance(value, int):
        return [0, 1, -1, value + 1, value - 1, value * 10, -value]
    if isinstance(value, float):
        return [0.0, 1.0, -value, value + 0.5]
    if isinstance(value, str):
        return ["", value.upper(), f" {value} ", value + value, value[::-1], "é", value[: len(value) // 2]]
    if isinstance(value, list | tuple):
        kind = type(value)
        return [kind(), kind(value[::-1]), kind([*value, *value]), kind(value[:1]), kind(value[1:])]
    if isinstance(value, dict):
        items = list(value.items())
        return [{}, dict(items[:1]), dict(items[::-1])]
    if isinstance(value, set | frozenset):
        return [frozenset(), frozenset(list(value)[:1])]
    return []
