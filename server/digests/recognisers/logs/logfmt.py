"""logfmt: logs of `key=value` pairs."""

import re

from server.digests.recognisers.logs.json_lines import LEVEL_KEYS, TEXT_KEYS, TIME_KEYS, JsonLines
from server.digests.recognisers.logs.records import Record

_KNOWN = re.compile(rf"(?:^| )(?:{'|'.join(map(re.escape, (*LEVEL_KEYS, *TEXT_KEYS[:4], *TIME_KEYS)))})=")


class Logfmt(JsonLines):
    """Logs from Go's logrus, slog and the like."""

    name = "logfmt"
    triggers = (r'^(?:[A-Za-z_@][\w.@/-]*=(?:"(?:[^"\\]|\\.)*"|\S*) ?){2,}',)
    field = re.compile(r'((?<![\w.@/-])([A-Za-z_@][\w.@/-]*)=("(?:[^"\\]|\\.)*"|[^\s"]\S*))')

    def parse(self, text: str) -> Record | None:
        return super().parse(text) if _KNOWN.search(text) else None
