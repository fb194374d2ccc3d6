"""Inputs already counted as saved in each session. Claude reads a file once, however many calls use it."""

from collections import OrderedDict
from collections.abc import Hashable, Iterable
from typing import TypeVar

MOST_SESSIONS = 200
"""Number of sessions to remember. The least recently active one is dropped first."""

Input = TypeVar("Input", bound=Hashable)


class SeenInputs:
    """The inputs counted in each session, identified by any hashable value that captures an input's state.

    Kept in memory, so a session that continues after a hub restart counts its inputs once more.
    """

    def __init__(self) -> None:
        self._sessions: OrderedDict[str, set[Hashable]] = OrderedDict()

    def fresh(self, session: str, inputs: Iterable[Input]) -> tuple[Input, ...]:
        """Return the inputs that have not been counted in the session yet."""
        known = self._sessions.get(session, set())
        return tuple(each for each in inputs if each not in known)

    def add(self, session: str, inputs: Iterable[Hashable]) -> None:
        """Mark these inputs as counted in the session."""
        self._sessions.setdefault(session, set()).update(inputs)
        self._sessions.move_to_end(session)
        if len(self._sessions) > MOST_SESSIONS:
            self._sessions.popitem(last=False)
