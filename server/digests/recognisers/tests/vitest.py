"""Vitest: totals, failed tests with cause and place, skipped tests, unhandled errors."""

import re

from server.digests.frames import frame_of, short_place
from server.digests.recognisers.base import Ends, Recogniser, literal
from server.digests.recognisers.failures import MOST_DETAILS, Failure, Failures
from server.digests.values import Fact, Line, Part, Section

_TOTAL = re.compile(r"^ *(?P<what>Test Files|Tests|Errors|Duration|Snapshots|Type Errors) {2,}\S")
_FAIL = re.compile(r"^ *FAIL {2}(?P<name>\S.*)$")
_RULE = re.compile(r"^⎯+(?: (?P<title>[^⎯]+?) ⎯+)?(?:\[\d+/\d+\]⎯*)?$")
_SKIPPED = re.compile(r"^ *[↓] (?P<name>.+)$")
_PROGRESS = re.compile(r"^ *(?:✓|×|❯|→|·|RUN |Start at|stdout \||stderr \||JSON report)")
_WORTHS = {"Tests": 99, "Test Files": 98, "Errors": 96, "Type Errors": 96, "Duration": 30, "Snapshots": 40}


class Vitest(Recogniser):
    """Vitest's default and verbose reporters."""

    name = "vitest"
    triggers = (
        r"^ *FAIL  \S+\.[cm]?[jt]sx?(?: |$)",
        r"^ *(?:Test Files|Tests) {2,}(?:\d+ |no tests)",
        r"^ *[✓×❯↓] \S+\.[cm]?[jt]sx? ",
        r"^⎯+ (?:Failed|Unhandled) .* ⎯+$",
        r"^ RUN  v\d",
    )

    def __init__(self) -> None:
        super().__init__()
        self._totals: Ends[Part] = Ends()
        self._failures = Failures()
        self._current: Failure | None = None
        self._heads: list[Part] = []
        self._skipped: Ends[Part] = Ends()

    def feed(self, line: Line) -> bool:
        text = line.text
        self.open = True
        if found := _TOTAL.match(text):
            self._close()
            self._totals.append(literal(line, worth=_WORTHS[found["what"]]))
        elif found := _FAIL.match(text):
            if self._current is not None and self._current.cause is not None:
                self._close()
            self._heads.append(literal(line, found["name"]))
            self._current = self._current or Failure(self._heads[0], last=line.number)
        elif found := _RULE.match(text):
            self._close()
            if (found["title"] or "").startswith("Unhandled"):
                self._heads = [literal(line, found["title"])]
                self._current = Failure(self._heads[0], last=line.number)
        elif self._current is not None:
            self._failure_line(self._current, line)
        elif found := _SKIPPED.match(text):
            self._skipped.append(literal(line))
        else:
            return _PROGRESS.match(text) is not None or not text.strip()
        return True

    def facts(self) -> list[Fact]:
        self._close()
        if not self._totals:
            return []
        found = [Fact(Section.RESULT, (part,)) for part in self._totals] + self._failures.facts()
        return found + [
            Fact(Section.NOTE, (Part(p.text, p.line, 58 - min(i, 25)),))
            for i, p in enumerate(self._skipped[:100])
        ]

    def _failure_line(self, current: Failure, line: Line) -> None:
        text = line.text
        if not text.strip() or re.match(r"^ +\d*\|", text):
            return
        current.last = line.number
        frame = frame_of(text)
        if frame and text.lstrip().startswith(("❯", "at ")):
            if not frame.library and len(current.places) < 2:
                current.places.append(literal(line, short_place(frame.place)))
        elif current.cause is None:
            current.cause = literal(line)
        elif len(current.details) < MOST_DETAILS and text.strip() not in ("- Expected", "+ Received"):
            current.details.append(literal(line))

    def _close(self) -> None:
        if self._current is not None and self._current.cause is not None:
            for name in self._heads:
                current = self._current
                self._failures.add(
                    Failure(name, "", current.cause, current.places, current.details, current.last)
                )
        self._current, self._heads = None, []
