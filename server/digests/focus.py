"""Lines and passages that match a focus, starting with those that contain its rarest words."""

import math
import re
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import BinaryIO

from server.digests.decode import decoded_lines, encoding_of
from server.digests.fold import Kind, key_of
from server.digests.values import Fact, Line, Part, Section

MOST_KINDS = 10_000
"""Maximum number of kinds of lines to keep. Beyond that, only lines with a rare word are kept."""
MOST_MEMBERS = 6
"""Number of different lines of one kind to keep word for word."""
MOST_PASSAGES = 6
PASSAGE_LINES = 14
_LONGEST_KEY = 300
_RARE = 50
_WORD = re.compile(r"\w(?:[\w./-]*\w)?")
_LEAST_WORD = 3
_LEAST_STEM = 4
_ENDING = 2
"""Number of characters to ignore at the end of a plain word, so that ``fails`` finds ``failed``."""


def stems_of(focus: str) -> tuple[str, ...]:
    """Return the words that lines must contain: names as they are, plain words without their endings."""
    return tuple(dict.fromkeys(_stem(word) for word in _WORD.findall(focus) if len(word) >= _LEAST_WORD))


def _stem(word: str) -> str:
    plain = word.isalpha() and word[1:].islower()
    folded = word.casefold()
    return folded[: max(_LEAST_STEM, len(folded) - _ENDING)] if plain else folded


class Sought:
    """Collects the lines that contain a word from the focus, for text of any size."""

    def __init__(self, stems: Sequence[str]) -> None:
        self._stems = stems
        self._total = 0
        self._counts: Counter[str] = Counter()
        self._kinds: dict[str, tuple[Kind, frozenset[str]]] = {}

    def feed(self, line: Line) -> None:
        """Read a line."""
        self._total += 1
        folded = line.text.casefold()
        found = [stem for stem in self._stems if stem in folded]
        if not found:
            return
        self._counts.update(found)
        key = key_of(line.text[:_LONGEST_KEY])
        if key in self._kinds:
            self._kinds[key][0].add(line.number, line.text, MOST_MEMBERS)
        elif len(self._kinds) < MOST_KINDS or any(self._counts[stem] <= _RARE for stem in found):
            self._kinds[key] = Kind(line.number, line.text), frozenset(found)

    def ranked(self) -> Iterator[tuple[Kind, float]]:
        """Yield kinds of lines with a score of up to 1, best first, dropping lines with only common words."""
        weights = weights_of(self._counts, self._total)
        scores = {key: sum(weights[stem] for stem in found) for key, (_, found) in self._kinds.items()}
        best = max(scores.values(), default=0.0)
        for key, score in sorted(scores.items(), key=lambda each: -each[1]):
            if score < best / 2:
                return
            yield self._kinds[key][0], score / best


def weights_of(counts: Mapping[str, int], total: int) -> dict[str, float]:
    """Return each word's weight from the number of lines that contain it (inverse document frequency)."""
    whole = math.log(1 + total) or 1.0
    return {word: math.log(1 + total / count) / whole for word, count in counts.items() if count}


def passage_facts(lines: Sequence[str], stems: Sequence[str]) -> list[Fact]:
    """Return the paragraphs of a document with the most and the rarest words from the focus."""
    found = [frozenset(stem for stem in stems if stem in line.casefold()) for line in lines]
    counts = Counter(stem for each in found for stem in each)
    weights = weights_of(counts, len(lines))
    scores = {
        (first, end): sum(weights[stem] for stem in frozenset().union(*found[first:end]))
        + 0.1 * sum(weights[stem] for each in found[first:end] for stem in each)
        for first, end in _paragraphs(lines)
        if any(found[first:end])
    }
    best = sorted(scores, key=lambda span: (-scores[span], span))[:MOST_PASSAGES]
    facts = []
    for first, end in best:
        share = scores[first, end] / scores[best[0]]
        inside = [index for index in range(first, end) if lines[index].strip()]
        worths = {index: 58 + 34 * share + (4 if found[index] else -12) for index in inside}
        parts = tuple(Part(lines[index], index + 1, round(worths[index])) for index in inside)
        facts.append(Fact(Section.FOCUS, parts))
    return facts


def _paragraphs(lines: Sequence[str]) -> Iterator[tuple[int, int]]:
    """Yield the first and last line of each run of nonblank lines. Long runs are split."""
    first = 0
    for index, line in enumerate([*lines, ""]):
        if not line.strip():
            if index > first:
                yield first, index
            first = index + 1
        elif index - first >= PASSAGE_LINES:
            yield first, index
            first = index


def most_relevant(sources: Sequence[Callable[[], BinaryIO]], stems: Sequence[str]) -> list[int]:
    """Return the indices of the sources, those with the rarest words from the focus first. Blocks."""
    counts: list[Counter[str]] = []
    for open_source in sources:
        with open_source() as file:
            folded = (line.casefold() for line in decoded_lines(file, encoding_of(file)))
            counts.append(Counter(stem for line in folded for stem in stems if stem in line))
    holding = Counter(stem for each in counts for stem in each)
    weights = weights_of(holding, len(sources))

    def score(index: int) -> float:
        return sum(weights[stem] * (1 + math.log(count)) for stem, count in counts[index].items())

    return sorted(range(len(sources)), key=lambda index: (-score(index), index))
