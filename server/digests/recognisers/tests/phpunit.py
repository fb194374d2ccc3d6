"""PHPUnit: totals, failures and errors with cause and place, skipped and risky tests."""

import re

from server.digests.frames import short_place
from server.digests.recognisers.base import Ends, Recogniser, literal
from server.digests.recognisers.failures import MOST_DETAILS, Failure, Failures
from server.digests.values import Fact, Line, Part, Section

_RESULT = re.compile(
    r"^(?:Tests: \d+, .+|OK \(\d+ tests?.*\)|OK, but .+|FAILURES!|ERRORS!|WARNINGS!|No tests executed!)$"
)
_GROUP = re.compile(
    r"^There (?:was|were) \d+ (?P<kind>failure|error|skipped|incomplete|risky|warning|.*deprecation)\S*.*:$"
)
_HEAD = re.compile(r"^\d+\) (?P<name>\S.*)$")
_PLACE = re.compile(r"^(?P<place>/?\S+\.php:\d+)$")


class PhpUnit(Recogniser):
    """PHPUnit 8 and later."""

    name = "phpunit"
    triggers = (
        r"^PHPUnit \d+\.\d+",
        r"^There (?:was|were) \d+ (?:failure|error|skipped|incomplete|risky|warning)",
        r"^(?:Tests: \d+, |OK \(\d+ test|FAILURES!|ERRORS!|OK, but )",
    )

    def __init__(self) -> None:
        super().__init__()
        self._results: Ends[Part] = Ends()
        self._told: Ends[Part] = Ends()
        self._failures = Failures()
        self._notes = Failures()
        self._kind = ""
        self._current: Failure | None = None

    def feed(self, line: Line) -> bool:
        text = line.text
        if _RESULT.match(text):
            self._close()
            self.open = False
            self._results.append(literal(line))
        elif found := _GROUP.match(text):
            self._close()
            self._kind = found["kind"]
            self.open = True
            self._told.append(literal(line))
        elif self._kind and (found := _HEAD.match(text)):
            self._close()
            self._current = Failure(literal(line, found["name"]), self._kind, last=line.number)
        elif self._current is not None:
            self._line(self._current, line)
        else:
            return not self._kind or text.startswith(("--", "PHPUnit"))
        return True

    def facts(self) -> list[Fact]:
        self._close()
        if not (self._results or self._told):
            return []
        ordered = [*self._results, *reversed(self._told)]
        found = [
            Fact(Section.RESULT, (Part(p.text, p.line, 98 - 2 * min(i, 20)),)) for i, p in enumerate(ordered)
        ]
        return found + self._failures.facts() + self._notes.facts(Section.NOTE, 58)

    def _line(self, current: Failure, line: Line) -> None:
        text = line.text
        if not text.strip() or text == "--":
            return
        current.last = line.number
        if found := _PLACE.match(text):
            if "/vendor/" not in text and len(current.places) < 3:
                current.places.append(literal(line, short_place(found["place"])))
        elif current.cause is None:
            current.cause = literal(line)
        elif len(current.details) < MOST_DETAILS:
            current.details.append(literal(line))

    def _close(self) -> None:
        if self._current is not None:
            (self._failures if self._kind in ("failure", "error") else self._notes).add(self._current)
        self._current = None
