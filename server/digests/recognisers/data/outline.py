"""Source code as an outline: definitions with their lines, imports, markers such as TODO."""

import re
from collections import Counter
from collections.abc import Sequence

from server.digests.recognisers.base import computed
from server.digests.values import Fact, Part, Section
from server.offload.code.languages import LANGUAGES, Language, language_of
from server.offload.code.syntax import definitions, imports, problems

_MARK = re.compile(r"\b(?:TODO|FIXME|XXX|HACK|BUG)\b")
_SIGNS = {
    "Python": re.compile(r"^(?:def |class |from \S+ import |import \w|@\w|async def )"),
    "Go": re.compile(r"^(?:package \w|func |import \(|type \w+ (?:struct|interface))"),
    "Rust": re.compile(r"^(?:use \w|pub (?:fn|struct|enum|mod)|fn |impl|mod \w|#\[)"),
    "Java": re.compile(
        r"^(?:package [\w.]+;|import [\w.*]+;|public (?:final )?(?:class|interface|enum|record))"
    ),
    "C": re.compile(r"^(?:#include |#define |static |typedef |struct \w+ \{)"),
    "TypeScript": re.compile(
        r"^(?:import .* from |export |interface |type \w+ =|const \w+ = |function |class )"
    ),
    "Ruby": re.compile(r"^(?:require |module \w|class \w|def |  def )"),
    "PHP": re.compile(r"^(?:<\?php|namespace |use [\w\\]+;|(?:final |abstract )?class )"),
}


def language_for(name: str, lines: Sequence[str]) -> Language | None:
    """Return the language of a source file from its name or, if it has none, from its content."""
    if name:
        named = language_of(name)
        return named if named is not None and named.has_definitions else None
    heads = [line for line in lines[:400] if line.strip()]
    if len(heads) < 10:
        return None
    best, most = "", 0
    for title, sign in _SIGNS.items():
        count = sum(sign.match(line) is not None for line in heads)
        if count > most:
            best, most = title, count
    if most < max(3, len(heads) // 20):
        return None
    language = next((each for each in LANGUAGES if each.name == best), None)
    if language is None or problems("\n".join(lines), language):
        return None
    return language


def outline_facts(text: str, lines: Sequence[str], language: Language) -> list[Fact]:
    """Return the definitions of a source file, outer definitions first."""
    data = definitions(text, language)
    if not data:
        return []
    starts = _starts(text)
    kinds = Counter(each.kind for each in data)
    told = ", ".join(f"{count} {kind}" for kind, count in kinds.most_common())
    found = [Fact(Section.RESULT, (computed(f"{language.name}: {told}", 97),))]
    brought = imports(text, language)
    if brought:
        found.append(
            Fact(Section.NOTE, (computed("imports: " + "; ".join(" ".join(b.split()) for b in brought), 58),))
        )
    for place, each in enumerate(data):
        first, last = _line_at(starts, each.head), _line_at(starts, max(each.end - 1, each.head))
        worth = max(90 - 12 * each.level - place // 8, 25)
        part = Part(lines[first - 1], first, worth)
        found.append(Fact(Section.NOTE, (part,), last=last))
    for place, (number, line) in enumerate(
        (number, line) for number, line in enumerate(lines, start=1) if _MARK.search(line)
    ):
        if place < 40:
            found.append(Fact(Section.WARNING, (Part(line, number, 64 - min(place, 30)),)))
    for place, problem in enumerate(problems(text, language)[:5]):
        shown = computed(f"syntax error at line {problem.line}: {problem.message}", 95 - place)
        found.append(Fact(Section.ERROR, (shown,)))
    return found


def _starts(text: str) -> list[int]:
    starts, at = [], 0
    for line in text.split("\n"):
        starts.append(at)
        at += len(line) + 1
    return starts


def _line_at(starts: Sequence[int], offset: int) -> int:
    low, high = 0, len(starts)
    while low < high:
        middle = (low + high) // 2
        if starts[middle] <= offset:
            low = middle + 1
        else:
            high = middle
    return max(low, 1)
