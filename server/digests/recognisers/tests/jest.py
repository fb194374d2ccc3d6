"""Jest: totals, failed tests with cause and place, suites that did not run, skipped tests."""

import re

from server.digests.frames import frame_of, short_place
from server.digests.recognisers.base import MOST_KEPT, Ends, Recogniser, literal
from server.digests.recognisers.failures import MOST_DETAILS, Failure, Failures
from server.digests.values import Fact, Line, Part, Section

_TOTAL = re.compile(r"^(?P<what>Test Suites|Tests|Snapshots|Time): +(?:.*\d total$|[\d.]+ m?s)")
_SUITE = re.compile(r"^ ?(?P<kind>PASS|FAIL) +(?P<file>\S+\.\w+)(?: \(.*\))?(?: .*)?$")
_BLOCK = re.compile(r"^ {2}● (?P<name>\S.*)$")
_SKIPPED = re.compile(r"^ +(?:○|✎) (?:skipped |todo )?(?P<name>.+)$")
_NOT_RUN = "Test suite failed to run"
_THROWN = re.compile(r"^ +(?:[A-Za-z]*Error|Error): \S")
_FILE_NAME = re.compile(r"[\w.-]+\.[cm]?[jt]sx?\b")
_CONSOLE = re.compile(r"^ {2,4}console\.(?P<level>warn|error)$")
_PASSED = re.compile(
    r"^ +[√✓] |^ +[✕×] |^\s*$|^ {2,4}at |^Ran all test suites|^Determining test suites|^ {2,}\S"
)
_WORTHS = {"Tests": 99, "Test Suites": 97, "Snapshots": 40, "Time": 30}


class Jest(Recogniser):
    """Jest's default and verbose reporters."""

    name = "jest"
    triggers = (
        r"^ ?(?:PASS|FAIL) +\S+\.[cm]?[jt]sx?(?: |$)",
        r"^(?:Test Suites|Tests|Snapshots): +.*\d total$",
        r"^ {2}● ",
        r"^Ran all test suites",
        r"^ {2}console\.(?:warn|error)$",
    )

    def __init__(self) -> None:
        super().__init__()
        self._totals: dict[str, Part] = {}
        self._failed_suites: dict[str, Part] = {}
        self._failures = Failures()
        self._names: set[str] = set()
        self._current: Failure | None = None
        self._skipped: Ends[Part] = Ends()
        self._console: list[Part] = []
        self._in_console = False
        self._other: Ends[Part] = Ends()

    def feed(self, line: Line) -> bool:
        text = line.text
        self.open = True
        if found := _TOTAL.match(text):
            self._close()
            told = 84 if "failed" in text or "obsolete" in text else 0
            self._totals[found["what"]] = literal(line, worth=max(_WORTHS[found["what"]], told))
            self.open = found["what"] != "Time"
        elif found := _SUITE.match(text):
            self._close()
            self._in_console = False
            if found["kind"] == "FAIL" and len(self._failed_suites) < MOST_KEPT:
                self._failed_suites.setdefault(
                    found["file"], literal(line, f"{found['kind']} {found['file']}")
                )
        elif found := _BLOCK.match(text):
            self._begin(line, found["name"])
        elif _CONSOLE.match(text):
            self._in_console = True
        elif self._in_console:
            self._console_line(line)
        elif self._current is not None:
            self._failure_line(self._current, line)
        elif found := _SKIPPED.match(text):
            self._skipped.append(literal(line))
        elif text.startswith(("Jest: ", "jest: ", "A worker process has failed")):
            self._other.append(literal(line))
        else:
            return _PASSED.match(text) is not None
        return True

    def facts(self) -> list[Fact]:
        self._close()
        if "Tests" not in self._totals:
            return []
        found = [Fact(Section.RESULT, (part,)) for part in self._totals.values()]
        named = {text for item in self._failures.items for text in _files_of(item)}
        for place, (file, part) in enumerate(self._failed_suites.items()):
            worth = (56 if file.rpartition("/")[2] in named else 86) - min(place, 30)
            found.append(Fact(Section.RESULT, (Part(part.text, part.line, worth),)))
        found += self._failures.facts()
        for worth, parts in ((58, self._skipped), (64, self._other), (60, self._console)):
            section = Section.NOTE if parts is self._skipped else Section.WARNING
            found += [
                Fact(section, (Part(p.text, p.line, worth - min(i, 25)),)) for i, p in enumerate(parts[:100])
            ]
        return found

    def _begin(self, line: Line, name: str) -> None:
        self._close()
        self._in_console = False
        if name == "Console":
            return
        if name not in self._names or name == _NOT_RUN:
            if len(self._names) < MOST_KEPT:
                self._names.add(name)
            self._current = Failure(literal(line, name), last=line.number)

    def _failure_line(self, current: Failure, line: Line) -> None:
        text = line.text
        if not text.strip() or re.match(r"^ +>? *\d* \|", text):
            return
        current.last = line.number
        frame = frame_of(text)
        if frame and text.lstrip().startswith("at "):
            if not frame.library and len(current.places) < 2:
                current.places.append(literal(line, short_place(frame.place)))
        elif current.cause is None:
            current.cause = literal(line, text.partition("  // ")[0].partition(" // ")[0])
        elif current.name.text == _NOT_RUN and not current.details and _THROWN.match(text):
            current.details, current.cause = [current.cause], literal(line)
        elif current.name.text != _NOT_RUN and len(current.details) < MOST_DETAILS and not frame:
            current.details.append(literal(line))

    def _console_line(self, line: Line) -> None:
        text = line.text
        if text.startswith("    ") and text.strip() and not text.strip().startswith("at "):
            said = literal(line)
            if len(self._console) < 200 and said.text not in {part.text for part in self._console[-20:]}:
                self._console.append(said)
            self._in_console = False

    def _close(self) -> None:
        if self._current is not None:
            self._failures.add(self._current)
        self._current = None


def _files_of(failure: Failure) -> list[str]:
    """Return the names of the files that a failure mentions."""
    told = [*failure.places, failure.cause] if failure.cause else failure.places
    return _FILE_NAME.findall(" ".join(part.text for part in told))
