"""docker build: the failed step with its output, steps and cached steps, Dockerfile warnings."""

import re

from server.digests.recognisers.base import Ends, Recogniser, computed, literal
from server.digests.values import Fact, Line, Part, Section

_STEP = re.compile(
    r"^(?:#\d+ |=> )?\[(?P<stage>[\w.-]+ )?+\d+/\d+\] (?P<what>\S.*)$|^Step \d+/\d+ : (?P<old>.+)$"
)
_ERROR = re.compile(
    r"^(?:#\d+ )?ERROR: .+$|^failed to solve: |^The command '.+' returned a non-zero code|"
    r"^(?:Error response from daemon|Cannot connect)"
)
_WARNING = re.compile(r"^ ?- \w+: .+ \(line \d+\)$|^(?:\d+ warnings? found|WARN(?:ING)?: .+)")
_EXCERPT = re.compile(r"^ *(?:>>> )?\d* *\| (?P<mark>>>> )?.*$|^ *\d+ \| >>> .+$")
_QUIET = re.compile(
    r"^#\d+ (?:CACHED|DONE|sha256:|transferring|resolve|extracting|naming|exporting|writing|\.\.\.)|^ ---> |"
    r"^Removing intermediate|^-{4,}$|^ > "
)


class Docker(Recogniser):
    """BuildKit's plain progress and the classic builder."""

    name = "docker build"
    triggers = (
        r"^#\d+ (?:\[|CACHED|DONE|ERROR|sha256|transferring|resolve|exporting|naming)",
        r"^Step \d+/\d+ : ",
        r"^ERROR: failed to (?:solve|build)",
        r"^Dockerfile:\d+$",
        r"^ ?- \w+: .+ \(line \d+\)$",
        r"^ *\d+ \| (?:>>> )?",
        r"^Successfully (?:built|tagged) |^The command '.+' returned",
    )

    def __init__(self) -> None:
        super().__init__()
        self._steps: Ends[Part] = Ends()
        self._errors: Ends[Part] = Ends()
        self._warnings: Ends[Part] = Ends()
        self._excerpt: Ends[Part] = Ends()
        self._cached = 0
        self._ends: Ends[Part] = Ends()

    def feed(self, line: Line) -> bool:
        text = line.text
        if _ERROR.match(text):
            self._errors.append(literal(line))
        elif _STEP.match(text):
            self._steps.append(literal(line))
        elif _WARNING.match(text):
            self._warnings.append(literal(line))
        elif _EXCERPT.match(text) or re.match(r"^Dockerfile:\d+$", text):
            if ">>>" in text or text.startswith("Dockerfile:"):
                self._excerpt.append(literal(line))
        elif text.startswith("Successfully "):
            self._ends.append(literal(line))
        else:
            self._cached += " CACHED" in text[:12]
            return _QUIET.match(text) is not None
        return bool(self._steps)

    def facts(self) -> list[Fact]:
        if not self._steps:
            return []
        found = [
            Fact(Section.RESULT, (Part(p.text, p.line, 98 - min(i, 10)),))
            for i, p in enumerate(self._ends[-3:])
        ]
        found += [
            Fact(Section.RESULT, (Part(p.text, p.line, 97 - min(i, 20)),))
            for i, p in enumerate(self._errors[-8:])
        ]
        found += [
            Fact(Section.ERROR, (Part(p.text, p.line, 88 - i),)) for i, p in enumerate(self._excerpt[:6])
        ]
        found += [
            Fact(Section.WARNING, (Part(p.text, p.line, 66 - min(i, 20)),))
            for i, p in enumerate(self._warnings)
        ]
        cached = f", {self._cached} cached" if self._cached else ""
        found.append(Fact(Section.NOTE, (computed(f"{self._steps.total:,} lines of steps{cached}", 60),)))
        last = self._steps[-1]
        return [*found, Fact(Section.NOTE, (computed("last step", 71), Part(last.text, last.line, 72)))]
