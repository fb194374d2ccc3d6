"""Colours for names: a model, tool or project has the same colour in every bar and chart."""

import zlib
from collections.abc import Iterable, Mapping

COLOURS = 6
"""Number of colours in the stylesheet (``--model-0``, ``--model-1``, …). Each one also has a pattern."""


def colours_of(names: Iterable[str]) -> Mapping[str, int]:
    """Return a colour for each name. The colour depends only on the name, unless an alphabetically earlier
    name in the set already has that colour.
    """
    found: dict[str, int] = {}
    for name in sorted(set(names)):
        wanted = zlib.crc32(name.encode()) % COLOURS
        free = [(wanted + step) % COLOURS for step in range(COLOURS)]
        found[name] = next((each for each in free if each not in found.values()), wanted)
    return found
