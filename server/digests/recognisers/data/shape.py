"""The shape of JSON and YAML data: keys and types, counts, extremes, frequent values, samples."""

import json
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from server.digests.recognisers.base import computed
from server.digests.values import Fact, Section

_MOST_PATHS = 400
_MOST_VALUES = 2_000
_MOST_NODES = 400_000
_LONGEST = 120
_ODD_NAME = re.compile(r"[^\w-]")


@dataclass(slots=True)
class _Path:
    """The values at one path in the data, across all elements of the arrays along the way."""

    depth: int
    types: Counter[str] = field(default_factory=Counter)
    values: Counter[str] = field(default_factory=Counter)
    low: tuple[float, str] | None = None
    high: tuple[float, str] | None = None
    lengths: list[int] = field(default_factory=list)
    longest: int = 0


def shape_facts(data: Any, what: str) -> list[Fact]:
    """Return the facts of parsed data."""
    paths: dict[str, _Path] = {}
    _walk(data, paths)
    found = [Fact(Section.RESULT, (computed(f"{what}: {_top(data)}", 98),))]
    rows = max((sum(path.lengths) for path in paths.values()), default=0)
    for place, (name, path) in enumerate(paths.items()):
        holder = not path.values and not path.lengths
        worth = 88 - 4 * path.depth - place // 12 - (16 if holder else 0)
        parts = [computed(f"{name or '(top)'}: {_types(path)}", worth)]
        parts += [computed(text, worth - 4 - 3 * index) for index, text in enumerate(_details(path, rows))]
        found.append(Fact(Section.NOTE, tuple(parts)))
    return found + list(_samples(data))


def _walk(data: Any, paths: dict[str, _Path]) -> None:
    """Visit the nodes of the data breadth-first, up to ``_MOST_NODES`` nodes."""
    stack: list[tuple[str, int, Any]] = [("", 0, data)]
    seen = 0
    while stack and seen < _MOST_NODES:
        name, depth, value = stack.pop()
        seen += 1
        path = paths.get(name)
        if path is None:
            if len(paths) >= _MOST_PATHS:
                continue
            path = paths[name] = _Path(depth)
        _note(path, value)
        if isinstance(value, dict):
            stack += [(_joined(name, key), depth + 1, item) for key, item in reversed(list(value.items()))]
        elif isinstance(value, list):
            stack += [(f"{name}[]", depth + 1, item) for item in reversed(value)]


def _joined(name: str, key: Any) -> str:
    shown = str(key)[:60]
    shown = f'"{shown}"' if _ODD_NAME.search(shown) else shown
    return f"{name}.{shown}" if name else shown


def _note(path: _Path, value: Any) -> None:
    path.types[_type(value)] += 1
    if isinstance(value, list):
        path.lengths.append(len(value))
    elif isinstance(value, bool) or value is None:
        path.values[str(value).lower() if value is not None else "null"] += 1
    elif isinstance(value, int | float):
        shown = f"{value}"
        if path.low is None or value < path.low[0]:
            path.low = (value, shown)
        if path.high is None or value > path.high[0]:
            path.high = (value, shown)
        _count(path, shown)
    elif not isinstance(value, dict):
        _count(path, str(value))
        path.longest = max(path.longest, len(str(value)))


def _count(path: _Path, shown: str) -> None:
    shown = shown[:_LONGEST]
    if shown in path.values or len(path.values) < _MOST_VALUES:
        path.values[shown] += 1


def _types(path: _Path) -> str:
    total = path.types.total()
    named = [f"{name} ×{count}" if total > 1 else name for name, count in path.types.most_common()]
    return ", ".join(named)


def _details(path: _Path, rows: int) -> Iterator[str]:
    if path.lengths:
        low, high = min(path.lengths), max(path.lengths)
        yield f"{low} elements" if low == high else f"{low}–{high} elements"
    if path.low is not None and path.high is not None and path.low != path.high:
        yield f"{path.low[1]} to {path.high[1]}"
    if not path.values:
        return
    different = len(path.values)
    if different == 1:
        value = next(iter(path.values))
        yield value if path.values.total() == 1 else f"always {value}"
    elif different <= 12 or path.values.most_common(1)[0][1] > 2:
        told = ", ".join(f"{value} ×{count}" for value, count in path.values.most_common(8))
        yield f"{different} values: {told}"
    elif rows:
        yield f"{different}{'+' if different >= _MOST_VALUES else ''} values, as {next(iter(path.values))}"


def _samples(data: Any) -> Iterator[Fact]:
    """Return the first and last elements of the longest array near the top."""
    arrays = (
        [data]
        if isinstance(data, list)
        else [v for v in data.values() if isinstance(v, list)]
        if isinstance(data, dict)
        else []
    )
    longest = max(arrays, key=len, default=[])
    for place, (label, item) in enumerate(zip(("first", "last"), (longest[:1], longest[-1:]), strict=True)):
        if item and isinstance(item[0], dict | list):
            yield Fact(Section.REST, (computed(f"{label}: {_brief(item[0], 3)}", 60 - 4 * place),))


def _brief(value: Any, depth: int) -> str:
    """Format a value as JSON, without its deepest levels and at most twelve elements per container."""
    if isinstance(value, dict | list) and not depth:
        return "…"
    if isinstance(value, dict):
        pairs = (
            f"{json.dumps(str(key))}: {_brief(item, depth - 1)}" for key, item in list(value.items())[:12]
        )
        return f"{{{', '.join(pairs)}}}"
    if isinstance(value, list):
        return f"[{', '.join(_brief(item, depth - 1) for item in value[:12])}]"
    return json.dumps(value, ensure_ascii=False, default=str)[:_LONGEST]


def _top(data: Any) -> str:
    if isinstance(data, dict):
        return f"object with {len(data)} keys"
    return f"array of {len(data)}" if isinstance(data, list) else _type(data)


def _type(value: Any) -> str:
    if isinstance(value, bool):
        return "boolean"
    if value is None:
        return "null"
    names = {dict: "object", list: "array", str: "string", int: "integer", float: "number"}
    return names.get(type(value), type(value).__name__)
