"""kubectl: rows of unhealthy objects, counts by state, warning events."""

import re
from collections import Counter

from server.digests.recognisers.base import MOST_KEPT, Recogniser, computed, literal
from server.digests.values import Fact, Line, Part, Section

_HEADER = re.compile(r"^(?:NAMESPACE +)?(?:NAME|LAST SEEN|TYPE)(?: {2,}[A-Z][A-Z() -]*)+\s*$")
_READY = re.compile(r"\b(?P<ready>\d+)/(?P<wanted>\d+)\b")
_STATES = re.compile(
    r"\b(?:CrashLoopBackOff|Error|ErrImagePull|ImagePullBackOff|Pending|OOMKilled|Evicted|Terminating|Unknown|Failed|NotReady|"
    r"CreateContainerConfigError|Init:\S+|ContainerCreating|Running|Completed|Succeeded|Ready|Active|Bound|Lost|Warning|Normal)\b"
)
_HEALTHY = {"Running", "Completed", "Succeeded", "Ready", "Active", "Bound", "Normal"}
_DESCRIBED = re.compile(
    r"^ +(?P<what>(?:Reason|Exit Code|Message|State|Last State|Restart Count|Image): +\S.*)$"
)


class Kubectl(Recogniser):
    """kubectl get in table form, events, and the important lines of describe."""

    name = "kubectl"
    triggers = (
        r"^(?:NAMESPACE +)?(?:NAME|LAST SEEN|TYPE)(?: {2,}[A-Z][A-Z() -]*)+\s*$",
        r"^(?:Error from server|error: the server|The connection to the server)",
        r"^ +(?:Reason|Exit Code|Last State|Restart Count): ",
    )

    def __init__(self) -> None:
        super().__init__()
        self._rows = 0
        self._states: Counter[str] = Counter()
        self._sick: list[Part] = []
        self._restarted: list[Part] = []
        self._errors: list[Part] = []
        self._described: list[Part] = []
        self._header = ""

    def feed(self, line: Line) -> bool:
        text = line.text
        if _HEADER.match(text):
            self.open, self._header = True, text
            return True
        if text.startswith(("Error from server", "error: the server", "The connection to")):
            self._errors.append(literal(line))
            return True
        if found := _DESCRIBED.match(text):
            self._described.append(literal(line, found["what"]))
            return bool(self._header)
        if not self.open or not text.strip():
            self.open = False
            return False
        self._row(line)
        return True

    def facts(self) -> list[Fact]:
        if not (self._rows or self._errors):
            return []
        said = ", ".join(f"{state} {count}" for state, count in self._states.most_common(12))
        found = [Fact(Section.RESULT, (Part(p.text, p.line, 98),)) for p in self._errors[:10]]
        found.append(
            Fact(Section.RESULT, (computed(f"{self._rows:,} rows" + (f": {said}" if said else ""), 96),))
        )
        for section, worth, parts in (
            (Section.ERROR, 88, self._sick),
            (Section.WARNING, 68, self._restarted),
            (Section.NOTE, 60, self._described),
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
