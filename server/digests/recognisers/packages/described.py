"""Objects as printed by `kubectl describe`: those with a problem, by name, state and warnings."""

import re
from collections import Counter
from dataclasses import dataclass, field

from server.digests.recognisers.base import MOST_KEPT, computed, literal
from server.digests.values import Fact, Line, Part, Section

_STATUS = re.compile(r"^Status: +(?P<status>\S+)")
_PROBLEM = re.compile(
    r"^ +(?P<text>Reason: +(?!Completed)\S.*|Exit Code: +[1-9]\d*|Message: +\S.*|Restart Count: +[1-9]\d*"
    r"|(?:Ready|PodScheduled|Initialized|ContainersReady) +False\b.*)$"
)
_WARNING = re.compile(r"^ +Warning +(?P<text>\S.*)$")
_CONFIRMS = re.compile(r"^(?:Namespace|Labels|Annotations|Priority|Roles|API Version|CreationTimestamp): ")
_FIELD = re.compile(r"^(?:\s|[A-Z][A-Za-z ()/-]*:|$)")
_IMAGE = re.compile(r"^ +Image: +(?P<image>\S+)$")
_HEALTHY = ("Running", "Succeeded", "Active", "Bound")
_MOST_PROBLEMS = 10
_HEAD = 4
"""Number of lines within which an object must show a field that only Kubernetes prints."""


@dataclass(slots=True)
class _Object:
    name: Part
    status: Part | None = None
    image: Part | None = None
    problems: list[Part] = field(default_factory=list)
    warnings: list[Part] = field(default_factory=list)
    lines: int = 0
    is_confirmed: bool = False

    @property
    def is_sick(self) -> bool:
        status = self.status.text.split()[1] if self.status else "Running"
        return bool(self.problems or self.warnings) or status not in _HEALTHY


class DescribedObjects:
    """All objects in one output. Only objects with a problem are kept in full."""

    def __init__(self) -> None:
        self.count = 0
        self._states: Counter[str] = Counter()
        self._sick: list[_Object] = []
        self._more = 0
        self._current: _Object | None = None

    def begin(self, name: Part) -> None:
        """Begin an object."""
        self._finish()
        self._current = _Object(name)

    @property
    def is_open(self) -> bool:
        """Whether an object has begun but not ended."""
        return self._current is not None

    def add(self, line: Line) -> bool:
        """Read a line. Return whether it belongs to the current object."""
        current = self._current
        if current is None:
            return False
        current.lines += 1
        current.is_confirmed = current.is_confirmed or _CONFIRMS.match(line.text) is not None
        if not _FIELD.match(line.text) or (current.lines >= _HEAD and not current.is_confirmed):
            self._finish()
            return False
        self._note(current, line)
        return True

    def _note(self, current: _Object, line: Line) -> None:
        if _STATUS.match(line.text):
            current.status = literal(line)
        elif (found := _PROBLEM.match(line.text)) and len(current.problems) < _MOST_PROBLEMS:
            current.problems.append(literal(line, found["text"]))
        elif (found := _WARNING.match(line.text)) and len(current.warnings) < _MOST_PROBLEMS:
            current.warnings.append(literal(line, found["text"]))
        elif (found := _IMAGE.match(line.text)) and current.image is None:
            current.image = literal(line, found["image"])

    def facts(self) -> list[Fact]:
        """Return the counts, and a fact for each object with a problem."""
        self._finish()
        if not self.count:
            return []
        said = ", ".join(f"{state} {count}" for state, count in self._states.most_common(8))
        sick = len(self._sick) + self._more
        counts = f"{self.count:,} objects, {sick:,} with a problem" + (f": {said}" if said else "")
        found = [Fact(Section.RESULT, (computed(counts, 97),))]
        for place, each in enumerate(self._sick):
            worth = 90 - min(place // 2, 30)
            parts = [Part(each.name.text, each.name.line, worth)]
            parts += [Part(p.text, p.line, worth - 1 - 4 * i) for i, p in enumerate(each.warnings)]
            parts += [Part(p.text, p.line, worth - 2 - 3 * i) for i, p in enumerate(each.problems)]
            parts += [Part(p.text, p.line, worth - 20) for p in (each.status, each.image) if p is not None]
            found.append(Fact(Section.ERROR, tuple(parts)))
        return found

    def _finish(self) -> None:
        current, self._current = self._current, None
        if current is None or not current.is_confirmed:
            return
        self.count += 1
        if current.status is not None:
            self._states[current.status.text.split()[1]] += 1
        if not current.is_sick:
            return
        if len(self._sick) < MOST_KEPT:
            self._sick.append(current)
        else:
            self._more += 1
