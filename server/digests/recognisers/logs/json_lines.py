"""JSON lines: records by level and event, errors with their place, rare events, ranges of numbers."""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, field

from server.digests.fold import Kind, key_of
from server.digests.recognisers.base import MOST_KEPT, Recogniser, computed
from server.digests.values import Fact, Line, Part, Section

_FIELD = re.compile(r'"(?P<key>(?:[^"\\]|\\.)*)" ?: ?(?P<value>"(?:[^"\\]|\\.)*"|[^\s,{}\[\]"]+)')
_LEVEL_KEYS = ("level", "lvl", "severity", "levelname", "log.level", "loglevel", "log_level")
_TEXT_KEYS = ("msg", "message", "ev", "event", "error", "err", "name", "text")
_TIME_KEYS = ("time", "ts", "t", "timestamp", "@timestamp", "date", "datetime", "asctime")
_STATUS_KEYS = ("status", "status_code", "statusCode", "code", "http_status")
_LEVELS = {
    "10": 0, "20": 0, "30": 0, "40": 1, "50": 2, "60": 3, "trace": 0, "debug": 0, "info": 0, "notice": 0,
    "warn": 1, "warning": 1,
    "error": 2, "err": 2, "fatal": 3, "critical": 3, "panic": 3, "alert": 3, "emerg": 3,
}  # fmt: skip
_PLACE = re.compile(
    r'File \\?"[^"\\]+\\?", line \d+|[\w./-]+\.(?:py|js|ts|go|rb|java|rs|cs|php|kt):\d+(?::\d+)?'
)
_MOST_FIELDS = 60


@dataclass(slots=True)
class _Kind:
    level: int
    texts: Kind
    last: Line
    count: int = 0
    samples: list[Line] = field(default_factory=list)
    ranges: dict[str, tuple[float, float]] = field(default_factory=dict)


class JsonLines(Recogniser):
    """Logs of one JSON object a line."""

    name = "json lines"
    triggers = (r'^\{"[^"]*" ?: ?.*\}$',)

    def __init__(self) -> None:
        super().__init__()
        self._kinds: dict[tuple[int, str], _Kind] = {}
        self._records = 0
        self._ends: list[Line] = []

    def feed(self, line: Line) -> bool:
        fields = {
            found["key"]: found["value"]
            for found, _ in zip(_FIELD.finditer(line.text), range(_MOST_FIELDS), strict=False)
        }
        if not fields:
            return False
        self._records += 1
        self._ends = [self._ends[0] if self._ends else line, line]
        level = _level(fields)
        text_key = next((key for key in _TEXT_KEYS if fields.get(key)), "")
        text = fields.get(text_key, "").strip('"')
        status = next((fields[key] for key in _STATUS_KEYS if key in fields), "")
        if status.isdigit() and len(status) == 3 and status >= "400":
            level = max(level, 2 if status >= "500" else 1)
            key = (level, f"{key_of(text[:200])} {status}")
            text = status
        else:
            key = (level, key_of(text[:200]))
        known = self._kinds.get(key)
        if known is None:
            if len(self._kinds) >= MOST_KEPT:
                return True
            known = self._kinds[key] = _Kind(level, Kind(line.number, text), line)
        else:
            known.texts.add(line.number, text, 4)
        known.count += 1
        known.last = line
        if len(known.samples) < 4:
            known.samples.append(line)
        _widen(known.ranges, fields)
        return True

    def facts(self) -> list[Fact]:
        if self._records < 3:
            return []
        span = self._span()
        levels = {3: "fatal", 2: "errors", 1: "warnings"}
        counts = {
            name: sum(k.count for k in self._kinds.values() if k.level == level)
            for level, name in levels.items()
        }
        said = ", ".join(f"{name} {count}" for name, count in counts.items() if count)
        found = [
            Fact(
                Section.RESULT,
                (
                    computed(f"{self._records:,} records; {said or 'no errors or warnings by level'}", 96),
                    *span,
                ),
            )
        ]
        for place, kind in enumerate(
            sorted(self._kinds.values(), key=lambda kind: (-kind.level, kind.count))
        ):
            found += _kind_facts(kind, place)
        return found

    def _span(self) -> tuple[Part, ...]:
        times = [(_raw(line, _TIME_KEYS), line.number) for line in self._ends]
        return tuple(Part(text, number, 70) for text, number in times if text)


def _kind_facts(kind: _Kind, place: int) -> Iterator[Fact]:
    section = {3: Section.FAILURE, 2: Section.ERROR, 1: Section.WARNING}.get(kind.level, Section.NOTE)
    base = {3: 92, 2: 86, 1: 76}.get(kind.level, 54 if kind.count <= 3 else 40)
    worth = base - min(place // 3, 12)
    first = kind.samples[0]
    template = kind.texts.varies
    parts = [Part(kind.texts.template, 0 if template else first.number, worth)]
    if kind.count > 1:
        numbers = [f"{key} {low:g}–{high:g}" for key, (low, high) in kind.ranges.items() if low < high]
        parts += [computed(text, worth - 30) for text in numbers[:3]]
        parts.append(computed("first", worth - 3))
    parts += _sample(first, worth, {part.text for part in parts})
    last = kind.last.number if kind.count > 1 else 0
    yield Fact(section, tuple(parts), kind.count, last, template=template, first=first.number)
    if 1 < kind.count <= 3:
        for sample in kind.samples[1:]:
            yield Fact(section, tuple(_sample(sample, worth - 8, set())))


def _sample(line: Line, worth: int, said: set[str]) -> list[Part]:
    """A record: its time, the last place that it names, and its short fields."""
    time = _raw(line, _TIME_KEYS)
    parts = [Part(time, line.number, worth - 3)] if time else []
    if found := _PLACE.findall(line.text):
        parts.append(Part(found[-1], line.number, worth - 2))
    return parts + _rest(line, worth - 4, said)


def _rest(line: Line, worth: int, said: set[str]) -> list[Part]:
    """The other short fields as the line spells them."""
    parts: list[Part] = []
    for found in _FIELD.finditer(line.text):
        value = found["value"].strip('"')
        if found["key"] in (*_LEVEL_KEYS, *_TIME_KEYS) or value in said or not value or len(value) > 160:
            continue
        parts.append(Part(found[0], line.number, worth - 2 * min(len(parts), 8)))
    return parts[:8]


def _raw(line: Line, keys: tuple[str, ...]) -> str:
    for found in _FIELD.finditer(line.text):
        if found["key"] in keys:
            return found["value"].strip('"')
    return ""


def _level(fields: dict[str, str]) -> int:
    for key in _LEVEL_KEYS:
        if key in fields:
            return _LEVELS.get(fields[key].strip('"').casefold(), 0)
    return 2 if "error" in fields and fields["error"] not in ("null", '""', "false") else 0


def _widen(ranges: dict[str, tuple[float, float]], fields: dict[str, str]) -> None:
    for key, value in fields.items():
        if value[0] in "-0123456789" and key not in _TIME_KEYS:
            try:
                number = float(json.loads(value))
            except (ValueError, TypeError):
                continue
            low, high = ranges.get(key, (number, number))
            if key in ranges or len(ranges) < 8:
                ranges[key] = (min(low, number), max(high, number))
