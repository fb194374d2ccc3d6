"""RSpec and minitest: totals, failed examples with cause and place, pending examples."""

import re

from server.digests.recognisers.base import Ends, Recogniser, literal
from server.digests.recognisers.failures import MOST_DETAILS, Failure, Failures
from server.digests.values import Fact, Line, Part, Section

_RESULT = re.compile(r"^\d+ (?:examples?|runs|tests), \d+ (?:failures?|assertions).*$")
_HEAD = re.compile(r"^ +\d+\) (?P<name>\S.*)$")
_PLACE = re.compile(r"^ +# (?P<place>\S+\.rb:\d+)(?::in .*)?$")
_RERUN = re.compile(r"^rspec (?P<place>\S+) # (?P<name>.+)$")
_INLINE = re.compile(r" \((?:FAILED - \d+|PENDING: .*)\)$")
_SECTIONS = {"Failures:": "failure", "Pending:": "pending", "Failed examples:": "rerun"}
_MINITEST_PLACE = re.compile(r"^(?P<name>\S+#\S+) \[(?P<place>\S+\.rb:\d+)\]:$")


class Rspec(Recogniser):
    """RSpec's progress and documentation formats; minitest's report."""

    name = "rspec"
    triggers = (
        r"^(?:Failures:|Pending:.*|Failed examples:)$",
        r"^\d+ (?:examples?|runs|tests), \d+ (?:failures?|assertions)",
        r"^rspec \S+ # ",
        r"^ +\d+\) (?:Failure|Error):$",
        r" \((?:FAILED - \d+|PENDING: .*)\)$",
    )

    def __init__(self) -> None:
        super().__init__()
        self._results: Ends[Part] = Ends()
        self._failures = Failures()
        self._pending = Failures()
        self._kind = ""
        self._current: Failure | None = None

    def feed(self, line: Line) -> bool:
        text = line.text
        if _RESULT.match(text):
            self._close()
            self.open, self._kind = False, ""
            self._results.append(literal(line, worth=99))
            return True
        section = _SECTIONS.get(text) or ("pending" if text.startswith("Pending:") else "")
        if section:
            self._close()
            self._kind, self.open = section, section != "rerun"
            return True
        if _RERUN.match(text) or _INLINE.search(text):
            return True
        if (found := _HEAD.match(text)) and (self._kind or found["name"] in ("Failure:", "Error:")):
            self._close()
            self._kind = self._kind or "failure"
            self._current = Failure(literal(line, found["name"]), last=line.number)
            self.open = True
            return True
        if self._current is None:
            return text.startswith(("Finished in ", "Randomized with seed"))
        self._line(self._current, line)
        return True

    def facts(self) -> list[Fact]:
        self._close()
        if not self._results:
            return []
        found = [Fact(Section.RESULT, (part,)) for part in self._results]
        return found + self._failures.facts() + self._pending.facts(Section.NOTE, 58)

    def _line(self, current: Failure, line: Line) -> None:
        text = line.text.strip()
        if not text:
            return
        current.last = line.number
        if found := _PLACE.match(line.text):
            if "/gems/" not in text and len(current.places) < 3:
                current.places.append(literal(line, found["place"]))
        elif found := _MINITEST_PLACE.match(line.text):
            current.name = literal(line, found["name"])
            current.places.append(literal(line, found["place"]))
        elif text.startswith("Failure/Error:"):
            current.details.append(literal(line))
        elif current.cause is None:
            current.cause = literal(line)
        elif len(current.details) < MOST_DETAILS:
            current.details.append(literal(line))

    def _close(self) -> None:
        if self._current is not None:
            if self._kind == "failure":
                self._failures.add(self._current)
            elif self._kind == "pending":
                self._pending.add(self._current)
        self._current = None
