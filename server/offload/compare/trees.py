"""Compares data files: JSON, YAML and TOML as parsed trees."""

import itertools
import json
import re
import tomllib
from collections import Counter
from collections.abc import Iterator
from functools import lru_cache
from typing import Any, Literal

import yaml
from yaml.resolver import Resolver

from server.offload.code.line_diff import differing_spans
from server.offload.compare.values import Change

_IDENTITY = ("id", "name", "key", "title", "path", "uses", "url")
_NULL = ("", "~", "null", "None")
MOST_COMPARED = 40
"""Maximum number of list items compared with one changed item."""
Kind = Literal["mapping", "list", "text", "number", "other"]
_SAFE_LOADER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_RESOLVER: Any = Resolver()


class Tree:
    """A single value in a data file.

    ``items`` holds a mapping's entries with their keys, or a list's entries. ``doubled`` holds the keys that
    occur more than once in a mapping; ``any_doubled`` includes those in nested values. Equal trees have equal
    ``shape``.
    """

    __slots__ = ("any_doubled", "doubled", "items", "kind", "line", "shape", "text")

    def __init__(
        self,
        kind: Kind,
        text: str = "",
        items: "tuple[tuple[str, Tree], ...]" = (),
        line: int = 0,
        doubled: tuple[str, ...] = (),
    ) -> None:
        self.kind, self.text, self.items, self.line, self.doubled = kind, text, items, line, doubled
        shapes = tuple((key, value.shape) for key, value in items) if items else ()
        self.shape: int = hash((kind, text, doubled, shapes))
        self.any_doubled: bool = bool(doubled) or (bool(items) and any(each.any_doubled for _, each in items))

    def at(self, line: int) -> "Tree":
        """Return the same value with a different line."""
        if self.line == line:
            return self
        other = Tree.__new__(Tree)
        other.kind, other.text, other.items, other.doubled = self.kind, self.text, self.items, self.doubled
        other.shape, other.any_doubled, other.line = self.shape, self.any_doubled, line
        return other


_MISSING = Tree("other")


class _Number(str):
    """A number exactly as written in the file."""

    __slots__ = ()


@lru_cache(maxsize=4)
def parse_tree(text: str, kind: str) -> Tree | None:
    """Return the tree for a ``json``, ``jsonc``, ``yaml`` or ``toml`` text, or None if it does not parse."""
    try:
        if kind == "yaml":
            return _from_yaml(text)
        if kind == "toml":
            return _from_python(tomllib.loads(text, parse_float=_Number))
        return _from_python(
            json.loads(
                without_json_comments(text) if kind == "jsonc" else text,
                object_pairs_hook=_Pairs,
                parse_float=_Number,
                parse_int=_Number,
            )
        )
    except (ValueError, yaml.YAMLError, RecursionError):
        return None


def without_json_comments(text: str) -> str:
    """Return JSON with comments blanked out and trailing commas removed."""
    plain = re.sub(
        r'"(?:[^"\\\n]|\\.)*"|//[^\n]*|/\*.*?\*/',
        lambda match: match[0] if match[0][0] == '"' else re.sub(r"[^\n]", " ", match[0]),
        text,
        flags=re.DOTALL,
    )
    return re.sub(
        r'"(?:[^"\\\n]|\\.)*"|,(?=\s*[}\]])', lambda match: match[0] if match[0] != "," else " ", plain
    )


def compare_trees(old: Tree, new: Tree, before: str) -> tuple[Change, ...]:
    """Return the keys and items that disappeared, moved, were duplicated, or changed type."""
    gone: list[tuple[tuple[str, ...], Tree, str]] = []
    added: list[tuple[tuple[str, ...], Tree, str]] = []
    changes: list[Change] = []
    pending: list[tuple[tuple[str, ...], Tree, Tree]] = [((), old, new)]
    seen: set[tuple[int, int]] = set()
    while pending:
        path, a, b = pending.pop()
        if a.shape == b.shape or (id(a), id(b)) in seen:
            continue
        seen.add((id(a), id(b)))
        if a.kind in ("mapping", "list") and b.kind == "other" and b.text in _NULL and path:
            b = Tree(a.kind, line=b.line)  # its last entry was removed
        if a.kind == b.kind == "mapping":
            pending += _compare_mappings(path, a, b, gone, added)
        elif a.kind == b.kind == "list":
            pending += _compare_lists(path, a, b, gone)
        elif change := _compare_values(path, a, b):
            changes.append(change)
    changes += _doubled(old, new)
    changes += _lost(gone, added)
    return tuple(_with_line(change, before) for change in changes)


def _compare_mappings(
    path: tuple[str, ...], a: Tree, b: Tree, gone: list[Any], added: list[Any]
) -> list[Any]:
    old, new = dict(a.items), dict(b.items)
    common = [key for key in old if key in new]
    gone += [((*path, key), value, _before(a, key, new)) for key, value in old.items() if key not in new]
    added += [((*path, key), value, _before(b, key, old)) for key, value in new.items() if key not in old]
    return [((*path, key), old[key], new[key]) for key in common]


def _before(tree: Tree, key: str, other: dict[str, Tree]) -> str:
    """Return the last key before ``key`` that the other mapping also has."""
    last = ""
    for each, _ in tree.items:
        if each == key:
            return last
        if each in other:
            last = each
    return last


def _compare_lists(path: tuple[str, ...], a: Tree, b: Tree, gone: list[Any]) -> list[Any]:
    old = [value for _, value in a.items]
    new = [value for _, value in b.items]
    known = Counter(value.shape for value in new)
    left: list[Tree] = []
    for value in old:
        if known[value.shape] > 0:
            known[value.shape] -= 1
        else:
            left.append(value)
    fresh: list[Tree] = []
    for value in reversed(new):
        if known[value.shape] > 0:
            known[value.shape] -= 1
            fresh.append(value)
    fresh.reverse()
    pairs: list[Any] = []
    for value, other in _partners(left, fresh, old, new):
        name = _identity(value) or (
            value.text if value.kind in ("text", "number") else f"[{old.index(value)}]"
        )
        if other is None:
            gone.append(((*path, name), value, ""))
        elif value.kind in ("mapping", "list"):
            pairs.append(((*path, name), value, other))
    return pairs


def _partners(
    left: list[Tree], fresh: list[Tree], old: list[Tree], new: list[Tree]
) -> list[tuple[Tree, Tree | None]]:
    """Return each changed list item with its counterpart: by name, by position and content, or by kind."""
    places: dict[int, int] = {}
    shapes = [str(each.shape) for each in old], [str(each.shape) for each in new]
    for number, (a, b, c, d) in enumerate(differing_spans(*shapes)):
        places |= {id(each): number for each in (*old[a:b], *new[c:d])}
    by_name = {_identity(each): each for each in fresh if _identity(each)}
    pairs: dict[int, Tree] = {}
    taken: set[int] = set()

    def near(value: Tree) -> Tree | None:
        free = (each for each in fresh if id(each) not in taken and each.kind == value.kind)
        own = (each for each in free if places.get(id(each)) == places.get(id(value), -1))
        return max(itertools.islice(own, MOST_COMPARED), key=lambda each: _common(value, each), default=None)

    def any_of_kind(value: Tree) -> Tree | None:
        return next((each for each in fresh if id(each) not in taken and each.kind == value.kind), None)

    for find in (lambda value: by_name.pop(_identity(value), None), near, any_of_kind):
        for value in left:
            if id(value) not in pairs and (other := find(value)) is not None and id(other) not in taken:
                pairs[id(value)] = other
                taken.add(id(other))
    return [(value, pairs.get(id(value))) for value in left]


def _common(one: Tree, other: Tree) -> int:
    """Return how many entries two values have in common."""
    known = {(key, value.shape) for key, value in one.items}
    return sum((key, value.shape) in known for key, value in other.items)


def _identity(tree: Tree) -> str:
    values = {key: value.text for key, value in tree.items if value.kind in ("text", "number")}
    return next((values[key] for key in _IDENTITY if values.get(key)), "") if tree.kind == "mapping" else ""


def _compare_values(path: tuple[str, ...], a: Tree, b: Tree) -> Change | None:
    name = ".".join(path) or "the document"
    words = tuple(path[-2:])
    if a.kind != b.kind:
        if {a.kind, b.kind} <= {"text", "number", "other"} and a.text != b.text:
            return None
        if not path:
            return Change("changed", "type of", name, a.line or 1, "wrong", words)
        if a.kind == "other" and a.text in ("null", "", "~"):
            return None
        return Change("changed", "type of", name, a.line, "slip", words)
    if a.kind == "number" and a.text != b.text and _lost_digits(a.text, b.text):
        return Change("changed", "", f"{name}: {a.text} became {b.text}", a.line, "slip", words)
    return None


def _lost_digits(old: str, new: str) -> bool:
    try:
        same = float(old) == float(new)
    except (ValueError, OverflowError):
        return False
    return same and old.strip("+") != new.strip("+")


def _doubled(old: Tree, new: Tree) -> Iterator[Change]:
    if not new.any_doubled:
        return
    before = Counter(name for tree in _walk(old) for name in tree.doubled)
    for tree in _walk(new):
        for name in tree.doubled:
            if not before[name]:
                yield Change("defined twice:", "key", name, tree.line, "wrong", (name,))


def _walk(tree: Tree) -> Iterator[Tree]:
    pending, seen = [tree], set()
    while pending:
        each = pending.pop()
        if id(each) not in seen:
            seen.add(id(each))
            yield each
            pending += [value for _, value in each.items]


def _lost(gone: list[Any], added: list[Any]) -> Iterator[Change]:
    moved = {(path[-1], value.shape) for path, value, _ in added if path}
    slots = Counter((path[:-1], slot) for path, _, slot in added)
    values: dict[tuple[tuple[str, ...], int], list[str]] = {}
    for path, value, _ in added:
        values.setdefault((path[:-1], value.shape), []).append(path[-1])
    for path, value, slot in gone:
        name = ".".join(path)
        if (path[-1], value.shape) in moved:
            yield Change("moved", "key", name, value.line, "slip", tuple(path))
        elif names := values.get((path[:-1], value.shape)):
            yield Change("renamed", "key", f"{name} to {names.pop(0)}", value.line, "loss", (path[-1],))
        elif slots[path[:-1], slot] > 0:
            slots[path[:-1], slot] -= 1
            yield Change("replaced", "key", name, value.line, "loss", (path[-1],))
        else:
            kind = "cell" if path[0] == "cells" and len(path) == 2 else "key"
            yield Change("removed", kind, name, value.line, "loss", tuple(path[-1:]))


def _with_line(change: Change, before: str) -> Change:
    if change.line or not change.words:
        return change
    at = before.find(change.words[-1])
    return Change(
        change.how,
        change.kind,
        change.name,
        before.count("\n", 0, max(at, 0)) + 1,
        change.weight,
        change.words,
    )


class _Pairs(list[tuple[str, Any]]):
    """A JSON object's entries in order, including duplicates."""


def _from_python(value: Any) -> Tree:
    """Return the tree for parsed JSON or TOML. It is built bottom-up, without recursion."""
    order: list[Any] = []
    pending = [value]
    while pending:
        each = pending.pop()
        order.append(each)
        pending += [inner for _, inner in _entries(each)]
    trees: dict[int, Tree] = {}
    for each in reversed(order):
        trees[id(each)] = _tree(each, trees)
    return trees[id(value)]


def _entries(value: Any) -> list[tuple[str, Any]]:
    if isinstance(value, _Pairs):
        return list(value)
    if isinstance(value, dict):
        return list(value.items())
    return [("", each) for each in value] if isinstance(value, list) else []


def _tree(value: Any, trees: dict[int, Tree]) -> Tree:
    if isinstance(value, _Pairs | dict):
        entries = _entries(value)
        counts = Counter(key for key, _ in entries)
        items = tuple({key: trees[id(inner)] for key, inner in entries}.items())
        return Tree("mapping", items=items, doubled=tuple(key for key, count in counts.items() if count > 1))
    if isinstance(value, list):
        return Tree("list", items=tuple(("", trees[id(inner)]) for inner in value))
    if isinstance(value, _Number) or (isinstance(value, int) and not isinstance(value, bool)):
        return Tree("number", str(value))
    return Tree("text" if isinstance(value, str) else "other", str(value))


class _Loader(_SAFE_LOADER):  # type: ignore[misc]
    """The safe loader with a cache for the tags of plain scalars, which repeat in most files."""

    def resolve(self, kind: Any, value: Any, implicit: Any) -> Any:
        """Return a node's tag."""
        return _tag(value, implicit) if kind is yaml.ScalarNode else super().resolve(kind, value, implicit)


@lru_cache(maxsize=4_096)
def _tag(value: str, implicit: tuple[bool, bool]) -> str:
    return str(_RESOLVER.resolve(yaml.ScalarNode, value, implicit))


def _from_yaml(text: str) -> Tree:
    nodes = list(yaml.compose_all(text, Loader=_Loader))
    trees: dict[int, Tree] = {}
    order: list[yaml.Node] = []
    pending: list[yaml.Node] = [node for node in nodes if node is not None]
    seen: set[int] = set()
    while pending:
        node = pending.pop()
        order.append(node)
        if id(node) in seen:
            continue
        seen.add(id(node))
        if isinstance(node, yaml.MappingNode):
            pending += [value for _, value in node.value]
            pending += [key for key, _ in node.value if not isinstance(key, yaml.ScalarNode)]
        elif isinstance(node, yaml.SequenceNode):
            pending += node.value
    for node in reversed(order):
        trees[id(node)] = _of_node(node, trees)
    roots = [trees[id(node)] for node in nodes if node is not None]
    return roots[0] if len(roots) == 1 else Tree("list", items=tuple(("", root) for root in roots), line=1)


def _of_node(node: yaml.Node, trees: dict[int, Tree]) -> Tree:
    line = node.start_mark.line + 1
    if isinstance(node, yaml.MappingNode):
        items: dict[str, Tree] = {}
        doubled: list[str] = []
        for key, value in node.value:
            name = key.value if isinstance(key.value, str) else _complex(trees.get(id(key)))
            if name in items and name != "<<":
                doubled.append(name)
            items[name] = trees.get(id(value), _MISSING).at(key.start_mark.line + 1)
        return Tree("mapping", items=tuple(items.items()), line=line, doubled=tuple(doubled))
    if isinstance(node, yaml.SequenceNode):
        return Tree(
            "list", items=tuple(("", trees.get(id(each), _MISSING)) for each in node.value), line=line
        )
    number = node.tag in ("tag:yaml.org,2002:int", "tag:yaml.org,2002:float")
    kind: Kind = "number" if number else "text" if node.tag == "tag:yaml.org,2002:str" else "other"
    return Tree(kind, node.value, line=line)


def _complex(key: Tree | None) -> str:
    """Return a name for a key that is not a string."""
    return f"key {key.shape}" if key is not None else "key"
