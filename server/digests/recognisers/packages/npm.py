"""npm, yarn and pnpm: errors with their code and cause, warnings, audit and added packages."""

import re

from server.digests.recognisers.base import MOST_KEPT, Ends, Recogniser, literal
from server.digests.recognisers.diagnostics import Diagnostics
from server.digests.values import Fact, Line, Part, Section

_LINE = re.compile(
    r"^(?:npm|gyp) (?P<level>error|ERR!|warn|WARN|notice|info|verb\w*|http|sill)(?: (?P<text>.*))?$"
)
_RESULT = re.compile(
    r"^(?:added|removed|changed|up to date|audited)\b.*(?:package|in \d)|^\d+ (?:low|moderate|high|critical|"
    r"vulnerabilit)|"
    r"^found \d+ vulnerabilit|^\d+ packages are looking for funding"
)
_AUDIT = re.compile(
    r"^(?P<name>[@\w./-]+) {2}(?P<range>[<>=*].*)$|^Severity: \w+|^fix available|^No fix available"
)
_QUIET = re.compile(r"^(?:A complete log|Log files|stack *$|stack +at |[{}]?$)")


class Npm(Recogniser):
    """npm install, ci, run, audit, ls."""

    name = "npm"
    triggers = (
        r"^(?:npm|gyp) (?:error|ERR!|warn|WARN|notice|verbose|http|info|sill)(?:\s|$)",
        r"^(?:added|removed|changed|up to date|audited) .*(?:package|in \d)",
        r"^\d+ (?:low|moderate|high|critical|vulnerabilit)|^found \d+ vulnerabilit",
        r"^Severity: (?:low|moderate|high|critical)",
    )

    def __init__(self) -> None:
        super().__init__()
        self._errors: Ends[Part] = Ends()
        self._results: Ends[Part] = Ends()
        self._warnings = Diagnostics()
        self._audit: Ends[Part] = Ends()
        self._lines = 0
        self._package: Part | None = None

    def feed(self, line: Line) -> bool:
        text = line.text
        if found := _LINE.match(text):
            self._lines += 1
            self._message(line, found["level"].casefold(), found["text"] or "")
            return True
        if _RESULT.match(text):
            self._results.append(literal(line))
            return True
        if _AUDIT.match(text):
            self._audit.append(literal(line))
            self.open = True
            return True
        return False

    def facts(self) -> list[Fact]:
        if not (self._lines or self._results):
            return []
        found = [
            Fact(Section.RESULT, (Part(p.text, p.line, 92 - min(i, 20)),))
            for i, p in enumerate(self._results[:30])
        ]
        found += [
            Fact(Section.ERROR, (Part(p.text, p.line, 90 - min(i, 40)),))
            for i, p in enumerate(self._errors[:200])
        ]
        found += [
            Fact(Section.WARNING, (Part(p.text, p.line, 70 - min(i, 40)),))
            for i, p in enumerate(self._audit[:100])
        ]
        return found + self._warnings.facts()

    def _message(self, line: Line, level: str, text: str) -> None:
        if level in ("error", "err!"):
            if not _QUIET.match(text) and len(self._errors) < MOST_KEPT:
                self._errors.append(literal(line, text))
        elif level == "warn":
            words = text.split(" ", 1)
            if len(words) == 2 and re.fullmatch(r"[a-zA-Z]+", words[0]):
                self._warnings.add("warning", literal(line, words[1]), None, literal(line, words[0]))
            elif text:
                self._warnings.add("warning", literal(line, text))
