"""dotnet build and test: errors and warnings by code, failed tests, the summary."""

import re

from server.digests.frames import frame_of, short_place
from server.digests.recognisers.base import literal
from server.digests.recognisers.failures import Failure, Failures
from server.digests.recognisers.line_messages import LineMessages
from server.digests.values import Fact, Line

_TEST = re.compile(r"^ +(?P<kind>Failed|Skipped) (?P<name>\S.*?) \[.*\]$")


class Dotnet(LineMessages):
    """MSBuild messages and the VSTest report."""

    name = "dotnet"
    triggers = (
        r"^\s*(?:\S.*\(\d+,\d+\)|[\w.]+) ?: (?:error|warning) [A-Z]{2,}\d+: ",
        r"^(?:Build (?:FAILED|succeeded)|(?:Failed|Passed|Skipped)! +- Failed: )",
        r"^ +(?:Failed|Skipped) \S.* \[[^\]]*m?s\]$",
        r"^ +\d+ (?:Warning|Error)\(s\)$",
        r"^Total tests: \d+",
    )
    message = re.compile(
        r"^\s*(?:\d+>)?(?P<place>\S.*?(?:\(\d+(?:,\d+)*\))?) ?: (?P<severity>error|warning) "
        r"(?P<rule>[A-Z]{2,}\d+): "
        r"(?P<text>.+?)(?: \[\S+\])?$"
    )
    total = re.compile(
        r"^(?:Build (?:FAILED|succeeded)| +\d+ (?:Warning|Error)\(s\)|\w+! +- Failed: |Total tests: |"
        r" +(?:Passed|Failed|Skipped): \d+)"
    )

    def __init__(self) -> None:
        super().__init__()
        self._failures = Failures()
        self._current: Failure | None = None
        self._wants_cause = False

    def continued(self, line: Line) -> bool:
        text = line.text
        if found := _TEST.match(text):
            self._current = Failure(literal(line, found["name"]), found["kind"])
            self._failures.add(self._current)
            self.messages += 1
            self.open, self._wants_cause = True, False
            return True
        if self._current is None or not self.open:
            return False
        if not text.startswith(" ") and text:
            self.open = self._wants_cause
            if not self._wants_cause:
                return False
        if text.strip() in ("Error Message:", "Stack Trace:", "Standard Output Messages:"):
            self._wants_cause = text.strip() == "Error Message:"
        elif self._wants_cause and text.strip():
            if self._current.cause is None:
                self._current.cause = literal(line)
            elif len(self._current.details) < 3:
                self._current.details.append(literal(line))
        elif (frame := frame_of(text)) and not frame.library and len(self._current.places) < 2:
            self._current.places.append(literal(line, short_place(frame.place)))
        return True

    def facts(self) -> list[Fact]:
        found = super().facts()
        return found + self._failures.facts() if found or self.messages else []
