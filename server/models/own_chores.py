"""Chores made from the user's own project: write a docstring for a function without changing its code.

These chores need no execution: an answer is right if its syntax tree is identical apart from the docstring.
"""

import ast
import os
from collections.abc import Iterator
from pathlib import Path

from server.common.regular_files import read_regular
from server.models.chores import Chore

MOST = 8
"""Maximum number of chores per project, spread across its files."""
FEWEST_LINES, MOST_LINES = 4, 40
LARGEST_FILE = 200_000
MOST_FILES = 2_000
_SKIPPED = frozenset({"node_modules", "site-packages", "venv", "env", "build", "dist", "__pycache__"})
_TASK = """Write a docstring for this function. Return the whole function with it; change nothing else.

```python
{code}
```"""


def own_chores(project: Path, most: int = MOST) -> tuple[Chore, ...]:
    """Return chores from a project's Python files, at most one per file. Deterministic. Blocks."""
    found = [chore for path in python_files(project) if (chore := _chore_of(project, path)) is not None]
    step = max(1, len(found) // most)
    return tuple(found[::step][:most])


def python_files(project: Path) -> Iterator[Path]:
    """Yield a project's Python files, without tests, hidden folders and installed packages."""
    count = 0
    for at, folders, names in os.walk(project):
        folders[:] = sorted(each for each in folders if not each.startswith(".") and each not in _SKIPPED)
        for name in sorted(names):
            count += 1
            if count > MOST_FILES:
                return
            if name.endswith(".py") and not name.startswith("test_"):
                yield Path(at, name)


def _chore_of(project: Path, path: Path) -> Chore | None:
    """Return a chore made from the longest suitable function in a file."""
    try:
        text = read_regular(path, LARGEST_FILE).decode()
        tree = ast.parse(text)
    except (OSError, UnicodeDecodeError, SyntaxError, ValueError, RecursionError):
        return None  # another file serves as well
    sources = [code for each in tree.body if (code := _bare(text, each))]
    if not sources:
        return None
    code = max(sources, key=len)
    name = f"docstring in {path.relative_to(project).as_posix()}"
    return Chore(name=name[:80], category="coding", task=_TASK.format(code=code), documents=code)


def _bare(text: str, node: ast.stmt) -> str:
    """Return a function's code without its docstring; empty if the function is unsuitable."""
    if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) or node.decorator_list:
        return ""
    lines = text.splitlines()[node.lineno - 1 : node.end_lineno]
    if ast.get_docstring(node) is not None:
        first = node.body[0]
        begin, end = first.lineno - node.lineno, (first.end_lineno or first.lineno) - node.lineno + 1
        if begin == 0 or len(node.body) == 1:
            return ""
        lines = lines[:begin] + lines[end:]
    return "\n".join(lines) if FEWEST_LINES <= len(lines) <= MOST_LINES else ""
