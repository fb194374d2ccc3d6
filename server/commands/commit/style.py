"""Style of a repository's commit messages, derived from its recent commits."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

LATEST = 20
"""Number of commits to examine."""
EXAMPLES = 8
USUAL_SHARE = 0.6
"""Minimum share of commits that must show a trait for it to be part of the repository's style."""
LONGEST_SUBJECT = 72
CONVENTIONAL = re.compile(r"(?P<type>[a-z]+)(?:\((?P<scope>[^()\s]+)\))?!?: .+")
"""Conventional Commits 1.0.0: ``type(scope): subject``."""
_SENTENCE = re.compile(r"(?:^|[.!?:]\s+|\n\s*(?:[-*]\s+)?)(?=\S)")
_CAPITALISED = re.compile(r"\b[^\W\d_a-zß-öø-ÿ][^\W\d_A-Z]\w+\b")


@dataclass(frozen=True)
class Style:
    """The repository's message style. ``types`` holds the conventional commit types it normally uses;
    ``capitalises`` is true if common nouns are capitalised, as in German.
    """

    examples: tuple[str, ...]
    conventional: bool
    types: tuple[str, ...]
    has_body: bool
    capitalises: bool


def style_of(messages: Sequence[str]) -> Style:
    """Return the style of these messages, which are given newest first."""
    subjects = [message.splitlines()[0].strip() for message in messages if message.strip()]
    matches = [found for each in subjects if (found := CONVENTIONAL.fullmatch(each))]
    bodies = sum(len(message.strip().splitlines()) > 1 for message in messages)
    count = max(len(subjects), 1)
    return Style(
        examples=tuple(subjects[:EXAMPLES]),
        conventional=bool(subjects) and len(matches) / count >= USUAL_SHARE,
        types=tuple(dict.fromkeys(found["type"] for found in matches)),
        has_body=bodies / count >= USUAL_SHARE,
        capitalises=sum(bool(proper_nouns(each)) for each in subjects) / count >= USUAL_SHARE,
    )


def proper_nouns(message: str) -> list[str]:
    """Return capitalised words that do not start a sentence."""
    starts = {found.end() for found in _SENTENCE.finditer(message)}
    words = _CAPITALISED.finditer(message)
    # A conventional subject starts after its colon, a list item after its bullet: both count as starts.
    return [word[0] for word in words if word.start() not in starts]
