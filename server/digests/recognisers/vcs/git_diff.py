"""git diff: files with added and removed lines, new, deleted, renamed and binary files, changed places."""

import re
from dataclasses import dataclass, field

from server.digests.fold import Kind, key_of
from server.digests.general import of_kind
from server.digests.recognisers.base import MOST_KEPT, Ends, Recogniser, computed, literal
from server.digests.values import Fact, Line, Part, Section

_FILE = re.compile(r"^diff --(?:git a/.+ b/|cc )(?P<name>.+)$")
_HUNK = re.compile(r"^@@+ -\d+(?:,\d+)? \+(?P<start>\d+)(?:,\d+)? @@+ ?(?P<context>.*)$")
_STATE = re.compile(
    r"^(?:new file mode|deleted file mode|rename from|rename to|copy from|copy to|Binary files|GIT binary|"
    r"old mode|new mode|similarity index)"
)
_DEFINITION = re.compile(
    r"^[+-]\s*(?:export |public |private |static |async |pub )*(?:def|class|function|func|fn|interface|"
    r"struct|enum|const|type) \w+"
)
_CONFLICT = re.compile(r"^[+ -]{1,2}(?:<<<<<<<|>>>>>>>) ")


@dataclass(slots=True)
class _File:
    name: Part
    added: int = 0
    removed: int = 0
    states: list[Part] = field(default_factory=list)
    places: list[Part] = field(default_factory=list)


class GitDiff(Recogniser):
    """Unified diffs as git writes them."""

    name = "git diff"
    triggers = (r"^diff --(?:git|cc) ",)

    def __init__(self) -> None:
        super().__init__()
        self._files: list[_File] = []
        self._added = self._removed = self._count = 0
        self._in_hunk = False
        self._conflicts: Ends[Part] = Ends()
        self._kinds: dict[str, Kind] = {}

    def feed(self, line: Line) -> bool:
        text = line.text
        if found := _FILE.match(text):
            self._count += 1
            self.open, self._in_hunk = True, False
            if len(self._files) < MOST_KEPT:
                self._files.append(_File(literal(line, found["name"])))
            return True
        if not self._files:
            return False
        file = self._files[-1]
        if found := _HUNK.match(text):
            self._in_hunk = True
            if found["context"] and len(file.places) < 8:
                file.places.append(literal(line, found["context"]))
            return True
        if not self._in_hunk:
            if _STATE.match(text):
                file.states.append(literal(line))
            return text.startswith(("index ", "--- ", "+++ ")) or bool(file.states)
        return self._changed(file, line)

    def facts(self) -> list[Fact]:
        if not self._files:
            return []
        total = f"{self._count:,} files changed, {self._added:,} lines added, {self._removed:,} removed"
        found = [Fact(Section.RESULT, (computed(total, 98),))]
        found += [Fact(Section.ERROR, (Part(p.text, p.line, 95),)) for p in self._conflicts[:20]]
        for place, file in enumerate(sorted(self._files, key=lambda file: -(file.added + file.removed))):
            worth = max(86 - place, 50)
            parts = [
                Part(file.name.text, file.name.line, worth),
                computed(f"+{file.added} -{file.removed}", worth),
            ]
            parts += [Part(p.text, p.line, worth - 2) for p in file.states if "similarity" not in p.text]
            parts += [Part(p.text, p.line, worth - 30 - 3 * i) for i, p in enumerate(file.places)]
            found.append(Fact(Section.NOTE, tuple(parts)))
        for place, kind in enumerate(sorted(self._kinds.values(), key=lambda kind: -kind.count)[:20]):
            found += of_kind(Section.REST, kind, 66 - 2 * place)
        return found

    def _changed(self, file: _File, line: Line) -> bool:
        text = line.text
        if _CONFLICT.match(text):
            self._conflicts.append(literal(line))
        if text.startswith("+"):
            file.added += 1
            self._added += 1
        elif text.startswith("-"):
            file.removed += 1
            self._removed += 1
        elif text and not text.startswith((" ", "\\")):
            self.open = self._in_hunk = False
            return False
        if text.startswith(("+", "-")) and len(text) > 4:
            key = key_of(text[:200])
            if key in self._kinds:
                self._kinds[key].add(line.number, text, 1)
            elif len(self._kinds) < MOST_KEPT:
                self._kinds[key] = Kind(line.number, text)
        if len(file.places) < 12 and _DEFINITION.match(text):
            file.places.append(literal(line))
        return True
