"""One pass over the lines. Each goes to the recognisers that want it, the rest to the general digest."""

import re
from collections.abc import Iterable, Mapping, Sequence

import re2

from server.digests.clean import without_prefix
from server.digests.general import General
from server.digests.recognisers.base import Recogniser
from server.digests.severity import SEVERE, WARNED, is_harmless
from server.digests.values import Line


class Triggers:
    """The triggers of all recognisers and the severity marks, matched in one linear pass."""

    def __init__(self, recognisers: Sequence[type[Recogniser]]) -> None:
        self._set = re2.Set.SearchSet()
        self._owners: list[int] = []
        for index, recogniser in enumerate(recognisers):
            for pattern in recogniser.triggers:
                self._set.Add(pattern)
                self._owners.append(index)
        self._severe = self._set.Add(SEVERE)
        self._warned = self._set.Add(WARNED)
        self._set.Compile()

    def of(self, text: str) -> tuple[set[int], bool, bool]:
        """Return the recognisers triggered by a line, and whether the line is severe or a warning."""
        owners: set[int] = set()
        severe = warned = False
        for found in self._set.Match(text) or ():
            if found == self._severe:
                severe = True
            elif found == self._warned:
                warned = True
            else:
                owners.add(self._owners[found])
        return owners, severe and not is_harmless(text), warned


def scan(
    lines: Iterable[Line], recognisers: Mapping[int, Recogniser], triggers: Triggers, general: General
) -> tuple[int, set[int]]:
    """Pass each line to the recognisers that want it. Return the number of lines, and the recognisers that
    claimed any.

    ``recognisers`` are keyed by their index in ``triggers``, in the order they are asked.
    """
    number = 0
    claimers: set[int] = set()
    opened: set[int] = set()
    for line in lines:
        number = line.number
        bare = without_prefix(line.text)
        if _BLANKS in bare:
            bare = _RUN_OF_BLANKS.sub(_BLANKS, bare)
        read = line if len(bare) == len(line.text) else Line(number, bare)
        wanted, severe, warned = triggers.of(bare) if bare else (_NONE, False, False)
        claimed = False
        for index in sorted(wanted | opened) if opened else sorted(wanted):
            if (recogniser := recognisers.get(index)) is None:
                continue
            claimed = recogniser.feed(read)
            (opened.add if recogniser.open else opened.discard)(index)
            if claimed:
                claimers.add(index)
                break
        general.feed(read, claimed=claimed, severe=severe, warned=warned)
    return number, claimers


_NONE: set[int] = set()
_BLANKS = " " * 100
_RUN_OF_BLANKS = re.compile(r" {100,}")
"""A run of spaces no recogniser needs to see. A pattern might try each one as the end of the text."""
