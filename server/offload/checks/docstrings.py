"""Which definitions of Python code a task wants docstrings for, and whether they have them."""

import ast
import inspect
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from server.offload.code.python_tree import nodes_of, parse_python
from server.offload.values import Source

_CLASS = r"(?<!the )(?<!this )(?<!of )(?<!in )class\b(?!\s+(?:method|function))"
_KIND = rf"\b(?:functions?\b|methods?\b|classes\b|{_CLASS})(?![-'’])"
_AND = r"(?:\s*(?:,|/|&)\s*|\s+)(?:(?:and|or)\s+)?(?:to\s+)?(?:(?:every|each|all|its|their)\s+)?(?:the\s+)?"
_EACH = re.compile(
    rf"(?<!keep )(?<!leave )\b(?:every|each|all)\b[^.]*?(?P<kinds>{_KIND}(?:{_AND}{_KIND})*)|"
    r"\bits (?P<its>methods)\b",
    re.IGNORECASE,
)
"""Of which kinds the task wants all: ``every function and class``, ``its methods``."""
_SOME = re.compile(r"\b(?:public|private|except|but|unless|whose|where)\b", re.IGNORECASE)
_BETTER = re.compile(r"\b(?:improve|complete|update|rewrite|correct)\b", re.IGNORECASE)


@dataclass(frozen=True)
class _Documented:
    """A function, method or class; ``line`` counts from 1, ``text`` is its docstring, empty for none."""

    name: str
    kind: str
    line: int
    text: str


def missing_docstrings(task: str, edited: Source, after: str) -> str | None:
    """Return what is wrong: a definition of the selection that the task wants a docstring for has none, or
    none was added at all though some lack one. None where nothing is.

    Functions inside of functions, overloads and Python's own ``__names__`` may go without.

    Raises:
        SyntaxError, ValueError, RecursionError, MemoryError: as ``ast.parse``.
    """
    first = edited.text.count("\n", 0, edited.start) + 1
    last = edited.text.count("\n", 0, edited.end) + 1
    own = [each for each in _definitions(parse_python(edited.text).body) if first <= each.line <= last]
    bare = {each.name for each in _definitions(parse_python(after).body) if not each.text}
    kinds = _wanted_kinds(task, own)
    left = list(dict.fromkeys(each.name for each in own if each.kind in kinds and each.name in bare))
    if left:
        return f"{_names(left)} {'has' if len(left) == 1 else 'have'} no docstring yet."
    if any(not each.text for each in own) and not _is_done(task, own, edited.text, after):
        return "No docstring was added; add those that the task asks for."
    return None


def _wanted_kinds(task: str, own: Sequence[_Documented]) -> frozenset[str]:
    """Return the kinds of definitions of which the task wants every one documented.

    Methods are functions, too, where classes are named beside them, and where there are no others.
    """
    found = _EACH.search(task)
    if found is None or _SOME.search(task):
        return frozenset()
    said = (found["kinds"] or found["its"]).lower()
    kinds = {kind for kind in ("function", "method", "class") if kind in said}
    if "function" in kinds and ("class" in kinds or not any(each.kind == "function" for each in own)):
        kinds.add("method")
    return frozenset(kinds)


def _is_done(task: str, own: Sequence[_Documented], before: str, after: str) -> bool:
    """Whether a docstring came, or one changed that the task may mean."""
    old, new = _texts(before), _texts(after)
    if new.total() > old.total():
        return True
    named = any(each.text and re.search(rf"(?<!\w){re.escape(each.name)}(?!\w)", task) for each in own)
    return new != old and (named or _BETTER.search(task) is not None)


def _texts(text: str) -> Counter[str]:
    """Return all docstrings, also those of modules and attributes."""
    return Counter(
        inspect.cleandoc(node.value.value)
        for node in nodes_of(text)
        if isinstance(node, ast.Expr)
        and isinstance(node.value, ast.Constant)
        and isinstance(node.value.value, str)
    )


def _definitions(body: Sequence[ast.stmt], prefix: str = "") -> Iterator[_Documented]:
    """Yield the functions at the top, the classes, and what is in these."""
    for node in body:
        if isinstance(node, ast.ClassDef):
            name = prefix + node.name
            yield _Documented(name, "class", node.lineno, _text(node))
            yield from _definitions(node.body, f"{name}.")
        elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and not _may_go_without(node):
            yield _Documented(
                prefix + node.name, "method" if prefix else "function", node.lineno, _text(node)
            )


def _text(node: ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef) -> str:
    return (ast.get_docstring(node) or "").strip()


def _may_go_without(node: ast.FunctionDef | ast.AsyncFunctionDef) -> bool:
    """Whether it is one of Python's own names, or only adds to one that is documented: an overload, a
    property's setter."""
    decorators = {ast.unparse(each).rpartition(".")[2] for each in node.decorator_list}
    return node.name.startswith("__") or not decorators.isdisjoint({"overload", "setter", "deleter"})


def _names(names: list[str]) -> str:
    *most, last = names[:4] if len(names) <= 4 else [*names[:4], f"{len(names) - 4} more"]
    return f"{', '.join(most)} and {last}" if most else last
