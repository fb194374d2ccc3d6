"""One-line messages, `place: severity: text [rule]`, as printed by most compilers and linters."""

import re
from typing import ClassVar

from server.digests.frames import short_place
from server.digests.recognisers.base import Ends, Recogniser, computed, literal
from server.digests.recognisers.diagnostics import Diagnostics
from server.digests.values import Fact, Line, Part, Section

_SEVERITIES = {
    "error": "error", "fatal error": "error", "fatal": "error", "e": "error", "f": "error", "err": "error",
    "undefined": "error", "critical": "error",
}  # fmt: skip


class LineMessages(Recogniser):
    """Base class for recognisers of such messages.

    ``message`` has the groups ``place`` and ``text``, and optionally ``severity`` and ``rule``. ``total``
    matches summary lines. ``context`` matches lines that belong to a message but add no information.
    """

    message: ClassVar[re.Pattern[str]]
    total: ClassVar[re.Pattern[str] | None] = None
    context: ClassVar[re.Pattern[str] | None] = None
    default_severity: ClassVar[str] = "error"
    note: ClassVar[tuple[str, ...]] = ("note", "info", "help", "hint", "remark", "suggestion")

    def __init__(self) -> None:
        super().__init__()
        self.diagnostics = Diagnostics()
        self.totals: Ends[Part] = Ends()
        self.messages = 0
        self._details: list[Part] = []

    def feed(self, line: Line) -> bool:
        if self.total is not None and (found := self.total.match(line.text)):
            self.totals.append(literal(line))
            self.open = False
            return True
        if found := self.message.match(line.text):
            self._message(line, found)
            return True
        return self.continued(line)

    def continued(self, line: Line) -> bool:
        """Read a line that follows a message. Return whether it belongs to the message."""
        if self.open and self.context is not None and self.context.match(line.text):
            return True
        self.open = False
        return False

    def facts(self) -> list[Fact]:
        if not self.messages:
            return []
        found = [
            Fact(Section.RESULT, (Part(part.text, part.line, 98 - min(place, 20)),))
            for place, part in enumerate(self.totals[:20])
        ]
        counts = self.diagnostics.counts
        said = ", ".join(f"{number} {name}s" for name, number in counts.items() if number)
        known = any(f"{counts['error']} error" in part.text for part in self.totals)
        if said and sum(counts.values()) > 1 and not known:
            found.append(Fact(Section.RESULT, (computed(said, 90),)))
        return found + self.diagnostics.facts()

    def severity(self, found: re.Match[str]) -> str:
        """Return the severity: error, warning or note."""
        word = (found.groupdict().get("severity") or self.default_severity).strip().lower()
        return "note" if word in self.note else _SEVERITIES.get(word, "warning")

    def _message(self, line: Line, found: re.Match[str]) -> None:
        groups = found.groupdict()
        severity = self.severity(found)
        text = literal(line, groups["text"])
        if severity == "note":
            if len(self._details) < 4:
                self._details.append(text)
            return
        self.messages += 1
        rule = literal(line, groups["rule"]) if groups.get("rule") else None
        self._details = self.diagnostics.add(severity, text, _place(line, groups["place"]), rule)
        self.open = self.context is not None


def _place(line: Line, place: str | None) -> Part | None:
    return literal(line, short_place(place)) if place else None
