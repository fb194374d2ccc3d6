"""JSON lines: logs with one JSON object per line."""

import re
from collections.abc import Mapping, Sequence
from typing import ClassVar

from server.digests.recognisers.logs.records import LEVELS, Record, RecordLog

LEVEL_KEYS = ("level", "lvl", "severity", "levelname", "log.level", "loglevel", "log_level")
TEXT_KEYS = ("msg", "message", "ev", "event", "error", "err", "name", "text")
TIME_KEYS = ("time", "ts", "t", "timestamp", "@timestamp", "date", "datetime", "asctime")
STATUS_KEYS = ("status", "status_code", "statusCode", "code", "http_status")
_MOST_FIELDS = 60
_TOLD = frozenset((*LEVEL_KEYS, *TIME_KEYS))
_NO_ERROR = ("null", "", "false", "<nil>")
_JSON_FIELD = re.compile(r'((?<!\\)"((?:[^"\\]|\\.)*)" ?: ?("(?:[^"\\]|\\.)*"|[^\s,{}\[\]"]+))')
"""A field: the whole text, its key, its value."""


class JsonLines(RecordLog):
    """Logs with one JSON object per line."""

    name = "json lines"
    triggers = (r'^\{"[^"]*" ?: ?.*\}$',)
    field: ClassVar[re.Pattern[str]] = _JSON_FIELD

    def parse(self, text: str) -> Record | None:
        pairs = self.field.findall(text)
        return _record(pairs[:_MOST_FIELDS]) if pairs else None


def _record(pairs: list[tuple[str, str, str]]) -> Record:
    """Return the record made up of fields: each field as written, its key, and its value with quotes."""
    values = {key: value[1:-1] if value[:1] == '"' else value for _, key, value in pairs}
    text = _first(values, TEXT_KEYS)
    spelled = {key: whole for whole, key, _ in pairs}
    status = next((found for key in STATUS_KEYS if (found := values.get(key, "")).isdigit()), "")
    return Record(
        _level(values),
        values[text] if text else "",
        values.get(_first(values, TIME_KEYS), ""),
        status if len(status) == 3 and status >= "400" else "",
        tuple(
            [(key, value, spelled[key]) for key, value in values.items() if key != text and key not in _TOLD]
        ),
    )


def _first(values: Mapping[str, str], keys: Sequence[str]) -> str:
    """Return the first of several keys that has a value; empty if none has."""
    for key in keys:
        if values.get(key):
            return key
    return ""


def _level(values: Mapping[str, str]) -> int:
    for key in LEVEL_KEYS:
        if key in values:
            return LEVELS.get(values[key].casefold(), 0)
    return 2 if values.get("error", "null") not in _NO_ERROR else 0
