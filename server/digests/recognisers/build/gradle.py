"""Gradle: result, failed tasks and tests, causes of failures, javac and kotlinc messages."""

import re

from server.digests.frames import frame_of, short_place
from server.digests.recognisers.base import Ends, Recogniser, literal
from server.digests.recognisers.failures import MOST_DETAILS, Failure, Failures
from server.digests.values import Fact, Line, Part, Section

_RESULT = re.compile(
    r"^BUILD (?:FAILED|SUCCESSFUL)(?: in .*)?$|^\d+ tests? completed(?:, .*)?$|^\d+ actionable tasks?"
)
_TASK = re.compile(
    r"^(?:> Task )?(?P<task>:\S+) ?(?P<state>FAILED|UP-TO-DATE|SKIPPED|NO-SOURCE|FROM-CACHE)?$"
)
_TEST = re.compile(r"^(?P<name>\S.* > .+?) (?P<state>FAILED|SKIPPED|PASSED|STANDARD_OUT|STANDARD_ERROR)$")
_WRONG = re.compile(r"^\* What went wrong:$")
_QUIET = re.compile(
    r"^(?:\* Try:|\* Get more help|Run with --|> Run with |FAILURE: Build|Deprecated Gradle features|"
    r"See https|You can use '--warning-mode|:\S+)"
)


class Gradle(Recogniser):
    """Gradle builds of Java or Kotlin projects."""

    name = "gradle"
    triggers = (
        r"^(?:> Task )?:\S+(?: (?:FAILED|UP-TO-DATE|SKIPPED|NO-SOURCE|FROM-CACHE))?$",
        r"^BUILD (?:FAILED|SUCCESSFUL)",
        r"^\* (?:What went wrong|Try|Get more help)",
        r"^\S.* > .+ (?:FAILED|SKIPPED)$",
        r"^\d+ tests? completed",
        r"^FAILURE: Build ",
    )

    def __init__(self) -> None:
        super().__init__()
        self._results: Ends[Part] = Ends()
        self._tasks: Ends[Part] = Ends()
        self._failures = Failures()
        self._current: Failure | None = None
        self._skipped: Ends[Part] = Ends()
        self._wrong: Ends[Part] = Ends()
        self._telling = False

    def feed(self, line: Line) -> bool:
        text = line.text
        if _RESULT.match(text):
            self._close()
            self._results.append(literal(line, worth=70 if "actionable" in text else 98))
        elif found := _TASK.match(text):
            self._close()
            if found["state"] == "FAILED":
                self._tasks.append(literal(line))
        elif found := _TEST.match(text):
            self._close()
            if found["state"] == "FAILED":
                self._current = Failure(literal(line, found["name"]), "FAILED", last=line.number)
                self.open = True
            elif found["state"] == "SKIPPED":
                self._skipped.append(literal(line))
        elif _WRONG.match(text):
            self._close()
            self._telling = self.open = True
        elif self._telling and not text.startswith("* "):
            if text.strip():
                self._wrong.append(literal(line))
        elif self._current is not None and (text.startswith(" ") or not text):
            self._failure_line(self._current, line)
        else:
            self._close()
            return _QUIET.match(text) is not None
        return True

    def facts(self) -> list[Fact]:
        self._close()
        if not (self._results or self._tasks):
            return []
        found = [Fact(Section.RESULT, (part,)) for part in self._results]
        found += [
            Fact(Section.RESULT, (Part(p.text, p.line, 90 - min(i, 20)),)) for i, p in enumerate(self._tasks)
        ]
        found += [
            Fact(Section.ERROR, (Part(p.text, p.line, 89 - min(i, 40)),))
            for i, p in enumerate(self._wrong[:60])
        ]
        found += self._failures.facts()
        return found + [
            Fact(Section.NOTE, (Part(p.text, p.line, 58 - min(i, 25)),))
            for i, p in enumerate(self._skipped[:100])
        ]

    def _failure_line(self, current: Failure, line: Line) -> None:
        text = line.text
        if not text.strip():
            return
        current.last = line.number
        frame = frame_of(text)
        if text.lstrip().startswith("at "):
            if frame and not frame.library and len(current.places) < 2:
                current.places.append(literal(line, short_place(frame.place)))
            elif frame is None and (found := re.search(r"\S+\.(?:java|kt|groovy):\d+", text)):
                current.places.append(literal(line, found[0]))
        elif current.cause is None:
            current.cause = literal(line)
        elif len(current.details) < MOST_DETAILS:
            current.details.append(literal(line))

    def _close(self) -> None:
        if self._current is not None:
            self._failures.add(self._current)
        self._current, self._telling, self.open = None, False, False
