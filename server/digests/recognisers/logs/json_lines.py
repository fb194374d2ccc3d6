"""JSON lines: logs with one JSON object per line."""

import re
from typing import ClassVar

from server.digests.recognisers.logs.records import LEVELS, Record, RecordLog

LEVEL_KEYS = ("level", "lvl", "severity", "levelname", "log.level", "loglevel", "log_level")
TEXT_KEYS = ("msg", "message", "ev", "event", "error", "err", "name", "text")
TIME_KEYS = ("time", "ts", "t", "timestamp", "@timestamp", "date", "datetime", "asctime")
STATUS_KEYS = ("status", "status_code", "statusCode", "code", "http_status")
_MOST_FIELDS = 60
_JSON_FIELD = re.compile(r'(?<!\\)"(?P<key>(?:[^"\\]|\\.)*)" ?: ?(?P<value>"(?:[^"\\]|\\.)*"|[^\s,{}\[\]"]+)')


class JsonLines(RecordLog):
    """Logs with one JSON object per line."""

    name = "json lines"
    triggers = (r'^\{"[^"]*" ?: ?.*\}$',)
    field: ClassVar[re.Pattern[str]] = _JSON_FIELD

    def parse(self, text: str) -> Record | None:
        values: dict[str, str] = {}
        spelled: dict[str, str] = {}
        for found in self.field.finditer(text):
            if len(values) >= _MOST_FIELDS:
                break
            key = found["key"]
            values[key] = _bare(found["value"])
            spelled[key] = found[0]
        return _record(values, spelled) if values else None


def _record(values: dict[str, str], spelled: dict[str, str]) -> Record:
    text_key = next((key for key in TEXT_KEYS if values.get(key)), "")
    status = next((values[key] for key in STATUS_KEYS if values.get(key, "").isdigit()), "")
    told = (*LEVEL_KEYS, *TIME_KEYS, text_key)
    return Record(
        _level(values),
        values.get(text_key, ""),
        next((values[key] for key in TIME_KEYS if key in values), ""),
        status if len(status) == 3 and status >= "400" else "",
        tuple((key, value, spelled[key]) for key, value in values.items() if key not in told),
    )


def _level(values: dict[str, str]) -> int:
    for key in LEVEL_KEYS:
        if key in values:
            return LEVELS.get(values[key].casefold(), 0)
    return 2 if values.get("error", "null") not in ("null", "", "false", "<nil>") else 0


def _bare(value: str) -> str:
    return value[1:-1] if value[:1] == '"' else value
