"""Probe inputs: calls that show how code behaves, made from calls that are known."""

import ast
from collections.abc import Collection, Iterable, Iterator

from server.execution.python.examples import find_calls

MOST = 24


def probe_calls(
    text: str, names: Collection[str], known: Iterable[str] = (), *, most: int = MOST
) -> list[str]:
    """Return calls to try: the known ones, those in a text, then variations of their literal arguments.

    Args:
        text: the task, in which calls of ``names`` may stand.
        names: the functions whose behaviour matters.
        known: expressions from elsewhere: examples, inputs that a model proposes.
        most: the number of calls.
    """
    seeds: list[str] = []
    for call in (*known, *find_calls(text, names)):
        parsed = _call_of(call, names)
        if parsed is not None:
            seeds.append(ast.unparse(parsed))
    found = dict.fromkeys(seeds)
    variations = [list(_variations(seed)) for seed in found]
    for row in range(max(map(len, variations), default=0)):
        for one in variations:
            if row < len(one):
                found.setdefault(one[row])
    return list(found)[:most]


def _call_of(text: str, names: Collection[str]) -> ast.Call | None:
    """Return the call of a known function in an expression, if there is one."""
    try:
        tree = ast.parse(text.strip(), mode="eval")
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in names:
            return node
    return None


def _variations(call: str) -> Iterator[str]:
    """Yield the call with one literal argument varied at a time."""
    tree = ast.parse(call, mode="eval").body
    assert isinstance(tree, ast.Call)
    for place, argument in enumerate(tree.args):
        try:
            value = ast.literal_eval(argument)
        except (ValueError, TypeError, SyntaxError, MemoryError, RecursionError):
            continue
        for other in _varied(value):
            arguments = [
                *tree.args[:place],
                ast.parse(repr(other), mode="eval").body,
                *tree.args[place + 1 :],
            ]
            yield ast.unparse(ast.Call(tree.func, arguments, tree.keywords))


def _varied(value: object) -> list[object]:  # noqa: PLR0911 - one return a type
    """Return other values of the same type: the empty one, the neighbours, the usual edges."""
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
