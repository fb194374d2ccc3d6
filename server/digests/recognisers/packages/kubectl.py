"""kubectl: rows of unhealthy objects, counts by state, warning events."""

import re
from collections import Counter

from server.digests.recognisers.base import MOST_KEPT, Ends, Recogniser, computed, literal
from server.digests.recognisers.packages.described import DescribedObjects
from server.digests.values import Fact, Line, Part, Section

_HEADER = re.compile(r"^(?:NAMESPACE +)?(?:NAME|LAST SEEN|TYPE)(?: {2,}[A-Z][A-Z() -]*)+\s*$")
_READY = re.compile(r"\b(?P<ready>\d+)/(?P<wanted>\d+)\b")
_STATES = re.compile(
    r"\b(?:CrashLoopBackOff|Error|ErrImagePull|ImagePullBackOff|Pending|OOMKilled|Evicted|Terminating|Unknown|Failed|NotReady|"
    r"CreateContainerConfigError|Init:\S+|ContainerCreating|Running|Completed|Succeeded|Ready|Active|Bound|Lost|Warning|Normal)\b"
)
_HEALTHY = {"Running", "Completed", "Succeeded", "Ready", "Active", "Bound", "Normal"}
_NAME = re.compile(r"^Name: {2,}(?P<name>\S+)$")


class Kubectl(Recogniser):
    """kubectl get in table form, events, and the important lines of kubectl describe."""

    name = "kubectl"
    triggers = (
        r"^(?:NAMESPACE +)?(?:NAME|LAST SEEN|TYPE)(?: {2,}[A-Z][A-Z() -]*)+\s*$",
        r"^(?:Error from server|error: the server|The connection to the server)",
        r"^Name: {2,}\S+$",
    )

    def __init__(self) -> None:
        super().__init__()
        self._rows = 0
        self._states: Counter[str] = Counter()
        self._sick: Ends[Part] = Ends()
        self._restarted: Ends[Part] = Ends()
        self._errors: Ends[Part] = Ends()
        self._objects = DescribedObjects()
        self._header = ""

    def feed(self, line: Line) -> bool:
        text = line.text
        if _HEADER.match(text):
            self.open, self._header = True, text
            return True
        if text.startswith(("Error from server", "error: the server", "The connection to")):
            self._errors.append(literal(line))
            return True
        if found := _NAME.match(text):
            self._objects.begin(literal(line, found["name"]))
            self.open, self._header = True, ""
            return True
        if self._objects.is_open:
            self.open = self._objects.add(line)
            return self.open
        if not self.open or not text.strip():
            self.open = False
            return False
        self._row(line)
        return True

    def facts(self) -> list[Fact]:
        described = self._objects.facts()
        if not (self._rows or self._errors or described):
            return []
        said = ", ".join(f"{state} {count}" for state, count in self._states.most_common(12))
        found = [Fact(Section.RESULT, (Part(p.text, p.line, 98),)) for p in self._errors[:10]]
        found += described
        if self._rows:
            rows = computed(f"{self._rows:,} rows" + (f": {said}" if said else ""), 96)
            found.append(Fact(Section.RESULT, (rows,)))
        for section, worth, parts in (
            (Section.ERROR, 88, self._sick),
            (Section.WARNING, 68, self._restarted),
        ):
            found += [
                Fact(section, (Part(p.text, p.line, worth - min(i // 2, 40)),)) for i, p in enumerate(parts)
            ]
        return found

    def _row(self, line: Line) -> None:
        self._rows += 1
        states = _STATES.findall(line.text)
        if states:
            self._states[states[0]] += 1
        ready = _READY.search(line.text)
        sick = any(state not in _HEALTHY for state in states)
        short = ready is not None and ready["ready"] != ready["wanted"] and "Completed" not in states
        if (sick or short) and len(self._sick) < MOST_KEPT:
            self._sick.append(literal(line))
        elif re.search(r"\s[1-9]\d* \(.+ ago\)", line.text) and len(self._restarted) < MOST_KEPT:
            self._restarted.append(literal(line))
