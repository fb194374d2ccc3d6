"""Calls with generated arguments, chosen by annotation if there is one, otherwise from all common types."""

import ast
from collections import Counter
from collections.abc import Collection, Iterator

from server.execution.python.examples import find_calls

MOST_OF_ONE, MOST = 10, 40
_ANY = ("3", "'a b'", "[3, 1, 2]", "{'a': 1, 'b': 2}", "0", "''", "[]", "-1.5", "None", "['b', 'a', '']")
_OF_TYPE = {
    "int": ("3", "0", "-1", "10", "1", "255"),
    "float": ("1.5", "0.0", "-2.25", "100.0", "3"),
    "str": ("'a b'", "''", "'A-b_c 12'", "'x'", "' é '", "'10'"),
    "bool": ("True", "False"),
    "bytes": ("b'ab'", "b''"),
    "list": ("[3, 1, 2]", "[]", "['b', 'a']", "[1]", "[[1, 2], [3]]", "[('a', 1)]"),
    "tuple": ("(3, 1)", "()", "('a', 1)"),
    "set": ("{1, 2}", "set()"),
    "dict": ("{'a': 1, 'b': 2}", "{}", "{'a': {'b': [1]}}"),
    "None": ("None",),
}
_ALIASES = {
    "Sequence": "list",
    "Iterable": "list",
    "Collection": "list",
    "List": "list",
    "Iterator": "list",
    "Mapping": "dict",
    "Dict": "dict",
    "Set": "set",
    "frozenset": "set",
    "Tuple": "tuple",
}


def generated_calls(source: str, names: Collection[str]) -> list[str]:
    """Return calls to a module's own functions: first those found in its text, then generated ones.

    Decorated functions and names defined more than once are skipped.
    """
    found: list[str] = []
    functions = [node for node in ast.parse(source).body if isinstance(node, ast.FunctionDef)]
    times = Counter(node.name for node in functions)
    for node in functions:
        if node.name in names and times[node.name] == 1 and not node.decorator_list:
            seen = [call for call in find_calls(source, [node.name]) if _is_closed(call)]
            found += list(dict.fromkeys((*seen, *_generated(node))))[:MOST_OF_ONE]
    return found[:MOST]


def _generated(function: ast.FunctionDef) -> Iterator[str]:
    """Yield calls in which every argument takes its first value, then its second, and so on."""
    given = function.args
    needed = [*given.posonlyargs, *given.args]
    values = [_values(each) for each in needed]
    keywords = [(each.arg, _values(each)) for each in given.kwonlyargs]
    least = len(needed) - len(given.defaults)
    for row in range(MOST_OF_ONE):
        # Arguments with a default are left out of every other call.
        count = len(needed) if row % 2 else least
        words = [each[(row + place) % len(each)] for place, each in enumerate(values[:count])]
        words += [
            f"{name}={each[row % len(each)]}"
            for name, each in keywords
            if row % 2 or _is_required(given, name)
        ]
        yield f"{function.name}({', '.join(words)})"
        if not words:
            return


def _is_required(given: ast.arguments, name: str) -> bool:
    return any(
        each.arg == name and default is None
        for each, default in zip(given.kwonlyargs, given.kw_defaults, strict=True)
    )


def _values(parameter: ast.arg) -> tuple[str, ...]:
    """Return values for a parameter, based on the first known type in its annotation."""
    if parameter.annotation is not None:
        for node in ast.walk(parameter.annotation):
            name = (
                node.id
                if isinstance(node, ast.Name)
                else node.attr
                if isinstance(node, ast.Attribute)
                else ""
            )
            if (found := _OF_TYPE.get(_ALIASES.get(name, name))) is not None:
                return found
    return _ANY


def _is_closed(call: str) -> bool:
    """Return whether all arguments of a call are literals."""
    tree = ast.parse(call, mode="eval").body
    assert isinstance(tree, ast.Call)
    try:
        for each in (*tree.args, *(keyword.value for keyword in tree.keywords)):
            ast.literal_eval(each)
    except (ValueError, TypeError, SyntaxError, MemoryError, RecursionError):
        return False
    return True
