"""Inputs that already count as saved in each session. Claude reads a file once, even if many calls use it."""

from collections import OrderedDict
from collections.abc import Hashable, Iterable
from typing import TypeVar

MOST_SESSIONS = 200
"""Number of sessions to remember. The least recently active session is dropped first."""

Input = TypeVar("Input", bound=Hashable)


class SeenInputs:
    """The inputs counted in each session, by any hashable value that identifies the state of an input.

    Kept in memory. After a restart of the hub, a continued session counts its inputs once more.
    """

    def __init__(self) -> None:
        self._sessions: OrderedDict[str, set[Hashable]] = OrderedDict()

    def fresh(self, session: str, inputs: Iterable[Input]) -> tuple[Input, ...]:
        """Return the inputs that do not yet count in the session."""
        known = self._sessions.get(session, set())
        return tuple(each for each in inputs if each not in known)

    def add(self, session: str, inputs: Iterable[Hashable]) -> None:
        """Mark these inputs as counted in the session."""
        self._sessions.setdefault(session, set()).update(inputs)
        self._sessions.move_to_end(session)
        if len(self._sessions) > MOST_SESSIONS:
            self._sessions.popitem(last=False)
