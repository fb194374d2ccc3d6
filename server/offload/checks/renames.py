"""Completes a rename when an answer renames a Python name but misses some of its references.

An answer is treated as a rename if it differs from the file only in identifiers, all of which had the same
name and got the same new one, and the file did not contain the new name. The syntax tree shows which other
identifiers refer to the same thing.
"""

import ast
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from tree_sitter import Node

from server.offload.code.languages import Language
from server.offload.code.syntax import offsets_of, text_of, tree_of
from server.offload.compare.hunks import hunks
from server.offload.values import Edit

_FUNCTIONS = ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda
_COMPREHENSIONS = ast.ListComp | ast.SetComp | ast.DictComp | ast.GeneratorExp
_WORD = re.compile(r"\w+")
Place = tuple[int, int]
"""A line, from 1, and a column in bytes."""


@dataclass(frozen=True)
class Rename:
    """A completed rename: all its edits, and how many of them the answer had missed."""

    old: str
    new: str
    edits: tuple[Edit, ...]
    missed: int


def completed_rename(before: str, after: str, language: Language | None) -> Rename | None:
    """Return the whole rename, or None if the answer is not a rename or misses nothing."""
    if language is None or language.name != "Python" or not _replaces_one_name(before, after):
        return None
    old_leaves, new_leaves = _leaves(before, language), _leaves(after, language)
    if len(old_leaves) != len(new_leaves):
        return None
    changed = [
        (one, other)
        for one, other in zip(old_leaves, new_leaves, strict=True)
        if text_of(one) != text_of(other)
    ]
    names = {(text_of(one), text_of(other)) for one, other in changed}
    if len(names) != 1 or any(each.type != "identifier" for pair in changed for each in pair):
        return None
    [(old, new)] = names
    known = [each for each in old_leaves if each.type == "identifier"]
    if any(text_of(each) == new for each in known):
        return None
    done = {_place(one) for one, _ in changed}
    wanted = done | _references(before, old, done)
    if wanted == done:
        return None
    at = offsets_of(before)
    edits = [
        Edit(at(each.start_byte), at(each.end_byte), new)
        for each in known
        if text_of(each) == old and _place(each) in wanted
    ]
    return Rename(old, new, tuple(edits), len(edits) - len(done))


def _replaces_one_name(before: str, after: str) -> bool:
    """Return whether the changed lines differ by a single name that is new to the file.

    The trees are compared only in that case, because the comparison is slower.
    """
    lost: Counter[str] = Counter()
    gained: Counter[str] = Counter()
    for hunk in hunks(before, after):
        lost.update(_WORD.findall("\n".join(hunk.old)))
        gained.update(_WORD.findall("\n".join(hunk.new)))
    names = [*(lost - gained), *(gained - lost)]
    if len(names) != 2 or not (lost - gained) or not all(each.isidentifier() for each in names):
        return False
    return re.search(rf"\b{names[1]}\b", before) is None


def _references(source: str, name: str, done: set[Place]) -> set[Place]:
    """Return the places that refer to the renamed thing: a module-level name or a field of a class."""
    try:
        tree = ast.parse(source)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return set()
    lines = source.split("\n")
    bound = set(_module_bindings(tree, name, lines))
    fields = {
        owner: set(_field_bindings(owner, name))
        for owner in ast.walk(tree)
        if isinstance(owner, ast.ClassDef)
    }
    fields = {owner: places for owner, places in fields.items() if places}
    if bound & done:
        return bound | set(_globals(tree, name, shadowed=False))
    if len(fields) == 1:
        [(owner, places)] = fields.items()
        if places & done:
            return places | set(_field_uses(tree, owner.name, name))
    return set()


def _module_bindings(tree: ast.Module, name: str, lines: Sequence[str]) -> Iterator[Place]:
    """Yield the places where the module itself binds a name: functions, classes, assignments."""
    for node in tree.body:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef) and node.name == name:
            head = lines[node.lineno - 1].encode()
            yield node.lineno, head.index(name.encode(), node.col_offset + len("def "))
        elif isinstance(node, ast.Assign | ast.AnnAssign | ast.AugAssign):
            for each in ast.walk(node):
                if isinstance(each, ast.Name) and each.id == name and isinstance(each.ctx, ast.Store):
                    yield each.lineno, each.col_offset


def _globals(node: ast.AST, name: str, *, shadowed: bool) -> Iterator[Place]:
    """Yield the places where a name is read or set as a module-level name."""
    if isinstance(node, ast.Name) and node.id == name and not shadowed:
        yield node.lineno, node.col_offset
    if isinstance(node, _FUNCTIONS):
        inner = shadowed or _binds(node, name)
        for field, value in ast.iter_fields(node):
            within = inner if field in ("body", "args") else shadowed
            for each in value if isinstance(value, list) else [value]:
                if isinstance(each, ast.AST):
                    yield from _globals(each, name, shadowed=within)
        return
    if isinstance(node, ast.ClassDef) and set(_field_bindings(node, name)):
        for each in (*node.bases, *node.keywords, *node.decorator_list):
            yield from _globals(each, name, shadowed=shadowed)
        for each in node.body:  # methods do not see the names of their class
            yield from _globals(each, name, shadowed=shadowed or not isinstance(each, _FUNCTIONS))
        return
    if isinstance(node, _COMPREHENSIONS):
        shadowed = shadowed or any(
            isinstance(each, ast.Name) and each.id == name
            for part in node.generators
            for each in ast.walk(part.target)
        )
    for child in ast.iter_child_nodes(node):
        yield from _globals(child, name, shadowed=shadowed)


def _binds(function: ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda, name: str) -> bool:
    """Return whether a function has a parameter or a variable with this name."""
    given = function.args
    parameters = [*given.posonlyargs, *given.args, *given.kwonlyargs, given.vararg, given.kwarg]
    if any(each is not None and each.arg == name for each in parameters):
        return True
    body = function.body if isinstance(function.body, list) else []
    found = [each for statement in body for each in ast.walk(statement)]
    if any(isinstance(each, ast.Global) and name in each.names for each in found):
        return False
    stored = any(
        isinstance(each, ast.Name) and each.id == name and isinstance(each.ctx, ast.Store) for each in found
    )
    defined = any(isinstance(each, ast.FunctionDef | ast.ClassDef) and each.name == name for each in found)
    imported = any(isinstance(each, ast.alias) and name in (each.name, each.asname) for each in found)
    return stored or defined or imported


def _field_bindings(owner: ast.ClassDef, name: str) -> Iterator[Place]:
    """Yield the places where a class binds a field: in its body, or as an attribute of ``self``."""
    for node in owner.body:
        targets = [node.target] if isinstance(node, ast.AnnAssign) else getattr(node, "targets", [])
        for each in targets:
            if isinstance(each, ast.Name) and each.id == name:
                yield each.lineno, each.col_offset
    for inner in ast.walk(owner):
        if isinstance(inner, ast.Attribute) and inner.attr == name and isinstance(inner.ctx, ast.Store):
            yield _attribute_place(inner)


def _field_uses(tree: ast.Module, owner: str, name: str) -> Iterator[Place]:
    """Yield the places where a field is used: as an attribute, or as a keyword argument to its class."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and node.attr == name:
            yield _attribute_place(node)
        elif (
            isinstance(node, ast.Call)
            and isinstance(node.func, ast.Name)
            and node.func.id in (owner, "replace")
        ):
            yield from ((each.lineno, each.col_offset) for each in node.keywords if each.arg == name)


def _attribute_place(node: ast.Attribute) -> Place:
    return node.end_lineno or node.lineno, (node.end_col_offset or 0) - len(node.attr.encode())


def _place(node: Node) -> Place:
    return node.start_point.row + 1, node.start_point.column


def _leaves(text: str, language: Language) -> list[Node]:
    found: list[Node] = []
    waiting = [tree_of(text, language).root_node]
    while waiting:
        node = waiting.pop()
        if node.child_count:
            waiting.extend(reversed(node.children))
        else:
            found.append(node)
    return found
