"""The local model's answer to a question: it sees facts of the texts, and says only what a fact backs."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from server.digests.compress.backed import Backing, backing_of
from server.digests.engine import Findings, is_severe
from server.digests.layout import squeezed
from server.digests.values import Fact

MOST_SENTENCES = 4
SHOWN_CHARS = 5_000
"""Characters of the facts that the model sees: some 1,500 tokens, half a minute of a small model on a CPU."""
LONGEST_PART = 300
LONGEST_SENTENCE = 300
SUMMARY = "What does this say? Name the most important statements."
"""The question about prose for which the caller names no focus."""
_ANSWERED = re.compile(r"\W{0,4}(\d{1,3})(?:\s*[,-]\s*\d{1,3})*\W+(?=\w)(.+)")


@dataclass(frozen=True, slots=True)
class Place:
    """A fact and where it comes from: the index of its text, and its own among the facts of that text."""

    text: int
    index: int
    fact: Fact


@dataclass(frozen=True, slots=True)
class Said:
    """A sentence of the model that a fact backs."""

    sentence: str
    place: Place
    backing: Backing


@dataclass(frozen=True, slots=True)
class Answer:
    """What remains of the model's answer, and what was dropped of it.

    ``named`` are facts that it pointed to without a sentence that they back: they are quoted instead.
    """

    said: tuple[Said, ...] = ()
    named: tuple[Place, ...] = ()
    dropped: tuple[str, ...] = ()


def facts_to_show(findings: Sequence[Findings], most_chars: int = SHOWN_CHARS) -> tuple[Place, ...]:
    """Return the facts with literal lines that the model should see, the best first."""
    places = [
        Place(text, index, fact)
        for text, each in enumerate(findings)
        for index, fact in enumerate(each.facts)
        if any(part.line for part in fact.parts) and not fact.template
    ]
    chosen: list[Place] = []
    seen: set[str] = set()
    room = most_chars
    for place in sorted(places, key=lambda each: -each.fact.worth):
        shown = _shown(place.fact)
        if shown in seen or len(shown) + 6 > room:
            continue
        seen.add(shown)
        room -= len(shown) + 6
        chosen.append(place)
    return tuple(chosen)


def facts_as_text(places: Sequence[Place]) -> str:
    """Return the facts as the model reads them."""
    return "\n".join(f"[{number}] {_shown(place.fact)}" for number, place in enumerate(places, start=1))


def checked(text: str, places: Sequence[Place], *, cut: bool) -> Answer:
    """Return what the facts back of an answer; its last line goes if the answer was ``cut``."""
    said: dict[str, Said] = {}
    named: list[Place] = []
    dropped: list[str] = []
    lines = text.splitlines()[: -1 if cut else None]
    for number, sentence in _sentences(lines):
        cited = [places[number - 1]] if 0 < number <= len(places) else []
        others = [place for place in places if place not in cited]
        if backed := next(_backed(sentence, [*cited, *others]), None):
            said.setdefault(sentence, backed)
            continue
        named += cited
        dropped.append(sentence)
    answered = {(each.place.text, each.place.index) for each in said.values()}
    named = [place for place in named if (place.text, place.index) not in answered]
    return Answer(
        tuple(said.values())[:MOST_SENTENCES], tuple(dict.fromkeys(named))[:MOST_SENTENCES], tuple(dropped)
    )


def _sentences(lines: Sequence[str]) -> Iterator[tuple[int, str]]:
    for line in lines:
        found = _ANSWERED.match(line.strip())
        number, sentence = (int(found[1]), found[2]) if found else (0, line)
        sentence = sentence.strip().removeprefix("- ").strip()
        if sentence and len(sentence) <= LONGEST_SENTENCE and not sentence.startswith("```"):
            yield number, sentence


def _backed(sentence: str, places: Sequence[Place]) -> Iterator[Said]:
    for place in places:
        if backing := backing_of(sentence, place.fact, is_severe):
            yield Said(sentence, place, backing)


def _shown(fact: Fact) -> str:
    return " | ".join(squeezed(part.text)[:LONGEST_PART] for part in fact.parts if part.line)
