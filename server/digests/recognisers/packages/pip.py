"""pip: installed packages, conflicts with their causes, packages that could not be built or found."""

import re
from typing import TypeVar

from server.digests.recognisers.base import MOST_KEPT, Ends, Recogniser, computed, literal
from server.digests.values import Fact, Line, Part, Section

_QUIET = re.compile(
    r"^ *(?:Collecting|Downloading|Using cached|Requirement already satisfied|Processing|Preparing metadata|"
    r"Installing (?:build|backend|collected)|Getting requirements|Building wheel|Created wheel|Stored in|"
    r"Obtaining|"
    r"Looking in|━|Attempting uninstall|Found existing|Uninstalling|Preparing (?:wheel|editable)|"
    r"Checking if build)"
)
_DEPENDS = re.compile(r"^ {2,}(?P<who>\S+(?: \S+)?) (?P<what>depends on .+)$")
_REQUESTED = re.compile(r"^ {2,}The user requested .+$")
_RESULT = re.compile(
    r"^(?:Successfully (?:installed|uninstalled|built) |ERROR: |error: |Would install |Failed to build )"
)
_NOTE = re.compile(r"^(?:WARNING: |DEPRECATION: |INFO: |\[notice\] |  (?:WARNING|DEPRECATION|NOTE): )")
_Key = TypeVar("_Key")


class Pip(Recogniser):
    """pip install, wheel, download and uninstall."""

    name = "pip"
    triggers = (
        r"^ *(?:Collecting|Requirement already satisfied:|Using cached|Processing \./|Processing /|"
        r"Obtaining file:) ?\S",
        r"^(?:Successfully installed|Installing collected packages:) ",
        r"^ERROR: (?:Cannot install|Could not find a version|No matching distribution|ResolutionImpossible|"
        r"Failed |Could not )",
        r"^The conflict is caused by:|^To fix this you could try to",
        r"^INFO: (?:pip is|This is taking longer)",
    )

    def __init__(self) -> None:
        super().__init__()
        self._results: Ends[Part] = Ends()
        self._notes: dict[str, Ends[Part]] = {}
        self._depends: dict[tuple[str, str], Ends[Part]] = {}
        self._advice: Ends[Part] = Ends()
        self._collected: Ends[Part] = Ends()
        self._seen = 0
        self._context: Ends[Part] = Ends()

    def feed(self, line: Line) -> bool:
        self._seen += 1
        self.open = True
        text = line.text
        if not text.strip():
            return True
        if _RESULT.match(text):
            self._results.append(literal(line))
        elif _NOTE.match(text):
            key = re.sub(r"\d+|\bstill ", "", text)
            _add(self._notes, key, literal(line))
        elif found := _DEPENDS.match(text):
            package = found["who"].split()[0]
            _add(self._depends, (package, found["what"]), literal(line))
        elif _REQUESTED.match(text):
            _add(self._depends, (text, ""), literal(line))
        elif re.match(r"^(?:\d+\. |To fix this|The conflict is caused)", text):
            self._advice.append(literal(line))
        elif _QUIET.match(text):
            if text.startswith(("Collecting ", "Processing ", "Obtaining ")):
                self._collected.append(literal(line))
        elif re.match(r"^ *(?:[×╰│─]|note: |hint: )", text) or "error: " in text.casefold():
            self._context.append(literal(line))
        else:
            return False
        return True

    def facts(self) -> list[Fact]:
        if self._seen < 3 or not (self._results or self._collected):
            return []
        found = [
            Fact(Section.RESULT, (_at(p, 98 - min(i, 30)),)) for i, p in enumerate(_ends(self._results, 40))
        ]
        found += [Fact(Section.ERROR, (_at(p, 84 - min(i, 24)),)) for i, p in enumerate(self._context[:40])]
        for place, parts in enumerate(self._depends.values()):
            worth = 86 - min(place, 20)
            shown = [_at(parts[0], worth), *([_at(parts[-1], worth - 4)] if len(parts) > 1 else [])]
            found.append(Fact(Section.ERROR, tuple(shown), parts.total, parts[-1].line))
        found += [Fact(Section.NOTE, (_at(p, 70 - min(i, 9)),)) for i, p in enumerate(self._advice[:9])]
        for place, parts in enumerate(list(self._notes.values())[:60]):
            worth = 62 - min(place, 20)
            found.append(Fact(Section.WARNING, (_at(parts[0], worth),), parts.total, parts[-1].line))
        if self._collected:
            label = computed(f"{self._collected.total:,} packages or versions looked at", 56)
            ends = (_at(self._collected[0], 40), _at(self._collected[-1], 44))
            found.append(Fact(Section.NOTE, (label, *ends), last=self._collected[-1].line))
        return found


def _add(groups: dict[_Key, Ends[Part]], key: _Key, part: Part) -> None:
    """Add a part to its group, unless that group is new and there are already too many."""
    if key in groups or len(groups) < MOST_KEPT:
        groups.setdefault(key, Ends()).append(part)


def _ends(parts: list[Part], most: int) -> list[Part]:
    """Return the first and last few elements of a long list."""
    return parts if len(parts) <= most else [*parts[-most // 2 :], *parts[: most // 2]]


def _at(part: Part, worth: int) -> Part:
    return Part(part.text, part.line, worth)
