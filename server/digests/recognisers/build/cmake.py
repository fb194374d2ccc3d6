"""CMake: errors and warnings with their place, missing packages, the outcome of the configure step."""

import re

from server.digests.recognisers.base import Ends, Recogniser, literal
from server.digests.recognisers.diagnostics import Diagnostics
from server.digests.values import Fact, Line, Part, Section

_HEAD = re.compile(
    r"^CMake (?P<kind>Error|Warning|Deprecation Warning)(?: \(dev\))?(?: at (?P<place>\S+:\d+)(?:"
    r" \((?P<what>\S+)\))?)?:?(?P<text> .*)?$"
)
_RESULT = re.compile(
    r"^-- (?:Configuring (?:incomplete|done)|Generating done|Build files have been written)"
    r"|^CMake Generate step failed"
)
_LOOKED = re.compile(r"^-- .*(?:not found|NOTFOUND|Failed|failed|could not|missing)", re.IGNORECASE)


class Cmake(Recogniser):
    """CMake's configure step."""

    name = "cmake"
    triggers = (r"^CMake (?:Error|Warning|Deprecation Warning|Generate step)", r"^-- \S")

    def __init__(self) -> None:
        super().__init__()
        self._diagnostics = Diagnostics()
        self._results: Ends[Part] = Ends()
        self._looked: Ends[Part] = Ends()
        self._head: tuple[str, Part | None] | None = None
        self._details: list[Part] = []
        self._messages = 0

    def feed(self, line: Line) -> bool:
        text = line.text
        if found := _HEAD.match(text):
            self._begin(line, found)
            return True
        if text.startswith(("-- ", "CMake ")):
            self.open = False
            if _RESULT.match(text):
                self._results.append(literal(line))
            elif _LOOKED.match(text):
                self._looked.append(literal(line))
            return True
        if self.open and text.startswith("  "):
            self._message_line(line)
            return True
        self.open = self.open and not text.strip()
        return self.open

    def facts(self) -> list[Fact]:
        if not (self._messages or self._results):
            return []
        found = [
            Fact(Section.RESULT, (Part(p.text, p.line, 96 - min(i, 9)),)) for i, p in enumerate(self._results)
        ]
        looked = [
            Fact(Section.NOTE, (Part(p.text, p.line, 58 - min(i, 25)),))
            for i, p in enumerate(self._looked[:60])
        ]
        return found + self._diagnostics.facts() + looked

    def _begin(self, line: Line, found: re.Match[str]) -> None:
        self._messages += 1
        self.open = True
        place = literal(line, found["place"]) if found["place"] else None
        severity = "error" if found["kind"] == "Error" else "warning"
        text = (found["text"] or "").strip()
        self._head = None
        if text:
            self._details = self._diagnostics.add(severity, literal(line, text), place)
        else:
            self._head = (severity, place)

    def _message_line(self, line: Line) -> None:
        if self._head is not None:
            severity, place = self._head
            self._details = self._diagnostics.add(severity, literal(line), place)
            self._head = None
        elif len(self._details) < 5 and not line.text.strip().startswith(
            ("Call Stack", "This warning is for")
        ):
            self._details.append(literal(line))
