"""Literal lines from a kept text: a range of lines, or the lines that match a focus."""

from collections import Counter

from server.common.errors import NotFound
from server.digests.clean import clean_lines
from server.digests.compress.sources import Text
from server.digests.decode import decoded_lines, encoding_of
from server.digests.focus import stems_of, weights_of
from server.digests.kept import lines_of
from server.digests.values import Line

MOST_MATCHES = 20_000


def literal_lines(text: Text, focus: str, most_chars: int) -> str:
    """Return the requested lines as a terminal shows them, up to ``most_chars`` characters. Blocks.

    With a focus, return the lines that contain its words, each with its line number.

    Raises:
        NotFound: the line does not exist.
    """
    first, last = (text.wanted.first, text.wanted.last) if text.wanted is not None else (1, 0)
    if focus.strip():
        return _matching(text, focus, first, last, most_chars)
    with text.open() as file:
        found = lines_of(file, first, last, most_chars)
    if not found:
        raise NotFound(f"{text.shown}: line {first} does not exist.", "Give line numbers that exist.")
    return "\n".join(found)


def _matching(text: Text, focus: str, first: int, last: int, most_chars: int) -> str:
    """Return the lines with the rarest words of the focus, in their original order."""
    stems = stems_of(focus)
    found: list[tuple[Line, frozenset[str]]] = []
    total = 0
    with text.open() as file:
        for line in clean_lines(decoded_lines(file, encoding_of(file))):
            if line.number < first or (last and line.number > last):
                continue
            total += 1
            folded = line.text.casefold()
            stand = frozenset(stem for stem in stems if stem in folded)
            if stand and len(found) < MOST_MATCHES:
                found.append((line, stand))
    if not found:
        raise NotFound(f"{text.shown}: no line contains any word of {focus!r}.", "Try another word.")
    weights = weights_of(Counter(stem for _, stand in found for stem in stand), total)
    scores = {line.number: sum(weights[stem] for stem in stand) for line, stand in found}
    best = max(scores.values())
    matching = [line for line, _ in found if scores[line.number] >= best / 2]
    return _fitting(sorted(matching, key=lambda line: -scores[line.number]), most_chars)


def _fitting(lines: list[Line], most_chars: int) -> str:
    shown: dict[int, str] = {}
    room = most_chars - len("(99,999 more lines match)\n")
    for line in lines:
        text = f"L{line.number}: {line.text}"
        if len(text) + 1 > room:
            text = text[:room] if not shown else ""
        if text:
            shown[line.number] = text
            room -= len(text) + 1
    more = len(lines) - len(shown)
    ending = [f"({more:,} more lines match)"] if more else []
    return "\n".join([*(text for _, text in sorted(shown.items())), *ending])
