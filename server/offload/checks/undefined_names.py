"""Undefined names in a Python module: the most common mistake small models make.

A name is considered defined if any code in the module binds it, at any depth. This rule prefers missed faults
to false alarms.
"""

import ast
import builtins
import sys
from collections.abc import Iterable, Mapping

from server.offload.code.python_tree import nodes_of

_MODULE_NAMES = frozenset(
    {"__name__", "__file__", "__doc__", "__spec__", "__package__", "__loader__", "__path__", "__builtins__",
     "__annotations__", "__class__", "__module__", "__qualname__", "__debug__", "reveal_type", "WindowsError"}
)  # fmt: skip

_BINDS_NOTHING = (
    ast.Name,
    ast.Attribute,
    ast.Constant,
    ast.Call,
    ast.Expr,
    ast.Return,
    ast.Assign,
    ast.keyword,
)
"""The most frequent node types that bind no names. ``Name`` is handled separately."""


def undefined_names(text: str) -> tuple[tuple[str, int], ...]:
    """Return each undefined name with the line (from 1) of its first use, or nothing if the text does not
    parse.

    A module with ``from x import *`` yields nothing, because the imported names cannot be known.
    """
    try:
        nodes = nodes_of(text)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return ()
    bound = set(dir(builtins)) | _MODULE_NAMES
    used: dict[str, int] = {}
    if any(alias.name == "*" for node in nodes.of(ast.ImportFrom) for alias in node.names):
        return ()
    for name in nodes.of(ast.Name):
        if not isinstance(name.ctx, ast.Load):
            bound.add(name.id)
        else:
            used[name.id] = min(name.lineno, used.get(name.id, name.lineno))
    for node in nodes.besides(*_BINDS_NOTHING):
        bound.update(_bound(node))
    missing = [(name, line) for name, line in used.items() if name not in bound]
    return tuple(sorted(missing, key=lambda item: item[1]))


def undefined_attributes(text: str) -> tuple[tuple[str, int], ...]:
    """Return each ``self.name`` that a class without bases uses but never sets, with its line.

    A class that can get attributes in other ways (``setattr``, ``__getattr__``, ``__dict__``) yields nothing.
    """
    try:
        nodes = nodes_of(text)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return ()
    missing: list[tuple[str, int]] = []
    for node in nodes.of(ast.ClassDef):
        if not node.bases and not node.keywords:
            missing += _missing_attributes(node)
    return tuple(sorted(missing, key=lambda item: item[1]))


def _missing_attributes(node: ast.ClassDef) -> list[tuple[str, int]]:
    own = {name for child in node.body for name in _bound_in_body(child)}
    used: dict[str, int] = {}
    for inner in ast.walk(node):
        if isinstance(inner, ast.Name) and inner.id in ("setattr", "vars"):
            return []
        if isinstance(inner, ast.Attribute):
            if isinstance(inner.ctx, ast.Store):
                own.add(inner.attr)
            elif isinstance(inner.value, ast.Name) and inner.value.id == "self":
                used.setdefault(inner.attr, inner.lineno)
    if {"__getattr__", "__getattribute__"} & own or "__dict__" in used:
        return []
    return [(name, line) for name, line in used.items() if name not in own and not hasattr(object, name)]


def _bound_in_body(statement: ast.stmt) -> list[str]:
    """Return the attribute names bound by a statement in a class body."""
    if isinstance(statement, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
        return [statement.name]
    return [name for inner in ast.walk(statement) for name in _bound(inner)]


def missing_imports(text: str, shown: str, given: Mapping[str, str]) -> list[tuple[str, str]]:
    """Return the names that ``text`` imports from the files in ``given`` (path to text) but that do not exist
    there.

    ``shown`` is the path of the text itself. A module matches a file only if its full name does.
    """
    try:
        nodes = nodes_of(text)
        known = {_module(path): bound_names(source) for path, source in given.items()}
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return []
    missing: list[tuple[str, str]] = []
    for node in nodes.of(ast.ImportFrom):
        module = _imported(node, shown)
        names = next((own for name, own in known.items() if _is_module(module, name)), None)
        if names and not names & {"*", "__getattr__"}:
            missing += [(module, a.name) for a in node.names if a.name != "*" and a.name not in names]
    return missing


def own_imports(text: str, shown: str) -> list[str]:
    """Return the imports through which a module imports itself."""
    try:
        nodes = nodes_of(text)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return []
    own = _module(shown)
    if not own or own.partition(".")[0] in sys.stdlib_module_names:
        return []
    found = [
        "." * node.level + (node.module or "")
        for node in nodes.of(ast.ImportFrom)
        if _imported(node, shown) == own
    ]
    for plain in nodes.of(ast.Import):
        found += [alias.name for alias in plain.names if alias.name == own]
    return found


def _module(path: str) -> str:
    """Return the dotted module name for a Python file's path in the project."""
    parts = path.replace("\\", "/").removesuffix(".pyi").removesuffix(".py").strip("/").split("/")
    if parts and parts[0] in ("src", "lib"):
        parts = parts[1:]
    return ".".join(parts)


def _imported(node: ast.ImportFrom, shown: str) -> str:
    """Return the absolute name of the module that a statement imports from."""
    if not node.level:
        return node.module or ""
    package = _module(shown).split(".")[: -node.level]
    return ".".join([*package, *([node.module] if node.module else [])])


def _is_module(imported: str, known: str) -> bool:
    if not imported or imported.partition(".")[0] in sys.stdlib_module_names:
        return False
    return known == imported or known.endswith(f".{imported}")


def bound_names(text: str) -> set[str]:
    """Return the names that a module binds at any depth, with ``*`` for a star import, or nothing if the text
    does not parse.
    """
    try:
        return _top_names(nodes_of(text).all)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return set()


def _top_names(nodes: Iterable[ast.AST]) -> set[str]:
    """Return the names that a module binds at any depth, with ``*`` for a star import."""
    names: set[str] = set()
    for node in nodes:
        names.update(_bound(node))
        if isinstance(node, ast.ImportFrom) and any(alias.name == "*" for alias in node.names):
            names.add("*")
    return names


def _bound(node: ast.AST) -> list[str]:  # noqa: PLR0911 - one line for each kind of binding
    match node:
        case ast.Name(id=name, ctx=ast.Store() | ast.Del()):
            return [name]
        case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name) | ast.ClassDef(name=name):
            return [name, *(p.name for p in getattr(node, "type_params", ()))]
        case ast.Import(names=names) | ast.ImportFrom(names=names):
            return [alias.asname or alias.name.partition(".")[0] for alias in names]
        case ast.arg(arg=name):
            return [name]
        case ast.ExceptHandler(name=str(name)) | ast.MatchAs(name=str(name)) | ast.MatchStar(name=str(name)):
            return [name]
        case ast.MatchMapping(rest=str(name)):
            return [name]
        case ast.Global(names=global_names) | ast.Nonlocal(names=global_names):
            return list(global_names)
    return []
