"""Python's own parser, for one thread at a time."""

import ast
import threading

_ONE_AT_A_TIME = threading.Lock()


def parse_python(text: str) -> ast.Module:
    """Return the syntax tree of Python code.

    CPython before 3.13 counts how deep it is in a tree that it builds for all threads together; when two
    build one at once, it fails with ``SystemError: AST constructor recursion depth mismatch``.

    Raises:
        SyntaxError, ValueError, RecursionError, MemoryError: as ``ast.parse``.
    """
    with _ONE_AT_A_TIME:
        return ast.parse(text)
