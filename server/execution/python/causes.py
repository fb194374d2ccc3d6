"""External reasons why code could not be run. They are never evidence against the code."""

import ast
import errno
import sys
from collections.abc import Collection, Mapping
from typing import Any

from server.execution.findings import package_is_missing

_NETWORK = {errno.ENETUNREACH, errno.ENETDOWN, errno.EHOSTUNREACH, errno.EAFNOSUPPORT}
_REFUSED = {errno.EPERM, errno.EACCES, errno.EROFS, errno.ENOSYS}
_SINCE = {
    ("typing", "override"): (3, 12),
    ("typing", "TypeAliasType"): (3, 12),
    ("itertools", "batched"): (3, 12),
    ("calendar", "Month"): (3, 12),
    ("collections.abc", "Buffer"): (3, 12),
    ("typing", "TypeIs"): (3, 13),
    ("typing", "ReadOnly"): (3, 13),
    ("typing", "NoDefault"): (3, 13),
    ("warnings", "deprecated"): (3, 13),
    ("copy", "replace"): (3, 13),
    ("queue", "ShutDown"): (3, 13),
    ("annotationlib", ""): (3, 14),
    ("string.templatelib", ""): (3, 14),
    ("compression", ""): (3, 14),
}
"""Standard library additions and the version that introduced them ("What's New in Python" 3.12 to 3.14)."""


def outside_cause(error: Mapping[str, Any], project_modules: Collection[str] = ()) -> str | None:
    """Return why an error reported by the sandbox is not evidence against the code; None if the code is at
    fault.

    Args:
        error: the record's ``error``, as written by ``evaluator.py``.
        project_modules: top-level modules of the project the code belongs to.
    """
    kinds, message = error.get("types", ()), str(error.get("message", ""))
    name = error.get("name")
    if "builtins.ImportError" in kinds and isinstance(name, str | None):
        return _import_cause(name, message, project_modules)
    if "builtins.OSError" in kinds:
        return _system_cause(error)
    if "builtins.EOFError" in kinds and "reading a line" in message:
        return "it reads from the terminal"
    return None


def newer_syntax(source: str) -> str | None:
    """Return the reason if the code fails to compile only because the interpreter is too old.

    The tree-sitter grammar is newer than the interpreter. Code that neither can parse is simply invalid.
    """
    try:
        ast.parse(source)
    except SyntaxError:
        if not _grammar_reads(source):
            return None
        return f"its syntax may be newer than Python {sys.version_info[0]}.{sys.version_info[1]}"
    except (ValueError, RecursionError, MemoryError):
        return None
    return None


def host_name(name: str) -> str:
    """Return the reason given for a name that the module does not bind."""
    return f"the name `{name}` is provided by the program that runs it"


def _import_cause(name: str | None, message: str, project_modules: Collection[str]) -> str | None:
    if "relative import" in message:
        return "it imports from its own package"
    if not name:
        return None
    if message.startswith("cannot import name"):  # the module exists but lacks the name
        return _version_that_brought(name, message)
    root = name.partition(".")[0]
    if root in project_modules:
        return f"it imports `{name}` of the project"
    if root in sys.stdlib_module_names:
        return _version_that_brought(name, message) or f"this Python lacks `{name}`"
    return package_is_missing(root)


def _version_that_brought(name: str, message: str) -> str | None:
    for (module, attribute), version in _SINCE.items():
        if version > sys.version_info[:2] and name == module and f"'{attribute or module}'" in message:
            part = f"{module}.{attribute}" if attribute else module
            return f"`{part}` came with Python {version[0]}.{version[1]}"
    return None


def _system_cause(error: Mapping[str, Any]) -> str | None:
    number, file = error.get("errno"), error.get("filename")
    if number in _NETWORK or "gaierror" in str(error.get("types")):
        return "it uses the network"
    if isinstance(file, str):
        return f"it needs the file `{file[:80]}`"
    if number == errno.EAGAIN:
        return "it starts another process"
    return "it performs an action that the sandbox does not allow" if number in _REFUSED else None


def _grammar_reads(source: str) -> bool:
    import tree_sitter_python  # noqa: PLC0415 - needed for code that the interpreter alone cannot read
    from tree_sitter import Language, Parser  # noqa: PLC0415

    return not Parser(Language(tree_sitter_python.language())).parse(source.encode()).root_node.has_error
