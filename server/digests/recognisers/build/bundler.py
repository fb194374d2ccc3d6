"""Builds by Vite, Rollup, webpack and esbuild: results, errors, warnings, and the largest files."""

import re
from dataclasses import dataclass, field

from server.digests.recognisers.base import MOST_KEPT, Ends, Recogniser, computed, literal
from server.digests.values import Fact, Line, Part, Section

_AMOUNT = r"(?P<number>\d[\d,]*(?:\.\d+)?) ?(?P<unit>bytes|[kmg]?i?b)\b"
_FILE = re.compile(
    rf"^ *(?:asset )?(?P<path>[\w@./\\\[\]~!-]+\.\w{{1,8}}) +{_AMOUNT}"
    r"(?P<rest> *(?:$|[│|\[({⚠].*|compared .*))",
    re.IGNORECASE,
)
_GROUP = re.compile(
    r"^ *(?:(?:assets|modules) by (?:path|status|info|chunk|layer)"
    r"|(?:orphan|runtime|cacheable|asset|javascript) modules"
    rf"|asset|(?=\S*[./])\S+) .*?{_AMOUNT}.*$|^ *(?:\+|\|) .*|^ *\d+ related assets?$",
    re.IGNORECASE,
)
_RESULT = re.compile(
    r"^(?:[✓✔x✗] )?(?:built in [\d.]|[Bb]uild failed in |\d+ modules transformed|vite v\d\S* building)"
    r"|^webpack \d\S* compiled |^(?:created|Done in) .* in [\d.]+ ?m?s|^\d+ (?:errors?|warnings?)$"
    r"|^⚡ Done in |^webpack compiled "
)
_HEAD = re.compile(
    r"^(?:\d+ )?(?P<level>ERROR|WARNING) in(?P<text> .*)$"
    r"|^(?P<bang>\(!\)) (?P<note>\S.*)$"
    r"|^(?P<sign>[✘▲X]) \[(?P<word>ERROR|WARNING)\] (?P<said>.*)$"
    r"|^(?P<during>error during build):(?P<more>.*)$"
    r"|^(?P<at>\S+\.\w{1,8} \(\d+:\d+\)): (?P<rollup>\S.*)$"
)
_STAGES = re.compile(r"^(?:transforming|rendering chunks|computing gzip size|watching for file changes)\b.*$")
_CHAIN = re.compile(r"^ *@ \S")
_SCALE = {"k": 1_000, "m": 1_000_000, "g": 1_000_000_000}
_MOST_DETAILS = 5
_MOST_BLANK = 1
_LARGEST = 6
_LISTED = 20


@dataclass(slots=True)
class _Message:
    head: Part
    severe: bool
    details: list[Part] = field(default_factory=list)
    count: int = 1
    last: int = 0


class Bundler(Recogniser):
    """The report at the end of a bundler's build."""

    name = "bundler"
    triggers = (
        r"(?i)^ *(?:asset )?[\w@./\\\[\]~!-]+\.\w{1,8} +\d[\d,]*(?:\.\d+)? ?(?:bytes|[kmg]?i?b)\b",
        r"^(?:\d+ )?(?:ERROR|WARNING) in ",
        r"^\(!\) ",
        r"^[✘▲X] \[(?:ERROR|WARNING)\] ",
        r"^error during build:",
        r"^\S+\.\w{1,8} \(\d+:\d+\): \S",
        r"^(?:[✓✔x✗] )?(?:built in [\d.]|[Bb]uild failed in |\d+ modules transformed|vite v\d)",
        r"^(?:webpack .*compiled |⚡ Done in |created .* in [\d.]+ ?m?s)",
        r"^(?:transforming|rendering chunks|computing gzip size)\b",
        r"^ *(?:assets|modules) by (?:path|status|info|chunk|layer) ",
        r"^ *(?:orphan|runtime|cacheable) modules ",
        r"^ *\./\S+.* \[built\]",
    )

    def __init__(self) -> None:
        super().__init__()
        self._files: list[tuple[float, Part]] = []
        self._total = 0
        self._results: Ends[Part] = Ends()
        self._messages: dict[tuple[str, ...], _Message] = {}
        self._current: _Message | None = None
        self._blank = 0

    def feed(self, line: Line) -> bool:
        text = line.text
        if found := _HEAD.match(text):
            self._begin(
                line, severe=(found["level"] or found["word"] or found["during"]) not in (None, "WARNING")
            )
            return True
        if _RESULT.match(text):
            self._results.append(literal(line))
            self._end()
            return True
        if found := _FILE.match(text):
            self._end()
            self._total += 1
            if len(self._files) < MOST_KEPT:
                self._files.append((_size(found["number"], found["unit"]), literal(line)))
            return True
        if _STAGES.match(text):
            self._end()
            return True
        if self._current is not None and self._detail(self._current, line):
            return True
        return _GROUP.match(text) is not None

    def facts(self) -> list[Fact]:
        self._end()
        if not (self._results and (self._files or self._messages or len(self._results) > 1)):
            return []
        found = [
            Fact(Section.RESULT, (Part(p.text, p.line, 97 - min(i, 20)),))
            for i, p in enumerate(reversed(self._results))
        ]
        for severe, section, highest in ((True, Section.ERROR, 91), (False, Section.WARNING, 74)):
            for place, each in enumerate(m for m in self._messages.values() if m.severe is severe):
                worth = highest - min(place // 2, 30)
                parts = [Part(each.head.text, each.head.line, worth)]
                parts += [Part(p.text, p.line, worth - 2 - 5 * i) for i, p in enumerate(each.details)]
                found.append(Fact(section, tuple(parts), each.count, each.last if each.count > 1 else 0))
        return [*found, *self._file_facts()]

    def _file_facts(self) -> list[Fact]:
        if not self._files:
            return []
        ordered = sorted(self._files, key=lambda each: -each[0])
        label = computed(f"{self._total:,} files, the largest", 82)
        parts = (Part(p.text, p.line, 81 - 3 * i) for i, (_, p) in enumerate(ordered[:_LARGEST]))
        rest = (
            Part(p.text, p.line, 40 - min(i // 4, 20)) for i, (_, p) in enumerate(ordered[_LARGEST:_LISTED])
        )
        return [Fact(Section.NOTE, (label, *parts)), *(Fact(Section.REST, (part,)) for part in rest)]

    def _begin(self, line: Line, *, severe: bool) -> None:
        self._end()
        self._current = _Message(literal(line), severe, last=line.number)
        self.open, self._blank = True, 0

    def _detail(self, current: _Message, line: Line) -> bool:
        """Add a line to the current message. It ends at a blank line, unless its indented details follow."""
        if not line.text.strip():
            self._blank += 1
            if current.details or self._blank > _MOST_BLANK:
                self._end()
            return False
        if self._blank and not line.text.startswith(" "):
            self._end()
            return False
        if len(current.details) < _MOST_DETAILS and not _CHAIN.match(line.text):
            current.details.append(literal(line))
        return True

    def _end(self) -> None:
        current, self._current, self.open = self._current, None, False
        if current is None:
            return
        said = tuple(part.text for part in (current.head, *current.details))
        if known := self._messages.get(said):
            known.count += 1
            known.last = current.last
        elif len(self._messages) < MOST_KEPT:
            self._messages[said] = current


def _size(number: str, unit: str) -> float:
    return float(number.replace(",", "")) * _SCALE.get(unit[0].casefold(), 1)
