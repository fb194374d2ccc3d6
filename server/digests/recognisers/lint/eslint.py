"""ESLint's stylish report (and stylelint's similar one): counts, errors by rule, warnings by rule."""

import re

from server.digests.frames import short_place
from server.digests.recognisers.base import Ends, Recogniser, literal
from server.digests.recognisers.diagnostics import Diagnostics
from server.digests.values import Fact, Line, Part, Section

_ROW = re.compile(
    r"^ +(?P<place>\d+:\d+) {2,}(?P<severity>error|warning|✖|"
    r"⚠) {2,}(?P<text>\S.*?)(?: {2,}(?P<rule>[@\w/-]+))?$"
)
_COMPACT = re.compile(
    r"^(?P<file>\S.*): line (?P<line>\d+), col \d+, (?P<severity>Error|"
    r"Warning) - (?P<text>.*?)(?: \((?P<rule>[@\w/-]+)\))?$"
)
_FILE = re.compile(r"^(?:/|[A-Za-z]:\\|\.{0,2}[\w@-]).*\.\w+$")
_TOTAL = re.compile(r"^(?:✖ |[×x] )?\d+ problems? \(\d+ errors?, \d+ warnings?\)|^\d+ problems?$")


class Eslint(Recogniser):
    """ESLint's stylish and compact formats."""

    name = "eslint"
    triggers = (
        r"^ +\d+:\d+ {2,}(?:error|warning|✖|⚠) {2,}\S",
        r"^(?:✖ |[×x] )?\d+ problems? \(\d+ errors?, \d+ warnings?",
        r"^ +\d+ errors? and \d+ warnings? potentially fixable",
        r"^(?:/|[A-Za-z]:\\|\.{0,2}[\w@-])\S*\.(?:[cm]?[jt]sx?|vue|svelte|astro|json|s?css|less)$",
        r": line \d+, col \d+, (?:Error|Warning) - ",
    )

    def __init__(self) -> None:
        super().__init__()
        self._diagnostics = Diagnostics()
        self._file: Part | None = None
        self._totals: Ends[Part] = Ends()
        self._rows = 0

    def feed(self, line: Line) -> bool:
        text = line.text
        if found := _ROW.match(text):
            self._row(line, found)
            return True
        if found := _COMPACT.match(text):
            rule = literal(line, found["rule"]) if found["rule"] else None
            place = literal(line, f"{found['file']}: line {found['line']}")
            self._diagnostics.add(found["severity"].lower(), literal(line, found["text"]), place, rule)
            self._rows += 1
            return True
        if _TOTAL.match(text) or "potentially fixable" in text:
            self._totals.append(literal(line))
            return True
        if _FILE.match(text):
            self._file = literal(line, short_place(text))
        return False

    def facts(self) -> list[Fact]:
        if not self._rows or not (self._totals or self._rows > 2):
            return []
        worths = (100, 92, 80)
        found = [
            Fact(Section.RESULT, (Part(part.text, part.line, worths[min(i, 2)]),))
            for i, part in enumerate(self._totals[:6])
        ]
        return found + self._diagnostics.facts()

    def _row(self, line: Line, found: re.Match[str]) -> None:
        self._rows += 1
        severity = {"✖": "error", "⚠": "warning"}.get(found["severity"], found["severity"])
        rule = literal(line, found["rule"]) if found["rule"] else None
        details = [literal(line, found["place"])]
        self._diagnostics.add(severity, literal(line, found["text"]), self._file, rule, details)
