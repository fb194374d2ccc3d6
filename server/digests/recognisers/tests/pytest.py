"""pytest: result line, failures with cause and place, skips, warnings, slowest tests."""

import re

from server.digests.frames import frame_of, is_library, short_place
from server.digests.recognisers.base import Ends, Recogniser, computed, literal
from server.digests.recognisers.diagnostics import Diagnostics
from server.digests.recognisers.failures import MOST_DETAILS, Failure, Failures
from server.digests.values import Fact, Line, Part, Section

_SECTION = re.compile(r"^=+ (?P<title>.+?) =+$")
_BLOCK = re.compile(r"^_{3,} (?P<name>.+?) _{3,}$|^(?P<line>/?[^\s:]+\.py:\d+): (?P<cause>\w.*)$")
_AT = re.compile(r"\S+\.\w+:\d+$")
_HEADER = re.compile(r"^_{2,} (?P<name>.+?) _{2,}$")
_RESULT = re.compile(
    r"^(?:=+ )?(?P<text>(?:(?:\d+ (?:failed|passed|skipped|errors?|warnings?|xfailed|xpassed|deselected|"
    r"rerun|subtests passed)"
    r"(?:, )?)+|no tests ran) in [\d.]+s(?: \([\d:]+\))?)(?: =+)?$"
)
_PLACE = re.compile(r"^(?P<place>[^\s:][^:]*\.\w+:\d+): ?(?P<what>in \S+|[\w.]*)$")
_PROGRESS = re.compile(
    r"(?:PASSED|FAILED|ERROR|SKIPPED|XFAIL|XPASS)\b.*|^\S+\.py [.FEsxX]+\s*(?:\[ *\d+%\])?$|"
    r"^[.FEsxX]+\s*\[ *\d+%\]$"
)
_SUMMARY = re.compile(r"^(?P<kind>FAILED|ERROR|SKIPPED|XFAIL|XPASS) (?P<rest>.+)$")
_WARNING = re.compile(r"^  (?P<place>\S+:\d+): (?P<category>\w+): (?P<message>.+)$")
_DURATION = re.compile(r"^\d+\.\d+s (?:call|setup|teardown) +\S")
_NATIVE_CAUSE = re.compile(r"^(?P<cause>[A-Za-z_][\w.]*(?:: .*)?)$")
_CRASHED = re.compile(r"^worker '\w+' crashed while running '(?P<name>.+)'$")
_CHAIN = ("The above exception was the direct cause", "During handling of the above exception")


class Pytest(Recogniser):
    """pytest in every traceback style, from quiet to verbose."""

    name = "pytest"
    triggers = (
        r"^=+ test session starts =+$",
        r"^=+ (?:FAILURES|ERRORS|short test summary info|warnings summary.*|slowest .*durations) =+$",
        r"^(?:=+ )?(?:\d+ (?:failed|passed|skipped|errors?|warnings?|xfailed|xpassed|deselected|"
        r"rerun)(?:, )?)+ in [\d.]+s",
        r"^(?:=+ )?no tests ran in ",
        r"^(?:FAILED|ERROR) \S+\.py::\S",
    )

    def __init__(self) -> None:
        super().__init__()
        self._section = ""
        self._result: Part | None = None
        self._notes: Ends[Fact] = Ends()
        self._failures = Failures()
        self._short: Ends[tuple[str, Part, Part | None]] = Ends()
        self._warnings = Diagnostics()
        self._current: Failure | None = None
        self._chunk_cause: Part | None = None
        self._captured = False
        self._native = False
        self._seen = False
        self._durations = 0

    def feed(self, line: Line) -> bool:
        self._seen = self.open = True
        text = line.text
        if found := _RESULT.match(text):
            self._finish_block()
            self._result = literal(line, found["text"], 100)
            self.open = False
            return True
        if found := _SECTION.match(text):
            self._finish_block()
            self._section = found["title"]
            return True
        return self._within(line)

    def _within(self, line: Line) -> bool:
        section = self._section
        if line.text.startswith("!!!!"):
            return self._progress_line(line)
        if section in ("FAILURES", "ERRORS"):
            return self._failure_line(line)
        if section.startswith("warnings summary"):
            return self._warning_line(line)
        if section.startswith("slowest"):
            return self._duration_line(line)
        if section.startswith("short test summary") or _SUMMARY.match(line.text):
            return self._summary_line(line)
        return self._progress_line(line)

    def facts(self) -> list[Fact]:
        self._finish_block()
        if not self._seen:
            return []
        found = [Fact(Section.RESULT, (self._result,))] if self._result else []
        self._name_from_summary()
        return [*found, *self._failures.facts(), *self._warnings.facts(), *self._notes]

    def _failure_line(self, line: Line) -> bool:
        text = line.text
        if found := _HEADER.match(text):
            self._finish_block()
            self._current = Failure(literal(line, found["name"]))
            return True
        current = self._current
        if current is None:
            if (found := _BLOCK.match(text)) and found["line"]:
                place = literal(line, found["line"])
                self._failures.add(Failure(place, cause=literal(line, found["cause"]), last=line.number))
            return True
        current.last = line.number
        if text.startswith("---") and " Captured " in text:
            self._captured = True
        elif not self._captured:
            self._traceback_line(current, line)
        return True

    def _traceback_line(self, current: Failure, line: Line) -> None:
        text = line.text
        if text.startswith("E ") and text[2:].strip():
            if self._chunk_cause is None:
                if current.cause is not None:
                    current.details.insert(0, current.cause)
                self._chunk_cause = current.cause = literal(line, text[2:])
            elif len(current.details) < MOST_DETAILS:
                current.details.append(literal(line, text[2:]))
        elif text.startswith(_CHAIN):
            self._chunk_cause = None
        elif text.startswith("[XPASS(strict)]"):
            current.cause = literal(line)
        elif found := _CRASHED.match(text):
            current.name, current.cause = literal(line, found["name"]), literal(line)
        elif found := _PLACE.match(text):
            _add_place(current, literal(line, found["place"]))
        elif self._native and (found := _NATIVE_CAUSE.match(text)):
            current.cause = literal(line, found["cause"])
            self._native = False
        elif text.startswith("Traceback (most recent call last)"):
            self._native = True
        elif (frame := frame_of(text)) and text.lstrip().startswith("File "):
            _add_place(
                current,
                literal(line, short_place(text.strip().partition(", in ")[0].removeprefix("File "))),
                library=frame.library,
            )

    def _finish_block(self) -> None:
        if self._current is not None:
            self._failures.add(self._current)
        self._current, self._chunk_cause, self._captured, self._native = None, None, False, False

    def _warning_line(self, line: Line) -> bool:
        if found := _WARNING.match(line.text):
            message = literal(line, f"{found['category']}: {found['message']}")
            self._warnings.add("warning", message, literal(line, short_place(found["place"])))
        return True

    def _duration_line(self, line: Line) -> bool:
        if _DURATION.match(line.text):
            self._durations += 1
            worth = 50 if self._durations == 1 else 30 - min(self._durations, 20)
            self._notes.append(
                Fact(Section.NOTE, (computed("slowest", worth - 1), literal(line, worth=worth)))
            )
        return True

    def _summary_line(self, line: Line) -> bool:
        if not (found := _SUMMARY.match(line.text)):
            return False
        if found["kind"] in ("FAILED", "ERROR"):
            name, _, cause = found["rest"].partition(" - ")
            self._short.append((found["kind"], literal(line, name), literal(line, cause) if cause else None))
        else:
            worth = 56 - min(len(self._notes), 12)
            self._notes.append(Fact(Section.NOTE, (literal(line, worth=worth),)))
        return True

    def _progress_line(self, line: Line) -> bool:
        text = line.text
        if text.startswith(("!!!", "INTERNALERROR>")):
            self._notes.append(Fact(Section.RESULT, (literal(line, worth=90 - min(len(self._notes), 40)),)))
            return True
        if text.startswith(("FAIL Required test coverage", "Required test coverage", "TOTAL ")):
            self._notes.append(Fact(Section.RESULT, (literal(line, worth=82),)))
            return True
        if text.startswith(
            ("platform ", "rootdir: ", "configfile: ", "testpaths: ", "plugins: ", "cachedir: ")
        ):
            return True
        return _PROGRESS.search(text) is not None or text.startswith("collect")

    def _name_from_summary(self) -> None:
        """Add failures named only in the short summary: all of them if there is no other report."""
        known = {_last_name(item.name.text) for item in self._failures.items}
        placed = {
            item.cause.text: item for item in self._failures.items if item.cause and _AT.match(item.name.text)
        }
        for kind, name, cause in self._short:
            if cause is not None and (item := placed.pop(cause.text, None)):
                item.places.insert(0, item.name)
                item.name = name
            elif _last_name(name.text) not in known:
                self._failures.add(Failure(name, kind, cause))


def _add_place(current: Failure, place: Part, *, library: bool | None = None) -> None:
    """Add a place, keeping the deepest one in the project first, then the first one (the test itself)."""
    if library if library is not None else is_library(place.text):
        if not current.places and len(current.details) < 2:
            current.details.append(place)
        return
    known = [part for part in current.places if part.text != place.text]
    current.places = [place, *known][:3]


def _last_name(text: str) -> str:
    return re.split(r"::|\.(?=\w+(?:\[|$))| ", text)[-1]
