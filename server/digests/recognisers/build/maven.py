"""Maven with Surefire: result, failed tests, compiler messages, cause of a build failure."""

import re

from server.digests.frames import frame_of, short_place
from server.digests.recognisers.base import Ends, Recogniser, literal
from server.digests.recognisers.build.gcc import UNKNOWN_SYMBOL
from server.digests.recognisers.diagnostics import Diagnostics
from server.digests.recognisers.failures import Failure, Failures
from server.digests.values import Fact, Line, Part, Section

_LINE = re.compile(r"^\[(?P<level>INFO|WARNING|ERROR|DEBUG)\](?: (?P<text>.*))?$")
_TOTAL = re.compile(r"^Tests run: \d+, Failures: \d+, Errors: \d+, Skipped: \d+$")
_CLASS = re.compile(r"^Tests run: \d+.*Time elapsed")
_TEST = re.compile(
    r"^(?P<name>\S.*?) +(?:--)? *Time elapsed: [\d.,]+ s(?:ec)?(?: +<<< (?P<kind>FAILURE|ERROR)!)?$"
)
_SUMMARY = re.compile(
    r"^  (?P<name>[\w.$]+(?:->[\w.$:]+)*(?:\([^)]*\))?(?:\[\d+\])?(?::\S+)?)(?: (?:» )?(?P<text>.+))?$"
)
_COMPILER = re.compile(r"^(?P<place>\S.*\.\w+:\[\d+,\d+\]) (?P<text>.+)$")
_CAUSE = re.compile(
    r"^(?:Caused by: )?[\w.$]+(?:Exception|Error|Throwable|Failure|Failed)\w*(?:: .*)?$|^[\w$]+"
    r"(?:\.[\w$]+){2,}: .+$"
)
_SYMBOL = re.compile(r" *(?:symbol|location|required|found|reason): ")
_BOILERPLATE = re.compile(
    r"^(?:To see the full stack|Re-run Maven|For more information about the errors|\[Help|->"
    r" \[Help|Please refer to|"
    r"After correcting|  mvn |See |COMPILATION |-+$|Failures: *$|Errors: *$|$)"
)


class Maven(Recogniser):
    """mvn compile, test and package."""

    name = "maven"
    triggers = (r"^\[(?:INFO|WARNING|ERROR)\](?: |$)", r"^Tests run: \d+, Failures: \d+")

    def __init__(self) -> None:
        super().__init__()
        self._results: Ends[tuple[int, Part]] = Ends()
        self._failures = Failures()
        self._summary: Ends[tuple[Part, Part | None]] = Ends()
        self._diagnostics = Diagnostics()
        self._others = Diagnostics()
        self._current: Failure | None = None
        self._goal: Ends[Part] = Ends()
        self._seen = 0
        self._details: list[Part] = []
        self._unknown: tuple[str, Part, Part] | None = None

    def feed(self, line: Line) -> bool:
        if not (found := _LINE.match(line.text)):
            if self._current is None and _SYMBOL.match(line.text):
                self._symbol(literal(line))
                return True
            return self._current is not None and self._trace_line(self._current, line)
        self._seen += 1
        self._close()
        if not _SYMBOL.match(found["text"] or ""):
            self._flush()
        level, text = found["level"], found["text"] or ""
        if _TOTAL.match(text):
            self._results.append((99, literal(line, text)))
        elif text.startswith(("BUILD ", "Total time:")):
            self._results.append((98 if text.startswith("BUILD") else 30, literal(line, text)))
        elif level in ("WARNING", "ERROR"):
            self._message(line, level, text)
        return True

    def facts(self) -> list[Fact]:
        self._close()
        self._flush()
        if self._seen < 3:
            return []
        found = [Fact(Section.RESULT, (Part(p.text, p.line, worth),)) for worth, p in self._results[-12:]]
        found += [
            Fact(Section.RESULT, (Part(p.text, p.line, 80 - 6 * min(i, 8)),))
            for i, p in enumerate(self._goal[:12])
        ]
        named = {
            re.split(r"[.(]", item.name.text)[-1 if "(" not in item.name.text else -2]
            for item in self._failures.items
        }
        for name, cause in self._summary:
            method = re.split(r"[.:]", name.text.partition("(")[0].partition(":")[0])[-1]
            if method not in named:
                self._failures.add(Failure(name, "", cause))
        return found + self._failures.facts() + self._diagnostics.facts() + self._others.facts()

    def _message(self, line: Line, level: str, text: str) -> None:
        severity = level.lower()
        if _CLASS.match(text):
            return
        if found := _TEST.match(text):
            if found["kind"]:
                self._current = Failure(literal(line, found["name"]), found["kind"], last=line.number)
                self.open = True
        elif found := _COMPILER.match(text):
            place = literal(line, short_place(found["place"]))
            told = literal(line, found["text"])
            self.open = True
            if told.text == UNKNOWN_SYMBOL:
                self._unknown = (severity, told, place)
            else:
                self._details = self._diagnostics.add(severity, told, place)
        elif _SYMBOL.match(text):
            self._symbol(literal(line, text))
        elif level == "ERROR" and text.startswith("Failed to execute goal"):
            self._goal.append(literal(line, text))
        elif level == "ERROR" and (found := _SUMMARY.match(text)) and not _BOILERPLATE.match(text):
            self._summary.append(
                (literal(line, found["name"]), literal(line, found["text"]) if found["text"] else None)
            )
        elif not _BOILERPLATE.match(text) and not text.startswith("Tests run:"):
            self._others.add("warning", literal(line, text))

    def _symbol(self, part: Part) -> None:
        """Read a line below a compiler message. The unknown symbol tells apart messages with equal text."""
        if self._unknown is not None and part.text.startswith("symbol:"):
            severity, told, place = self._unknown
            self._unknown = None
            self._details = self._diagnostics.add(severity, part, place, told)
        else:
            self._details.append(part)

    def _flush(self) -> None:
        if self._unknown is not None:
            severity, told, place = self._unknown
            self._details = self._diagnostics.add(severity, told, place)
        self._unknown = None

    def _trace_line(self, current: Failure, line: Line) -> bool:
        text = line.text
        if not text.strip():
            self._close()
            return True
        current.last = line.number
        if (frame := frame_of(text)) and text.lstrip().startswith("at "):
            if not frame.library and len(current.places) < 2:
                current.places.append(literal(line, frame.place))
        elif text.startswith("Caused by: "):
            current.details.append(literal(line))
        elif current.cause is None and _CAUSE.match(text):
            current.cause = literal(line)
        elif text.lstrip().startswith(("at ", "... ")):
            return True
        elif current.cause is None:
            current.cause = literal(line)
        elif len(current.details) < 3:
            current.details.append(literal(line))
        return True

    def _close(self) -> None:
        if self._current is not None:
            self._failures.add(self._current)
        self._current, self.open = None, False
