"""node --test and other TAP producers: totals, failed tests with cause and place, skipped tests."""

import re

from server.digests.frames import frame_of, short_place
from server.digests.recognisers.base import Ends, Recogniser, literal
from server.digests.recognisers.failures import MOST_DETAILS, Failure, Failures
from server.digests.values import Fact, Line, Part, Section

_POINT = re.compile(
    r"^(?P<indent> *)(?P<kind>ok|not ok) \d+(?: -)? ?(?P<name>.*?)(?: # (?P<directive>(?:SKIP|TODO)\b.*))?$"
)
_TOTAL = re.compile(
    r"^(?:#|ℹ) (?P<what>tests|suites|pass|fail|cancelled|skipped|todo|duration_ms) (?P<number>[\d.]+)$"
)
_PLAIN_TOTAL = re.compile(r"^# (?:Looks like you |Failed test |.*\bfailed \d+ test)")
_FIELD = re.compile(
    r"^ +(?P<key>location|error|code|failureType|expected|actual|operator|message|at|file|"
    r"line): ?(?P<value>.*)$"
)
_SPEC_AT = re.compile(r"^test at (?P<place>\S+:\d+:\d+)$")
_SPEC = re.compile(r"^\s*✖ (?P<name>.+?)(?: \([\d.]+ms\))?(?: # (?P<why>.+))?$")
_SPEC_SKIP = re.compile(r"^\s*﹣ (?P<name>.+)$")
_QUIET = re.compile(
    r"^ *(?:# Subtest: |TAP version |\d+\.\.\d+|---|\.\.\.|duration_ms: |type: |stack: |✔ |▶ |ℹ )"
)
_WORTHS = {
    "fail": 99,
    "tests": 98,
    "pass": 97,
    "skipped": 96,
    "cancelled": 90,
    "todo": 88,
    "suites": 60,
    "duration_ms": 30,
}


class Tap(Recogniser):
    """Both of Node's test reporters, and TAP from any other tool."""

    name = "tap"
    triggers = (
        r"^ *(?:not )?ok \d+(?: |$)",
        r"^ *# Subtest: ",
        r"^TAP version \d",
        r"^(?:#|ℹ) (?:tests|suites|pass|fail|cancelled|skipped|todo) \d+$",
        r"^test at \S+:\d+:\d+$",
        r"^\s*[✖✔﹣] .+ \([\d.]+ms\)",
        r"^✖ failing tests:$",
    )

    def __init__(self) -> None:
        super().__init__()
        self._totals: dict[str, Part] = {}
        self._failures = Failures()
        self._current: Failure | None = None
        self._skipped: Ends[Part] = Ends()
        self._points = 0
        self._key = ""
        self._spec_place: Part | None = None

    def feed(self, line: Line) -> bool:
        text = line.text
        if found := _TOTAL.match(text):
            self._close()
            self._totals[found["what"]] = literal(line, worth=_WORTHS[found["what"]])
            return True
        if found := _POINT.match(text):
            self._point(line, found)
            return True
        if found := _SPEC_AT.match(text):
            self._close()
            self._spec_place = literal(line, found["place"])
            self.open = True
            return True
        if (found := _SPEC.match(text)) and text.strip() != "✖ failing tests:":
            self._spec(line, found["name"])
            return True
        return self._other(line)

    def _other(self, line: Line) -> bool:
        if _SPEC_SKIP.match(line.text):
            self._skipped.append(literal(line))
            return True
        if self._current is not None:
            self._detail(self._current, line)
            return True
        return _QUIET.match(line.text) is not None

    def facts(self) -> list[Fact]:
        self._close()
        if not self._totals and self._points < 2:
            return []
        found = [Fact(Section.RESULT, (part,)) for part in self._totals.values() if part.worth > 50]
        found += self._failures.facts()
        return found + [
            Fact(Section.NOTE, (Part(p.text, p.line, 58 - min(i, 25)),))
            for i, p in enumerate(self._skipped[:100])
        ]

    def _point(self, line: Line, found: re.Match[str]) -> None:
        self._close()
        self._points += 1
        directive = found["directive"] or ""
        if directive:
            self._skipped.append(literal(line))
        elif found["kind"] == "not ok":
            self._current = Failure(literal(line, found["name"] or line.text), last=line.number)
            self.open = True

    def _spec(self, line: Line, name: str) -> None:
        if self._spec_place is None:
            return
        self._current = Failure(literal(line, name), places=[self._spec_place], last=line.number)
        self._spec_place, self._key, self.open = None, "spec", True

    def _detail(self, current: Failure, line: Line) -> None:
        text = line.text
        current.last = line.number
        if text.strip() in ("...", ""):
            if text.strip() and self._key != "spec":
                self._close()
            return
        if self._key != "spec" and (found := _FIELD.match(text)):
            self._key = found["key"]
            value = found["value"].strip("'\"")
            if self._key == "location":
                current.places.append(literal(line, short_place(value)))
            elif self._key in ("error", "message") and value not in ("|-", "|", ">-"):
                current.cause = literal(line, value)
            elif self._key in ("expected", "actual") and value and value not in ("|-", "|"):
                current.details.append(literal(line))
            elif self._key == "failureType" and value == "subtestsFailed":
                current.label = value
            return
        frame = frame_of(text if text.lstrip().startswith("at ") else f"    at {text.strip()}")
        if frame and frame.place and frame.place in text:
            if not frame.library and len(current.places) < 2:
                current.places.append(literal(line, short_place(frame.place)))
        elif current.cause is None and not _QUIET.match(text):
            current.cause = literal(line)
        elif len(current.details) < MOST_DETAILS and not _QUIET.match(text):
            current.details.append(literal(line))

    def _close(self) -> None:
        if self._current is not None and self._current.label != "subtestsFailed":
            self._failures.add(self._current)
        self._current, self._key, self.open = None, "", False
