"""Python mistakes that are never intended and can be seen without running the code."""

import ast
import re
from collections.abc import Iterator

from server.offload.code.python_tree import Nodes, nodes_of, parse_python

_MUTABLE = (ast.List, ast.Dict, ast.Set, ast.ListComp, ast.DictComp, ast.SetComp)
_PATTERN = re.compile(r"\[\^?[^\]]*\w-\w[^\]]*\]|\\[wWdDsS][+*]")
TRIED_OUT = "calls that only print the results of functions, on every import"
_IN_PLACE = frozenset({"sort", "reverse", "append", "extend", "insert", "clear"})


def pitfalls(text: str) -> tuple[tuple[int, str], ...]:
    """Return each mistake with its line, in order, or nothing if the text does not parse."""
    try:
        nodes = nodes_of(text)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return ()
    found = [(call.lineno, slip) for call in nodes.of(ast.Call) for slip in _literal_patterns(call)]
    statements: list[ast.Assign | ast.Return] = [*nodes.of(ast.Assign), *nodes.of(ast.Return)]
    for statement in statements:
        if isinstance(statement.value, ast.Call) and _method(statement.value) in _IN_PLACE:
            found += _in_place(statement.value, nodes)
    return tuple(sorted(found))


def _literal_patterns(node: ast.Call) -> Iterator[str]:
    match node:
        case ast.Call(
            func=ast.Attribute(attr="replace" | "split" | "count" | "find" as method),
            args=[ast.Constant(value=str(text)), *_],
        ) if _PATTERN.search(text):
            if not _takes_patterns(node.func):
                yield f"str.{method} takes {text!r} literally, not as a pattern; use re."


def _takes_patterns(called: ast.expr) -> bool:
    """Return whether the method may belong to a type other than ``str``: to ``re``, or to a table column's
    ``str`` accessor.
    """
    names = {each.attr for each in ast.walk(called) if isinstance(each, ast.Attribute)}
    owners = {each.id for each in ast.walk(called) if isinstance(each, ast.Name)}
    return "str" in names or bool(owners & {"re", "regex", "pattern"})


def _method(call: ast.Call) -> str:
    return call.func.attr if isinstance(call.func, ast.Attribute) else ""


def _in_place(call: ast.Call, nodes: Nodes) -> Iterator[tuple[int, str]]:
    """Yield uses of the result of an in-place list method, which is always None."""
    around = [
        each for each in _functions(nodes) if each.lineno <= call.lineno <= (each.end_lineno or each.lineno)
    ]
    lists = {
        target.id
        for each in around
        for inner in ast.walk(each)
        if isinstance(inner, ast.Assign) and _is_list(inner.value)
        for target in inner.targets
        if isinstance(target, ast.Name)
    }
    owner = call.func.value if isinstance(call.func, ast.Attribute) else None
    if around and owner and (_is_list(owner) or (isinstance(owner, ast.Name) and owner.id in lists)):
        yield (
            around[0].lineno,
            f"list.{_method(call)} changes the list and returns None; do not use its result.",
        )


def _functions(nodes: Nodes) -> list[ast.FunctionDef | ast.AsyncFunctionDef]:
    return [*nodes.of(ast.FunctionDef), *nodes.of(ast.AsyncFunctionDef)]


def tried_out(text: str) -> tuple[tuple[int, str], ...]:
    """Return the first of a module's trailing calls that only print function results. They would run on every
    import.
    """
    try:
        body = parse_python(text).body
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return ()
    last = next((at for at in range(len(body) - 1, -1, -1) if not _only_prints(body[at])), -1)
    if last < 0 or last == len(body) - 1:
        return ()
    if not isinstance(body[last], ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
        return ()
    return ((body[last + 1].lineno, TRIED_OUT),)


def _only_prints(statement: ast.stmt) -> bool:
    if isinstance(statement, ast.Try):
        return all(_only_prints(each) for each in statement.body) and not statement.orelse
    return (
        isinstance(statement, ast.Expr)
        and isinstance(statement.value, ast.Call)
        and isinstance(statement.value.func, ast.Name)
        and statement.value.func.id == "print"
    )


def broken_dataclasses(text: str) -> tuple[tuple[int, str], ...]:
    """Return each field that breaks a standard library dataclass."""
    try:
        nodes = nodes_of(text)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return ()
    if not any(node.module == "dataclasses" for node in nodes.of(ast.ImportFrom)):
        return ()
    found = []
    for node in nodes.of(ast.ClassDef):
        if any(ast.unparse(each).split("(")[0] == "dataclass" for each in node.decorator_list):
            for each in node.body:
                if isinstance(each, ast.AnnAssign) and isinstance(each.value, _MUTABLE):
                    given = f"{ast.unparse(each.target)} = {ast.unparse(each.value)}"
                    found.append(
                        (each.lineno, f"a dataclass cannot have {given}; use field(default_factory=…).")
                    )
    return tuple(found)


def misplaced_docstrings(text: str) -> tuple[tuple[int, str], ...]:
    """Return each string meant as a docstring that is not one: after a function's first statement, or right
    above a definition without a docstring.
    """
    try:
        tree = parse_python(text)
        nodes = nodes_of(text)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return ()
    found: list[tuple[int, str]] = []
    for node in _functions(nodes):
        found += [
            (each.lineno, f"a string in {node.name} that is not its docstring")
            for each in node.body[1:]
            if _is_text(each)
        ]
    first, second = (*tree.body[:2], None, None)[:2]
    if (
        first is not None
        and _is_text(first)
        and isinstance(second, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef)
        and second.lineno - len(second.decorator_list) <= (first.end_lineno or first.lineno) + 1
        and not (second.body and _is_text(second.body[0]))
    ):
        found.append(
            (first.lineno, f"a docstring of the module right above {second.name}, which has no docstring")
        )
    return tuple(found)


def _is_text(node: ast.AST) -> bool:
    return (
        isinstance(node, ast.Expr)
        and isinstance(node.value, ast.Constant)
        and isinstance(node.value.value, str)
    )


def _is_list(node: ast.expr) -> bool:
    return isinstance(node, ast.List | ast.ListComp) or (
        isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in ("list", "sorted")
    )
