"""Slips in Python that are wrong whatever was meant, and that reading shows as well as running would."""

import ast
from collections.abc import Iterator

from server.offload.code.python_tree import nodes_of

_MUTABLE = (ast.List, ast.Dict, ast.Set, ast.ListComp, ast.DictComp, ast.SetComp)
_IN_PLACE = frozenset({"sort", "reverse", "append", "extend", "insert", "clear"})
_PATTERN_SIGNS = ("[^", "[a-z", "[A-Z", "[0-9", r"\w", r"\W", r"\d", r"\D", r"\s", r"\S")


def pitfalls(text: str) -> tuple[tuple[int, str], ...]:
    """Return each slip with its line, in their order; none where the text does not parse."""
    try:
        nodes = nodes_of(text)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return ()
    placed = [node for node in nodes if isinstance(node, ast.stmt | ast.expr)]
    return tuple(sorted((node.lineno, slip) for node in placed for slip in _slips(node)))


def _slips(node: ast.AST) -> Iterator[str]:
    match node:
        case ast.ClassDef() if any("dataclass" in ast.unparse(each) for each in node.decorator_list):
            for each in node.body:
                if isinstance(each, ast.AnnAssign) and isinstance(each.value, _MUTABLE):
                    given = f"{ast.unparse(each.target)} = {ast.unparse(each.value)}"
                    yield f"a dataclass cannot have {given}; use field(default_factory=…)."
        case ast.Call(
            func=ast.Attribute(value=owner, attr="replace" | "split" | "count" | "find" as method),
            args=[ast.Constant(value=str(text)), *_],
        ):
            if any(sign in text for sign in _PATTERN_SIGNS) and not _takes_patterns(owner):
                yield f"str.{method} takes {text!r} literally, not as a pattern; use re."
        case ast.FunctionDef() | ast.AsyncFunctionDef():
            yield from _in_place(node)


def _takes_patterns(owner: ast.expr) -> bool:
    """Whether it is no method of a plain text: the owner is ``re``, or the ``str`` of a table's column."""
    names = {each.attr for each in ast.walk(owner) if isinstance(each, ast.Attribute)}
    return "str" in names or (isinstance(owner, ast.Name) and owner.id in ("re", "regex", "pattern"))


def _in_place(function: ast.FunctionDef | ast.AsyncFunctionDef) -> Iterator[str]:
    """Yield where the result of a list's method that gives None is used."""
    lists = {
        target.id
        for each in ast.walk(function)
        if isinstance(each, ast.Assign) and _is_list(each.value)
        for target in each.targets
        if isinstance(target, ast.Name)
    }
    for each in ast.walk(function):
        if isinstance(each, ast.Assign | ast.Return) and isinstance(each.value, ast.Call):
            called = each.value.func
            if isinstance(called, ast.Attribute) and called.attr in _IN_PLACE:
                owner = called.value
                if _is_list(owner) or (isinstance(owner, ast.Name) and owner.id in lists):
                    yield f"list.{called.attr} changes the list and gives None; do not use its result."


def _is_list(node: ast.expr) -> bool:
    return isinstance(node, ast.List | ast.ListComp) or (
        isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in ("list", "sorted")
    )
