"""Mocha: totals, failed tests with cause and place, pending tests."""

import re

from server.digests.frames import frame_of, short_place
from server.digests.recognisers.base import Ends, Recogniser, literal
from server.digests.recognisers.failures import MOST_DETAILS, Failure, Failures
from server.digests.values import Fact, Line, Part, Section

_TOTAL = re.compile(r"^ +\d+ (?P<what>passing|pending|failing)(?: \(.+\))?$")
_HEAD = re.compile(r"^ {2,}\d+\) (?P<name>\S.*)$")
_PENDING = re.compile(r"^ +- (?P<name>\S.*)$")
_PASSED = re.compile(r"^ +[✓✔√] |^ {2,}\d+\) |^\s*$")


class Mocha(Recogniser):
    """Mocha's spec, dot and list reporters, which end with the same summary."""

    name = "mocha"
    triggers = (
        r"^ +\d+ (?:passing|pending|failing)(?: \(|$)",
        r"^ {2,}\d+\) \S",
        r"^ +[✓✔√] \S",
        r"^ {4,}- \S",
    )

    def __init__(self) -> None:
        super().__init__()
        self._totals: Ends[Part] = Ends()
        self._failures = Failures()
        self._current: Failure | None = None
        self._named = False
        self._pending: Ends[Part] = Ends()

    def feed(self, line: Line) -> bool:
        text = line.text
        if found := _TOTAL.match(text):
            self._totals.append(
                literal(line, worth={"failing": 99, "passing": 98, "pending": 97}[found["what"]])
            )
            self.open = True
            return True
        if not self._totals:
            if _PENDING.match(text) and len(self._pending) < 500:
                self._pending.append(literal(line))
            return _PASSED.match(text) is not None
        if found := _HEAD.match(text):
            self._close()
            self._current = Failure(literal(line, found["name"]), last=line.number)
            self._named = text.endswith(":")
        elif self._current is not None:
            self._failure_line(self._current, line)
        else:
            return not text.strip()
        return True

    def facts(self) -> list[Fact]:
        self._close()
        if not self._totals:
            return []
        found = [Fact(Section.RESULT, tuple(self._totals)), *self._failures.facts()]
        return found + [
            Fact(Section.NOTE, (Part(p.text, p.line, 58 - min(i, 25)),))
            for i, p in enumerate(self._pending[:100])
        ]

    def _failure_line(self, current: Failure, line: Line) -> None:
        text = line.text
        if not text.strip() or text.strip() == "+ expected - actual":
            return
        current.last = line.number
        frame = frame_of(text)
        if frame and text.lstrip().startswith("at "):
            if not frame.library and len(current.places) < 2:
                current.places.append(literal(line, short_place(frame.place)))
        elif not self._named:
            self._named = text.endswith(":")
            current.details.append(current.name)
            current.name = literal(line)
        elif current.cause is None:
            current.cause = literal(line)
        elif len(current.details) < MOST_DETAILS and not frame:
            current.details.append(literal(line))

    def _close(self) -> None:
        if self._current is not None and (self._current.cause or self._current.places):
            self._failures.add(self._current)
        self._current = None
