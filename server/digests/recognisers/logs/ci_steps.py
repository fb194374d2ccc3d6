"""Logs of CI jobs in GitHub Actions and Azure Pipelines: steps, the step that failed, errors, warnings."""

import re

from server.digests.recognisers.base import Ends, Recogniser, computed, literal
from server.digests.recognisers.diagnostics import Diagnostics
from server.digests.values import Fact, Line, Part, Section

_MARK = re.compile(
    r"^(?:##\[(?P<azure>\w+)\]|::(?P<github>error|warning|notice|group|endgroup)(?: [^:]*)?::)(?P<text>.*)$"
)
_STEP = re.compile(r"(?:Run|Starting:|Post|Complete job|Set up job)\b")
_RESULT = re.compile(r"(?:Process completed with exit code|Bash exited with code|The job was cancel)")
_QUIET = frozenset({"group", "endgroup", "section", "command", "debug", "notice", "add-matcher"})
_MOST_STEPS = 40


class CiSteps(Recogniser):
    """The marks that a CI runner adds to the output of the commands it runs."""

    name = "ci log"
    triggers = (r"^##\[\w+\]", r"^::(?:error|warning|notice|group|endgroup)(?: [^:]*)?::")

    def __init__(self) -> None:
        super().__init__()
        self._marks = 0
        self._steps: Ends[Part] = Ends()
        self._errors: Ends[tuple[Part, Part | None]] = Ends()
        self._results: Ends[tuple[Part, Part | None]] = Ends()
        self._warnings = Diagnostics()

    def feed(self, line: Line) -> bool:
        found = _MARK.match(line.text)
        if found is None:
            return False
        self._marks += 1
        kind = (found["azure"] or found["github"]).casefold()
        part = literal(line, found["text"])
        if kind in ("error", "warning") and not part.text:
            return True
        step = self._steps[-1] if self._steps else None
        if kind == "error":
            (self._results if _RESULT.match(part.text) else self._errors).append((part, step))
        elif kind == "warning":
            self._warnings.add("warning", part)
        elif kind in ("group", "section") and _STEP.match(part.text):
            self._steps.append(part)
        elif kind not in _QUIET:
            return False
        return True

    def facts(self) -> list[Fact]:
        if self._marks < 2:
            return []
        errors = self._errors.total + self._results.total
        label = computed(f"CI job: {self._steps.total} steps, {errors} errors", 96)
        found = [Fact(Section.RESULT, (label,))]
        for section, highest, parts in (
            (Section.RESULT, 97, self._results),
            (Section.ERROR, 91, self._errors),
        ):
            for place, (part, step) in enumerate(parts):
                worth = highest - min(place, 40)
                shown = [Part(part.text, part.line, worth)]
                if step is not None:
                    shown = [Part(step.text, step.line, worth - 1), *shown]
                found.append(Fact(section, tuple(shown)))
        steps = (Part(p.text, p.line, 46 - min(i // 2, 16)) for i, p in enumerate(self._steps[:_MOST_STEPS]))
        return [*found, *self._warnings.facts(), *(Fact(Section.NOTE, (part,)) for part in steps)]
