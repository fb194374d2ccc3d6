"""Finds the tests related to a file, by name or because they import it."""

import ast
from collections.abc import Iterator
from pathlib import Path

from server.execution.project_checks.manifests import Folder, folders_below

_DEEPEST = 8
_MOST = 20


def related_tests(root: Path, file: Path) -> tuple[Path, ...]:
    """Return a project's test files related to a file, those matching by name first. A test file is related
    to itself.

    Python: ``test_name.py``, ``name_test.py``, and tests that import the module. Ruby: ``name_spec.rb``.
    """
    root, file = root.resolve(), file.resolve()
    if _is_test(file.name):
        return (file,)
    by_name: list[Path] = []
    by_import: list[Path] = []
    module = _module_of(root, file)
    for folder, name in _tests(root):
        if name in (f"test_{file.stem}.py", f"{file.stem}_test.py", f"{file.stem}_spec.rb"):
            by_name.append(folder.path / name)
        elif file.suffix == ".py" and name.endswith(".py") and _imports(folder, name, module):
            by_import.append(folder.path / name)
    return tuple([*by_name, *by_import][:_MOST])


def _tests(root: Path) -> Iterator[tuple[Folder, str]]:
    for folder in folders_below(root, [], deepest=_DEEPEST):
        for name in sorted(folder.files):
            if _is_test(name):
                yield folder, name


def _is_test(name: str) -> bool:
    return (name.startswith("test_") and name.endswith(".py")) or name.endswith(("_test.py", "_spec.rb"))


def _module_of(root: Path, file: Path) -> str:
    """Return a file's module name relative to the project folder, without a leading source folder."""
    parts = list(file.relative_to(root).with_suffix("").parts) if file.is_relative_to(root) else [file.stem]
    parts = parts[1:] if parts[0] in ("src", "lib") and len(parts) > 1 else parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" and len(parts) > 1 else parts)


def _imports(folder: Folder, name: str, module: str) -> bool:
    """Return whether a test imports the module, by its full name or by a name that ends in the same parts."""
    last = module.rpartition(".")[2]
    text = folder.text(name) or ""
    if last not in text:
        return False
    try:
        tree = ast.parse(text)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return False
    return any(_is_same(imported, module) for imported in _imported(tree))


def _imported(tree: ast.Module) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield node.module or ""
            yield from (f"{node.module or ''}.{alias.name}".lstrip(".") for alias in node.names)


def _is_same(imported: str, module: str) -> bool:
    return bool(imported) and (imported == module or module.endswith(f".{imported}"))
