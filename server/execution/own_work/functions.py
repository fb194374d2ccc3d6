"""Functions of a project that its own tests call, found by reading its files. Nothing runs here."""

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from server.common.regular_files import read_regular
from server.execution.project_checks.find import find_project_checks
from server.execution.project_checks.manifests import MOST_BYTES
from server.execution.project_checks.related import related_tests
from server.execution.project_checks.values import ProjectCheck
from server.models.own_chores import python_files

Function = ast.FunctionDef | ast.AsyncFunctionDef

FEWEST_LINES, MOST_LINES = 4, 40
MOST_MODULES = 60
"""Number of modules to look at, spread across the project: each search for its tests walks all tests."""
LARGEST_MODULE = 6_000
"""Bytes. The whole module is in the prompt, and a small model reads no more at once."""
EMPTY_BODY = "raise NotImplementedError"
_TASK = """This is {file}:

```python
{module}
```

Write the body of `{name}` so that it does what its docstring says. Return the whole function and nothing
else."""


@dataclass(frozen=True)
class FunctionWithTests:
    """A function, its module's text, and the tests that name it.

    Attributes:
        file: absolute path of the module.
        module: the module's text.
        first, last: the lines of the function, from 1.
        body: the line of the first statement after the docstring.
        check: how the project runs pytest.
        tests: test files, absolute.
    """

    name: str
    file: Path
    module: str
    first: int
    body: int
    last: int
    check: ProjectCheck
    tests: tuple[Path, ...]

    @property
    def emptied(self) -> str:
        """Return the module without the function's body."""
        lines = self.module.splitlines()
        indent = lines[self.body - 1][: -len(lines[self.body - 1].lstrip())]
        return "\n".join((*lines[: self.body - 1], indent + EMPTY_BODY, *lines[self.last :])) + "\n"

    @property
    def task(self) -> str:
        """Return the text for the model."""
        shown = self.file.relative_to(self.check.folder).as_posix()
        return _TASK.format(file=shown, module=self.emptied.rstrip(), name=self.name)

    def filled(self, answer: str) -> str:
        """Return the module with the answer's function, and with the imports that the answer adds.

        Raises:
            ValueError: the answer does not parse, or does not define the function at its top level.
        """
        try:
            tree = ast.parse(answer)
        except (SyntaxError, RecursionError, MemoryError) as error:
            raise ValueError(f"does not parse: {error}"[:200]) from error
        found = [each for each in _functions(tree) if each.name == self.name]
        if not found:
            raise ValueError(f"does not define {self.name}")
        given = answer.splitlines()
        # ``from __future__`` is allowed only at the start of a module, which stays as it is.
        imports = [ast.unparse(each) for each in tree.body if _is_import(each)]
        function = given[found[-1].lineno - 1 : found[-1].end_lineno]
        lines = self.module.splitlines()
        return "\n".join((*lines[: self.first - 1], *imports, *function, *lines[self.last :])) + "\n"


def functions_with_tests(project: Path) -> Iterator[FunctionWithTests]:
    """Yield functions with a docstring that pytest files of the project name, one per module. Blocks."""
    root = project.resolve()
    checks = [each for each in find_project_checks(root).checks if each.name == "pytest"]
    modules = list(python_files(root)) if checks else []
    step = max(1, len(modules) // MOST_MODULES)
    for path in modules[::step][:MOST_MODULES]:
        check = next((each for each in checks if each.concerns(path)), None)
        if check is not None and (found := _function_of(root, path, check)) is not None:
            yield found


def _function_of(root: Path, path: Path, check: ProjectCheck) -> FunctionWithTests | None:
    """Return the longest suitable function of a module."""
    try:
        text = read_regular(path, LARGEST_MODULE).decode()
        tree = ast.parse(text)
    except (OSError, UnicodeDecodeError, SyntaxError, ValueError, RecursionError, MemoryError):
        return None  # another module serves as well
    suitable = [each for each in _functions(tree) if _is_suitable(each)]
    tests = related_tests(root, path) if suitable else ()
    named = {test: _names(test) for test in tests if test.is_relative_to(check.folder)}
    for node in sorted(suitable, key=_length, reverse=True):
        calling = tuple(test for test, names in named.items() if node.name in names)
        if calling:
            return FunctionWithTests(
                name=node.name,
                file=path,
                module=text,
                first=node.lineno,
                body=_first_line(node.body[1]),
                last=node.end_lineno or node.lineno,
                check=check,
                tests=calling,
            )
    return None


def _functions(tree: ast.Module) -> list[Function]:
    return [each for each in tree.body if isinstance(each, ast.FunctionDef | ast.AsyncFunctionDef)]


def _is_import(node: ast.stmt) -> bool:
    future = isinstance(node, ast.ImportFrom) and node.module == "__future__"
    return isinstance(node, ast.Import | ast.ImportFrom) and not future


def _is_suitable(node: Function) -> bool:
    """Return whether a function has a docstring that says what it does, and a body of a fitting length."""
    return (
        not node.decorator_list
        and ast.get_docstring(node) is not None
        and len(node.body) > 1
        and _first_line(node.body[1]) > (node.body[0].end_lineno or 0)
        and FEWEST_LINES <= _length(node) <= MOST_LINES
    )


def _first_line(node: ast.stmt) -> int:
    """Return the first line of a statement, including its decorators."""
    decorators = node.decorator_list if isinstance(node, Function | ast.ClassDef) else []
    return min((node.lineno, *(each.lineno for each in decorators)))


def _length(node: Function) -> int:
    return (node.end_lineno or node.lineno) - node.lineno + 1


def _names(test: Path) -> frozenset[str]:
    """Return the names that a test file uses."""
    try:
        tree = ast.parse(read_regular(test, MOST_BYTES))
    except (OSError, UnicodeDecodeError, SyntaxError, ValueError, RecursionError, MemoryError):
        return frozenset()
    names = {each.id for each in ast.walk(tree) if isinstance(each, ast.Name)}
    return frozenset(names | {each.attr for each in ast.walk(tree) if isinstance(each, ast.Attribute)})
