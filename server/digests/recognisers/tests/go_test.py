"""go test: failed packages and tests with cause and place, races, panics, skips."""

import re
from collections import Counter

from server.digests.frames import frame_of, short_place
from server.digests.recognisers.base import MOST_KEPT, Ends, Recogniser, computed, literal
from server.digests.recognisers.diagnostics import Diagnostics
from server.digests.recognisers.failures import MOST_DETAILS, Failure, Failures
from server.digests.values import Fact, Line, Part, Section

_TEST = re.compile(r"^(?P<indent> *)--- (?P<kind>FAIL|PASS|SKIP|BENCH): (?P<name>\S+) \([\d.]+s\)$")
_RUN = re.compile(r"^=== (?:RUN|PAUSE|CONT|NAME) +(?P<name>\S+)$")
_PACKAGE = re.compile(r"^(?P<kind>FAIL|ok  |\?   |---)\t\S+.*$")
_LOG = re.compile(r"^ +(?P<place>[\w.-]+\.go:\d+): (?P<text>.+)$")
_COMPILER = re.compile(r"^(?:vet: )?(?P<place>[\w./-]+\.go:\d+(?::\d+)?): (?P<text>.+)$")
_PANIC = re.compile(r"^(?:panic: |fatal error: )(?P<text>.+)$")
_FUNCTION = re.compile(r"^(?P<name>(?:[\w.-]+/)*[\w-]+\.[\w.()*]+?)\([^()]*\)$")
_COVER = re.compile(r"coverage: [\d.]+% of statements")


class GoTest(Recogniser):
    """go test, with and without -v, -race, -cover. go build and go vet print the same messages."""

    name = "go test"
    triggers = (
        r"^=== (?:RUN|PAUSE|CONT|NAME) ",
        r"^ *--- (?:FAIL|PASS|SKIP|BENCH): \S+ \(",
        r"^(?:FAIL|ok  |\?   )\t\S",
        r"^# [\w./-]+(?: \[[\w./-]+\])?$",
        r"^(?:vet: )?(?:\./|\.\./)?[\w./-]+\.go:\d+(?::\d+)?: ",
        r"^ +[\w.-]+\.go:\d+: ",
        r"^WARNING: DATA RACE$",
        r"^(?:panic|fatal error): ",
        r"^(?:FAIL|PASS|exit status \d+)$",
    )

    def __init__(self) -> None:
        super().__init__()
        self._counts: Counter[str] = Counter()
        self._failed_packages: Ends[Part] = Ends()
        self._passed: Ends[Part] = Ends()
        self._build = Diagnostics()
        self._failures = Failures()
        self._skips: Ends[Fact] = Ends()
        self._logs: dict[str, list[tuple[Part, Part]]] = {}
        self._running = ""
        self._header: list[Part] = []
        self._function: Part | None = None
        self._crash: Failure | None = None
        self._detail: list[Part] | None = None
        self._untested: Ends[Part] = Ends()
        self._failed: Failure | None = None
        """A failed test followed by its log, as printed when -v is not given."""

    def feed(self, line: Line) -> bool:
        text = line.text
        if self._crash is not None and self._crash_line(self._crash, line):
            return True
        if found := _RUN.match(text):
            self._running = found["name"]
            self._failed = None
            return True
        return self._report(line)

    def _report(self, line: Line) -> bool:
        text = line.text
        if found := _TEST.match(text):
            return self._test(line, found["kind"], found["name"])
        if found := _PACKAGE.match(text):
            return self._package(line, found["kind"].strip())
        if text == "WARNING: DATA RACE" or (_PANIC.match(text) and (self._counts or self._running)):
            self._crash = Failure(literal(line), "", last=line.number)
            self.open = True
            return True
        return self._log(line) if _LOG.match(text) else self._other(line)

    def facts(self) -> list[Fact]:
        self._finish_crash()
        if not (self._failed_packages or self._passed or self._counts or self._build.counts["error"]):
            return []
        found = []
        if self._counts:
            words = {"FAIL": "failed", "PASS": "passed", "SKIP": "skipped", "BENCH": "benchmarks"}
            said = [f"{self._counts[kind]} {word}" for kind, word in words.items() if self._counts[kind]]
            found.append(Fact(Section.RESULT, (computed("tests (with subtests): " + ", ".join(said), 96),)))
        found += [
            Fact(Section.RESULT, (_at(part, 95 - min(i, 20)),))
            for i, part in enumerate(self._failed_packages)
        ]
        found += self._build.facts() + self._failures.facts() + self._skips
        if self._passed:
            label = computed(f"{self._passed.total:,} packages ok", 58)
            found.append(
                Fact(
                    Section.NOTE, (label, *(_at(p, 56 - min(i, 30)) for i, p in enumerate(self._passed[:40])))
                )
            )
        if self._untested:
            parts = (_at(part, 52 - min(i, 30)) for i, part in enumerate(self._untested[:40]))
            found.append(Fact(Section.NOTE, tuple(parts)))
        return found

    def _test(self, line: Line, kind: str, name: str) -> bool:
        self._counts[kind] += 1
        self._running = name
        self._failed = None
        logs = self._logs.pop(name, [])
        if kind == "FAIL":
            cause = logs[0][0] if logs else None
            places = [place for _, place in logs[:1]]
            failure = Failure(literal(line, f"--- FAIL: {name}"), "", cause, places, last=line.number)
            failure.details = [log for log, _ in logs[1:]]
            self._failures.add(failure)
            self._detail = failure.details
            self._failed = None if logs else failure
        elif kind == "SKIP":
            why = [part for log in logs[-1:] for part in log]
            worth = 60 - min(len(self._skips), 20)
            parts = (literal(line, f"SKIP: {name}", worth), *(_at(part, worth) for part in why))
            self._skips.append(Fact(Section.NOTE, parts))
        return True

    def _package(self, line: Line, kind: str) -> bool:
        self._finish_crash()
        self._running = ""
        self._failed = None
        self._logs.clear()
        if kind == "?":
            self._untested.append(literal(line))
        else:
            (self._passed if kind == "ok" else self._failed_packages).append(literal(line))
        return True

    def _log(self, line: Line) -> bool:
        found = _LOG.match(line.text)
        if found and self._failed is not None:
            part = literal(line, found["text"])
            if self._failed.cause is None:
                self._failed.cause = part
                self._failed.places.append(literal(line, found["place"]))
            elif len(self._failed.details) < MOST_DETAILS:
                self._failed.details.append(part)
            self._failed.last = line.number
            return True
        if found and (self._running in self._logs or len(self._logs) < MOST_KEPT):
            logs = self._logs.setdefault(self._running, [])
            if len(logs) < 8:
                logs.append((literal(line, found["text"]), literal(line, found["place"])))
        return bool(self._counts or self._running)

    def _other(self, line: Line) -> bool:
        text = line.text
        if (found := _COMPILER.match(text)) and not self._running:
            message = literal(line, found["text"])
            self._detail = self._build.add(
                "error", message, literal(line, found["place"]), details=self._header
            )
            self._header = []
            self.open = True
            return True
        if self.open and text.startswith("\t") and self._detail is not None:
            self._detail.append(literal(line))
            return True
        self.open = self._crash is not None
        if text.startswith("# "):
            self._header = [literal(line)]
        return text in ("FAIL", "PASS") or text.startswith("# ")

    def _crash_line(self, crash: Failure, line: Line) -> bool:
        """Handle one line of a panic or data race report, and detect the end of the report."""
        text = line.text
        if _PACKAGE.match(text) or _TEST.match(text) or text.startswith("====") or text in ("FAIL", "PASS"):
            self._finish_crash()
            return text.startswith("====")
        crash.last = line.number
        if found := _FUNCTION.match(text):
            self._function = literal(line, found["name"])
        frame = frame_of(text)
        if frame and not frame.library:
            place = literal(line, short_place(frame.place))
            if not crash.places and self._function is not None:
                crash.details.insert(0, self._function)
            if len(crash.places) < 3 and place.text not in [part.text for part in crash.places]:
                crash.places.append(place)
        elif (
            text.startswith(("[signal", "\tpanic: ", "\tTest", "Previous ", "Read at", "Write at"))
            and len(crash.details) < 4
        ):
            crash.details.append(literal(line))
        return True

    def _finish_crash(self) -> None:
        if self._crash is not None:
            self._failures.add(self._crash)
        self._crash, self.open = None, False


def _at(part: Part, worth: int) -> Part:
    return Part(part.text, part.line, worth)
