"""The local model's answer to a question. The model is shown facts from the text, and only sentences
supported by a fact are kept.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from server.digests.compress.backed import Backing, backing_of, shared_words
from server.digests.engine import Findings, is_severe
from server.digests.layout import SEPARATOR, squeezed
from server.digests.values import Fact, Part

MOST_SENTENCES = 3
SHOWN_CHARS = 1_600
"""Characters of facts shown to the model: about 500 tokens, ten seconds for a small model on a CPU."""
LONGEST_PART = 240
LONGEST_SENTENCE = 300
LONGEST_QUOTE = 400
SUMMARY = "What does this say? Name the most important statements."
"""The question asked about prose when the caller gives no focus."""
FORM = "the words, names and numbers of that fact that answer the question, copied exactly"
"""What the prompt asks for after a fact's number. Small models sometimes repeat this text."""
_ANSWERED = re.compile(r"\W{0,4}(\d{1,3})(?:\s*[,-]\s*\d{1,3})*\W+(?=\w)(.+)")


@dataclass(frozen=True, slots=True)
class Place:
    """A fact and where it comes from: the index of the text, and the index of the fact within it."""

    text: int
    index: int
    fact: Fact


@dataclass(frozen=True, slots=True)
class Said:
    """A sentence from the model that a fact supports, or, as a ``quote``, the line that it refers to."""

    sentence: str
    place: Place
    backing: Backing
    quote: bool = False


@dataclass(frozen=True, slots=True)
class Answer:
    """The supported part of the model's answer, and the sentences that were dropped."""

    said: tuple[Said, ...] = ()
    dropped: tuple[str, ...] = ()


def facts_to_show(findings: Sequence[Findings], *, least_words: int = 1) -> tuple[Place, ...]:
    """Return the facts with literal lines to show to the model, best first.

    ``least_words`` is the minimum number of words in a fact, which excludes headings.
    """
    places = [
        Place(text, index, fact)
        for text, each in enumerate(findings)
        for index, fact in enumerate(each.facts)
        if any(part.line for part in fact.parts) and not fact.template
    ]
    chosen: list[Place] = []
    seen: set[str] = set()
    room = SHOWN_CHARS
    for place in sorted(places, key=lambda each: -each.fact.worth):
        shown = _shown(place.fact)
        if shown in seen or len(shown) + 6 > room or len(shown.split()) < least_words:
            continue
        seen.add(shown)
        room -= len(shown) + 6
        chosen.append(place)
    return tuple(chosen)


def facts_as_text(places: Sequence[Place]) -> str:
    """Return the facts formatted as text for the model."""
    return "\n".join(f"[{number}] {_shown(place.fact)}" for number, place in enumerate(places, start=1))


def checked(text: str, places: Sequence[Place], *, cut: bool) -> Answer:
    """Return the part of an answer that the facts support. If the answer was ``cut``, drop its last line.

    Unsupported sentences are dropped. If such a sentence shares words with the fact it cites, or with another
    fact, that fact is quoted instead. A number without a sentence quotes its fact.
    """
    said: dict[str, Said] = {}
    dropped: list[str] = []
    lines = text.splitlines()[: -1 if cut else None]
    for number, sentence in _sentences(lines):
        cited = [places[number - 1]] if 0 < number <= len(places) else []
        others = [place for place in places if place not in cited]
        kept = next(_backed(sentence, [*cited, *others]), None)
        if kept is None:
            dropped.append(sentence)
            named_only = FORM.startswith(sentence)
            kept = _quoted(sentence, cited, least=0 if named_only else 1)
            kept = kept or _quoted(sentence, others, least=2)
        if kept is not None:
            said.setdefault(kept.sentence, kept)
    return Answer(tuple(said.values())[:MOST_SENTENCES], tuple(dropped))


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


def _quoted(sentence: str, places: Sequence[Place], least: int) -> Said | None:
    """Return, as a quote, the fact that shares the most words with a sentence, provided it shares at least
    ``least``.
    """
    shared = [shared_words(sentence, _shown(place.fact)) for place in places]
    if max(shared, default=-1) < least:
        return None
    place = places[shared.index(max(shared))]
    shown: list[Part] = []
    for part in place.fact.parts:
        if part.line and len(SEPARATOR.join(squeezed(each.text) for each in (*shown, part))) <= LONGEST_QUOTE:
            shown.append(part)
    if not shown:
        return None
    text = SEPARATOR.join(squeezed(part.text) for part in shown)
    lines = [part.line for part in shown]
    return Said(text, place, Backing(min(lines), max(lines)), quote=True)


def _shown(fact: Fact) -> str:
    return " | ".join(squeezed(part.text)[:LONGEST_PART] for part in fact.parts if part.line)
