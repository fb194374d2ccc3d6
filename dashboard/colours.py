"""Colours for names: a model, tool or project has the same colour in every bar and chart."""

import zlib
from collections.abc import Iterable, Mapping

COLOURS = 6
"""Number of colours in the stylesheet (``--model-0``, ``--model-1``, …). Each one also has a pattern."""


class Palette:
    """Gives each name a colour and keeps it, so that pages agree however many names each of them shows."""

    def __init__(self) -> None:
        self._given: dict[str, int] = {}

    def colours_of(self, names: Iterable[str]) -> Mapping[str, int]:
        """Return a colour for each name. Names in one set have different colours while there are enough."""
        found: dict[str, int] = {}
        wanted = sorted(set(names), key=lambda name: (name not in self._given, name))
        for name in wanted:
            first = self._given.get(name, zlib.crc32(name.encode()) % COLOURS)
            order = [(first + step) % COLOURS for step in range(COLOURS)]
            free = [each for each in order if each not in found.values()] or order
            if name not in self._given:
                unused = [each for each in free if each not in self._given.values()]
                self._given[name] = (unused or free)[0]
            found[name] = self._given[name] if self._given[name] in free else free[0]
        return found


_PALETTE = Palette()


def colours_of(names: Iterable[str]) -> Mapping[str, int]:
    """Return a colour for each name, the same on every page until the app ends."""
    return _PALETTE.colours_of(names)
