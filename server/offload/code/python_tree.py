"""Python's own parser, serialised across threads, with a cache of trees during the check of an answer."""

import ast
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

_ONE_AT_A_TIME = threading.Lock()
_trees: ContextVar[dict[str, ast.Module] | None] = ContextVar("trees", default=None)
_nodes: ContextVar[dict[str, tuple[ast.AST, ...]] | None] = ContextVar("nodes", default=None)


@contextmanager
def trees_kept() -> Iterator[None]:
    """Cache syntax trees inside the context: a dozen checks parse the same two or three texts.

    The cache ends with the context, because a tree takes a hundred times the memory of its text.
    """
    trees, nodes = _trees.set({}), _nodes.set({})
    try:
        yield
    finally:
        _trees.reset(trees)
        _nodes.reset(nodes)


def parse_python(text: str) -> ast.Module:
    """Return the syntax tree of Python code. The tree may be shared: do not change it.

    Raises:
        SyntaxError, ValueError, RecursionError, MemoryError: as ``ast.parse``.
    """
    kept = _trees.get()
    if kept is None:
        return own_tree(text)
    if text not in kept:
        kept[text] = own_tree(text)
    return kept[text]


def nodes_of(text: str) -> tuple[ast.AST, ...]:
    """Return all nodes of the tree, as ``ast.walk`` finds them.

    Raises:
        SyntaxError, ValueError, RecursionError, MemoryError: as ``ast.parse``.
    """
    kept = _nodes.get()
    if kept is None:
        return tuple(ast.walk(own_tree(text)))
    if text not in kept:
        kept[text] = tuple(ast.walk(parse_python(text)))
    return kept[text]


def same_code(one: str, other: str) -> bool:
    """Whether two texts are the same code apart from comments and layout; False if one does not parse."""
    try:
        return ast.dump(parse_python(one)) == ast.dump(parse_python(other))
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return False


def own_tree(text: str) -> ast.Module:
    """Return a new syntax tree that the caller may change.

    CPython before 3.13 counts the recursion depth of tree building for all threads together. Two concurrent
    builds fail with ``SystemError: AST constructor recursion depth mismatch``.

    Raises:
        SyntaxError, ValueError, RecursionError, MemoryError: as ``ast.parse``.
    """
    with _ONE_AT_A_TIME:
        return ast.parse(text)
