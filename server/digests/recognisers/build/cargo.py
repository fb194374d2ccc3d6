"""cargo and rustc: errors with code and place, warnings by kind, failed tests, crates that did not build."""

import re

from server.digests.recognisers.base import MOST_KEPT, Ends, Recogniser, computed, literal
from server.digests.recognisers.diagnostics import Diagnostics
from server.digests.recognisers.failures import MOST_DETAILS, Failure, Failures
from server.digests.values import Fact, Line, Part, Section

_MESSAGE = re.compile(r"^(?P<severity>error|warning)(?:\[(?P<code>[\w:]+)\])?: (?P<text>.+)$")
_PLACE = re.compile(r"^ *--> (?P<place>\S+?:\d+:\d+)$")
_SUMMARY = re.compile(
    r"^(?:error: could not compile|error: aborting due to|warning: `[^`]+` .* generated \d+ warning|"
    r"error: (?:doc)?test failed|error: \d+ targets? failed|warning: build failed)"
)
_NOTE = re.compile(r"^(?: *= )?(?P<text>(?:help|note|expected|found): .+)$| *= note: (?:expected|found) .+")
_LABEL = re.compile(r"^ *\d* *\|[ |]*[\^-]+ +(?P<text>\S.*)$|^ *\|[ |]*(?P<under>[a-z`].*)$")
_RESULT = re.compile(r"^test result: .+$")
_EXIT = re.compile(r"^ +process didn't exit successfully: `.*` \((?P<how>.+)\)$")
_TEST = re.compile(r"^test (?P<name>\S+)(?: - should panic)? \.\.\. (?P<kind>ok|FAILED|ignored.*|bench:.*)$")
_THREAD = re.compile(r"^thread '(?P<name>[^']+)'(?: \(\d+\))? panicked at (?P<place>\S+?:\d+:\d+):?$")
_THREAD_OLD = re.compile(r"^thread '(?P<name>[^']+)' panicked at '(?P<cause>.*)', (?P<place>\S+?:\d+:\d+)$")
_OUTPUT = re.compile(r"^---- (?P<name>\S+) stdout ----$")
_PROGRESS = re.compile(
    r"^ +(?:Compiling|Checking|Downloaded|Downloading|Updating|Locking|Adding|Fresh|Blocking"
    r"|Finished|Running|Doc-tests|Documenting|Building) "
)


class Cargo(Recogniser):
    """cargo build, check, clippy, test and run; standalone rustc."""

    name = "cargo"
    triggers = (
        r"^(?:error|warning)(?:\[[\w:]+\])?: ",
        r"^ *--> \S+:\d+:\d+$",
        r"^ +(?:Compiling|Checking|Finished|Running|Doc-tests|Downloaded|Updating|Locking|Fresh) ",
        r"^test result: ",
        r"^test \S+(?: - should panic)? \.\.\. ",
        r"^running \d+ tests?$",
        r"^---- \S+ stdout ----$",
        r"^ +process didn't exit successfully: `",
        r"^thread '[^']+'(?: \(\d+\))? panicked at ",
    )

    def __init__(self) -> None:
        super().__init__()
        self._diagnostics = Diagnostics()
        self._pending: tuple[str, Part, Part | None] | None = None
        self._pending_details: list[Part] = []
        self._details: list[Part] = self._pending_details
        self._summaries: Ends[Part] = Ends()
        self._results: Ends[Part] = Ends()
        self._failures = Failures()
        self._failing: dict[str, Part] = {}
        self._current: Failure | None = None
        self._ignored: Ends[Part] = Ends()
        self._placed = 0
        self._backtrace = False
        self._finished: Part | None = None

    def feed(self, line: Line) -> bool:
        text = line.text
        if found := _MESSAGE.match(text):
            self._flush()
            return self._message(line, found)
        if found := _PLACE.match(text):
            return self._place(line, found["place"])
        if _PROGRESS.match(text):
            self._flush()
            self.open = False
            if "Finished" in text[:20]:
                self._finished = literal(line, worth=90)
            return True
        if self._test_line(line):
            return True
        if self.open and self._current is not None:
            return self._panic_line(self._current, line)
        return self._detail_line(line)

    def facts(self) -> list[Fact]:
        self._flush()
        self._close_test()
        if not (self._placed or self._results or self._summaries or self._finished):
            return []
        ends = [*self._results_facts(), *self._summaries]
        found = [Fact(Section.RESULT, (_at(part, 98 - min(i, 20)),)) for i, part in enumerate(ends)]
        found.sort(key=lambda fact: fact.parts[0].text.startswith("warning"))
        if self._finished and not self._summaries:
            found.append(Fact(Section.RESULT, (self._finished,)))
        counts = self._diagnostics.counts
        if counts["error"] or counts["warning"]:
            said = f"errors: {counts['error']}, warnings: {counts['warning']}"
            found.append(Fact(Section.RESULT, (computed(said, 94),)))
        for name, part in self._failing.items():
            if name not in {item.name.text for item in self._failures.items}:
                self._failures.add(Failure(part))
        found += self._failures.facts() + self._diagnostics.facts()
        return found + [
            Fact(Section.NOTE, (_at(p, 56 - min(i, 30)),)) for i, p in enumerate(self._ignored[:30])
        ]

    def _results_facts(self) -> list[Part]:
        """Return the facts about test results, failures first. Runs without any tests are omitted."""
        told = [part for part in self._results if " 0 passed; 0 failed; 0 ignored" not in part.text]
        return sorted(told, key=lambda part: "FAILED" not in part.text)

    def _message(self, line: Line, found: re.Match[str]) -> bool:
        if _SUMMARY.match(line.text):
            if found["severity"] == "error" or "generated" not in line.text:
                self._summaries.append(literal(line))
            self.open = False
            return True
        code = literal(line, found["code"]) if found["code"] else None
        self._pending = (found["severity"], literal(line, found["text"]), code)
        self._pending_details = self._details = []
        self.open = True
        return True

    def _place(self, line: Line, place: str) -> bool:
        if self._pending is None:
            return False
        severity, message, code = self._pending
        self._placed += 1
        kept = self._diagnostics.add(severity, message, literal(line, place), code, self._pending_details)
        self._details = kept if kept is self._pending_details else []
        self._pending = None
        return True

    def _flush(self) -> None:
        """Keep the current message. A message without a place is kept only if it is an error."""
        if self._pending is not None and self._pending[0] == "error":
            severity, message, code = self._pending
            self._diagnostics.add(severity, message, None, code)
        self._pending = None

    def _detail_line(self, line: Line) -> bool:
        if not self.open:
            return False
        text = line.text
        if not text:
            return True
        if text.startswith(("Some errors have detailed", "For more information about")):
            return True
        if found := _NOTE.match(text):
            self._details.append(literal(line))
        elif (found := _LABEL.match(text)) and len(self._details) < 5:
            self._details.append(literal(line, (found["text"] or found["under"]).lstrip("^- ")))
        elif not re.match(r"^(?: *\d* *[|+~-]| *= |help: |note: | *::: |\.\.\.)", text):
            self.open = False
            return False
        return True

    def _test_line(self, line: Line) -> bool:
        text = line.text
        if _RESULT.match(text):
            self._close_test()
            self._results.append(literal(line))
            return True
        if found := _EXIT.match(text):
            program = found[0].rpartition("`")[0].rpartition("/")[2]
            self._summaries.append(literal(line, f"{program}` ({found['how']})"))
            return True
        if found := _TEST.match(text):
            if found["kind"] == "FAILED" and len(self._failing) < MOST_KEPT:
                self._failing[found["name"]] = literal(line)
            elif found["kind"].startswith("ignored"):
                self._ignored.append(literal(line))
            return True
        if found := _OUTPUT.match(text):
            self._close_test()
            self._backtrace = False
            self._current = Failure(literal(line, found["name"]), "FAILED", last=line.number)
            self.open = True
            return True
        if found := _THREAD.match(text) or _THREAD_OLD.match(text):
            if self._current is None:
                self._current = Failure(literal(line, found["name"]), "panicked", last=line.number)
                self.open = True
            if not self._current.places:
                self._current.places.append(literal(line, found["place"]))
                if cause := found.groupdict().get("cause"):
                    self._current.cause = literal(line, cause)
            return True
        return False

    def _panic_line(self, current: Failure, line: Line) -> bool:
        text = line.text
        if text in ("failures:", "successes:"):
            self._close_test()
            return True
        if text.startswith("note: test did not panic"):
            current.cause = literal(line)
        if not text.strip() or text.startswith("note: ") or self._backtrace:
            return True
        current.last = line.number
        if text.strip() == "stack backtrace:":
            self._backtrace = True
            return True
        if not current.places and len(current.details) < 3:
            current.details.append(literal(line))
        elif current.cause is None:
            current.cause = literal(line)
        elif len(current.details) < MOST_DETAILS:
            current.details.append(literal(line))
        return True

    def _close_test(self) -> None:
        if self._current is not None:
            self._failures.add(self._current)
            self._failing.pop(self._current.name.text, None)
        self._current = None


def _at(part: Part, worth: int) -> Part:
    return Part(part.text, part.line, worth)
