"""Checks that every statement in a model's sentence is supported by the fact it cites.

A sentence is supported by one literal line, or by several lines of the same fact, if

* each name, path and number in the sentence occurs there literally, with names in the same order;
* each other word occurs there too, or is an English function word;
* words next to a number are next to it there (``3 failed, 27 passed`` does not support ``27 failed``);
* the sentence keeps any negation in the lines, and reports an error if and only if the lines do.
"""

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from server.digests.values import Fact, Part, Section

FREE = frozenset(
    """a an and are as at be been being did do does each fact for from had has have her his in into is it its
    line lines of on or our that the their there these this those to was were which who whose with
    """.split()  # noqa: SIM905 - a list of 44 quoted words is hard to read
)
"""English words that claim nothing by themselves. Negations and words such as ``only`` or ``by`` are
excluded, so the lines must contain them.
"""
NEGATIONS = frozenset(("no", "not", "never", "cannot", "without", "none", "nor", "n't"))
_SEVERE_SECTIONS = frozenset({Section.FAILURE, Section.ERROR})
_WORD = re.compile(r"n't\b|\w(?:[\w./\\:@+#%&~-]*[\w%])?")
_INNER = re.compile(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])|\d+")
_BREAK = re.compile(r"[,;|(){}\[\]]|\s[-–—·]\s|\.\s")
_QUOTED = re.compile(r"[`\"“']([^`\"”']{2,})[`\"”']")
_LEAST_WORDS = 2
"""Minimum number of words in a sentence, not counting function words. Bare names claim only what the question
says about them.
"""
_NEAR = 3
"""Number of words after a number that are considered part of it."""


@dataclass(frozen=True, slots=True)
class Backing:
    """The lines that support a sentence."""

    first: int
    last: int


def backing_of(sentence: str, fact: Fact, is_severe: Callable[[str], bool]) -> Backing | None:
    """Return the lines of a fact that support a sentence, or None if the sentence says anything else.

    ``is_severe`` tells whether the text reports an error.
    """
    parts = [part for part in fact.parts if part.line]
    for chosen in _choices(parts):
        text = " \n".join(part.text for part in chosen)
        severe, claims_error = is_severe(text), is_severe(sentence)
        may_claim = severe or fact.section in _SEVERE_SECTIONS
        if (may_claim if claims_error else not severe) and _says(sentence, text):
            lines = [part.line for part in chosen]
            return Backing(min(lines), max(lines))
    return None


def shared_words(sentence: str, line: str) -> int:
    """Return the number of words that a sentence shares with a line, not counting function words."""
    words = set(_parts_of(line))
    return sum(word.casefold() not in FREE and _among(word, words) for word in _WORD.findall(sentence))


def _choices(parts: Sequence[Part]) -> Iterator[Sequence[Part]]:
    """Yield each line by itself, then all lines of the fact together."""
    for part in parts:
        yield [part]
    if len(parts) > 1:
        yield parts


def _says(sentence: str, text: str) -> bool:
    source = _Source(text)
    words = _WORD.findall(sentence)
    hard = list(_hard(words, sentence))
    soft = [word for word in words if word not in hard and word.casefold() not in FREE]
    if not soft or len(hard) + len(soft) < _LEAST_WORDS:
        return False
    if not all(map(source.has_word, soft)) or not source.in_order(hard):
        return False
    if source.negates and NEGATIONS.isdisjoint(word.casefold() for word in words):
        return False
    return _numbers_belong(sentence, text)


class _Source:
    """The lines cited by a sentence."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._folded = text.casefold()
        self._words = set(_parts_of(text))

    @property
    def negates(self) -> bool:
        """Return whether the lines contain a negation."""
        return not NEGATIONS.isdisjoint(word.casefold() for word in _WORD.findall(self._text))

    def in_order(self, words: Sequence[str]) -> bool:
        """Return whether names and numbers occur in the lines in the sentence's order, and not as parts of
        longer ones.
        """
        at = 0
        for word in dict.fromkeys(words):
            found = _bounded(word).search(self._folded, at)
            if found is None:
                return False
            at = found.start()
        return True

    def has_word(self, word: str) -> bool:
        """Return whether a plain word occurs in the lines, possibly with a different ending."""
        return _among(word, self._words)


def _bounded(word: str) -> re.Pattern[str]:
    before = r"(?<![\w.])" if word[0].isdigit() else r"(?<!\w)"
    after = r"(?![\w]|[.,]\d)" if word[-1].isdigit() else r"(?!\w)"
    return re.compile(before + re.escape(word.casefold()) + after)


def _hard(words: Sequence[str], sentence: str) -> Iterator[str]:
    """Yield names, paths and numbers: words with a digit, inner capital or symbol, and words in quotes."""
    quoted = {word for quote in _QUOTED.findall(sentence) for word in _WORD.findall(quote)}
    for index, word in enumerate(words):
        inner = any(not each.isalpha() or each.isupper() for each in word[1:])
        capital = index > 0 and word[0].isupper()
        if inner or capital or word[0].isdigit() or word in quoted:
            yield word


def _among(word: str, words: set[str]) -> bool:
    folded = word.casefold()
    if folded in words:
        return True
    return len(folded) >= 4 and any(_same_stem(folded, other) for other in words)


def _same_stem(one: str, other: str) -> bool:
    shortest = min(len(one), len(other))
    least = max(4, shortest - 2)
    return shortest >= 4 and abs(len(one) - len(other)) <= 4 and one[:least] == other[:least]


def _parts_of(text: str) -> Iterator[str]:
    """Yield the words of the text, including the words within its names."""
    for word in _WORD.findall(text):
        yield word.casefold()
        if not word.isalpha() or not word[1:].islower():
            for inner in _INNER.findall(word):
                yield inner.casefold()


def _numbers_belong(sentence: str, text: str) -> bool:
    """Return whether the words next to each number in the sentence are also next to it in the lines."""
    segments = [[word.casefold() for word in _WORD.findall(part)] for part in _BREAK.split(text)]
    everything = {word for segment in segments for word in segment}
    for part in _BREAK.split(sentence):
        words = [word.casefold() for word in _WORD.findall(part)]
        for index, word in enumerate(words):
            if not word[0].isdigit():
                continue
            near = [each for each in _following(words[index + 1 :]) if _among(each, everything)]
            with_number = [set(segment) for segment in segments if word in segment]
            if near and not any(all(_among(each, segment) for each in near) for segment in with_number):
                return False
    return True


def _following(words: Sequence[str]) -> list[str]:
    near: list[str] = []
    for word in words:
        if word[0].isdigit() or len(near) == _NEAR:
            break
        if word not in FREE:
            near.append(word)
    return near
