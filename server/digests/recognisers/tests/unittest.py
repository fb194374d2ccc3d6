"""Python's unittest: result, failures with cause and place, skips, unexpected successes."""

import re

from server.digests.frames import frame_of, short_place
from server.digests.recognisers.base import MOST_KEPT, Ends, Recogniser, literal
from server.digests.recognisers.failures import Failure, Failures
from server.digests.values import Fact, Line, Part, Section

_HEADER = re.compile(r"^(?P<kind>FAIL|ERROR|UNEXPECTED SUCCESS): (?P<name>.+)$")
_RAN = re.compile(r"^Ran \d+ tests? in [\d.]+s$")
_RESULT = re.compile(r"^(?:OK|FAILED|NO TESTS RAN)(?: \(.+\))?$")
_STATUS = re.compile(
    r" \.\.\. (?P<status>ok|FAIL|ERROR|expected failure|unexpected success|skipped (?P<why>.+))$"
)
_CAUSE = re.compile(r"^(?P<cause>[A-Za-z_][\w.]*(?:: .*)?)$")
_CHAIN = ("The above exception was the direct cause", "During handling of the above exception")


class Unittest(Recogniser):
    """unittest, quiet or verbose. Django's runner prints the same format."""

    name = "unittest"
    triggers = (
        r"^(?:FAIL|ERROR|UNEXPECTED SUCCESS): \S+ \(.+\)",
        r"^Ran \d+ tests? in [\d.]+s$",
        r"^\S+ \([\w.]+\)(?: \(.*\))? \.\.\. ",
        r"\.\.\. (?:ok|FAIL|ERROR|expected failure|unexpected success|skipped .*)$",
        r"^(?:OK|FAILED|NO TESTS RAN)(?: \((?:failures|errors|skipped|expected|unexpected)[^)]*\))?$",
    )

    def __init__(self) -> None:
        super().__init__()
        self._failures = Failures()
        self._current: Failure | None = None
        self._results: Ends[Part] = Ends()
        self._skips: dict[str, Part] = {}
        self._body = False
        self._cause_open = False

    def feed(self, line: Line) -> bool:
        text = line.text
        if found := _HEADER.match(text):
            self._finish()
            kind = found["kind"]
            self._current = Failure(literal(line, _name(found["name"])), kind, last=line.number)
            self._body, self.open = False, kind != "UNEXPECTED SUCCESS"
            return True
        if _RAN.match(text):
            self._finish()
            self._results.append(literal(line, worth=97))
            return True
        if self._results and _RESULT.match(text):
            self._results.append(literal(line, worth=100))
            return True
        if found := _STATUS.search(text):
            if found["why"] and len(self._skips) < MOST_KEPT:
                self._skips.setdefault(found["why"], literal(line))
            return True
        return self._current is not None and self.open and self._block_line(self._current, line)

    def facts(self) -> list[Fact]:
        self._finish()
        if not self._results:
            return []
        found = [Fact(Section.RESULT, tuple(reversed(self._results)))]
        skips = [
            Fact(Section.NOTE, (Part(part.text, part.line, 56 - min(place, 12)),))
            for place, part in enumerate(self._skips.values())
        ]
        return [*found, *self._failures.facts(), *skips]

    def _block_line(self, current: Failure, line: Line) -> bool:
        text = line.text
        current.last = line.number
        if text.startswith("===="):
            self._finish()
            return True
        if text.startswith("----"):
            if self._body:
                self._finish()
            self._body = True
        elif text.startswith(_CHAIN):
            if current.cause:
                current.details.append(current.cause)
            current.cause = None
        elif text.startswith("Traceback "):
            self._cause_open = True
        elif (frame := frame_of(text)) and text.startswith("  File "):
            place = literal(line, short_place(text.strip().partition(", in ")[0].removeprefix("File ")))
            if not frame.library:
                current.places = [place, *current.places][:2]
        elif self._cause_open and text[:1].strip() and (found := _CAUSE.match(text)):
            current.cause = literal(line, found["cause"])
            self._cause_open = False
        elif text.strip() and text[0] not in " ?" and current.cause and len(current.details) < 3:
            current.details.append(literal(line))
        return True

    def _finish(self) -> None:
        if self._current is not None:
            self._failures.add(self._current)
        self._current, self.open, self._cause_open = None, False, False


def _name(text: str) -> str:
    """Return only the dotted name if the header repeats the test's name in front of it."""
    short, _, rest = text.partition(" (")
    return rest.removesuffix(")") if rest.split(")")[0].endswith("." + short) and ") (" not in rest else text
