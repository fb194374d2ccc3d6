"""What the hidden checks of the benchmark use."""

import ast
import subprocess
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

BEFORE = """import sys
sys.path[:0] = ['.']
sys.path.append({folder!r})
from tests.bench.support.verifying import documented, fails, node
"""
"""What runs before a check, in the folder of the chore."""


def fails(error: type[BaseException], function: Callable[..., Any], *arguments: Any) -> None:
    """Require that a call raises an error of this type."""
    try:
        result = function(*arguments)
    except error:
        return
    raise AssertionError(f"{arguments} gives {result!r}")


def node(script: str) -> None:
    """Require that a script of Node.js ends well."""
    subprocess.run(["node", "-e", script], check=True, timeout=30)


def documented(name: str, names: Sequence[str]) -> None:
    """Require that definitions have docstrings, and that nothing else of the file changed."""
    after = ast.parse(Path(name).read_text(encoding="utf-8"))
    before = ast.parse(Path(".before", name).read_text(encoding="utf-8"))
    kinds = ast.FunctionDef | ast.ClassDef
    found = {node.name: node for node in ast.walk(after) if isinstance(node, kinds)}
    assert all(ast.get_docstring(found[each]) for each in names)
    for node in (*found.values(), after):
        if ast.get_docstring(node):
            del node.body[0]
    assert ast.dump(after) == ast.dump(before)
