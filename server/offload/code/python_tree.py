"""Python's own parser, serialised across threads, with a tree cache that lasts while an answer is checked."""

import ast
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TypeVar

_ONE_AT_A_TIME = threading.Lock()
_trees: ContextVar[dict[str, ast.Module] | None] = ContextVar("trees", default=None)
_nodes: ContextVar[dict[str, "Nodes"] | None] = ContextVar("nodes", default=None)
_LEAVES = (ast.expr_context, ast.operator, ast.unaryop, ast.boolop, ast.cmpop)
_Kind = TypeVar("_Kind", bound=ast.AST)


@contextmanager
def trees_kept() -> Iterator[None]:
    """Cache syntax trees within the context, because a dozen checks parse the same two or three texts.

    The cache ends with the context, because a tree takes a hundred times as much memory as its text.
    """
    trees, nodes = _trees.set({}), _nodes.set({})
    try:
        yield
    finally:
        _trees.reset(trees)
        _nodes.reset(nodes)


def parse_python(text: str) -> ast.Module:
    """Return the syntax tree for Python code. The tree may be shared, so do not modify it.

    Raises:
        SyntaxError, ValueError, RecursionError, MemoryError: as ``ast.parse``.
    """
    kept = _trees.get()
    if kept is None:
        return own_tree(text)
    if text not in kept:
        kept[text] = own_tree(text)
    return kept[text]


class Nodes:
    """A tree's nodes, outermost first, without operators and contexts, and also grouped by type."""

    def __init__(self, tree: ast.Module) -> None:
        self.all = tuple(_walked(tree))
        self._by_type: dict[type[ast.AST], list[ast.AST]] = {}
        for node in self.all:
            self._by_type.setdefault(type(node), []).append(node)

    def of(self, kind: type[_Kind]) -> Iterator[_Kind]:
        """Yield the nodes of exactly this type."""
        yield from self._by_type.get(kind, ())  # type: ignore[misc]  # each list holds one type

    def besides(self, *kinds: type[ast.AST]) -> Iterator[ast.AST]:
        """Yield the nodes of all other types."""
        for kind, nodes in self._by_type.items():
            if kind not in kinds:
                yield from nodes


def nodes_of(text: str) -> Nodes:
    """Return the nodes in the syntax tree for Python code.

    Raises:
        SyntaxError, ValueError, RecursionError, MemoryError: as ``ast.parse``.
    """
    kept = _nodes.get()
    if kept is None:
        return Nodes(own_tree(text))
    if text not in kept:
        kept[text] = Nodes(parse_python(text))
    return kept[text]


def _walked(tree: ast.Module) -> list[ast.AST]:
    """Return the nodes in ``ast.walk`` order, in half the time."""
    found: list[ast.AST] = [tree]
    for node in found:  # grows during the loop
        for name in node._fields:
            value = getattr(node, name, None)
            if isinstance(value, list):
                found += [each for each in value if isinstance(each, ast.AST)]
            elif isinstance(value, ast.AST) and not isinstance(value, _LEAVES):
                found.append(value)
    return found


def own_tree(text: str) -> ast.Module:
    """Return a new syntax tree that the caller may modify.

    Before 3.13, CPython uses one recursion counter for tree building in all threads, so two concurrent builds
    fail with ``SystemError: AST constructor recursion depth mismatch``.

    Raises:
        SyntaxError, ValueError, RecursionError, MemoryError: as ``ast.parse``.
    """
    with _ONE_AT_A_TIME:
        return ast.parse(text)
