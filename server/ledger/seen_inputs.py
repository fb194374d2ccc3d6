"""What each session was spared already: Claude reads a file once, however many calls take it as input."""

from collections import OrderedDict
from collections.abc import Hashable, Iterable
from typing import TypeVar

MOST_SESSIONS = 200
"""Sessions that are remembered; the one that was quiet the longest goes first."""

Input = TypeVar("Input", bound=Hashable)


class SeenInputs:
    """The inputs that each session was spared, by whatever tells one state of one input from another. In
    memory: a hub that starts anew counts an input of a session that goes on once more."""

    def __init__(self) -> None:
        self._sessions: OrderedDict[str, set[Hashable]] = OrderedDict()

    def fresh(self, session: str, inputs: Iterable[Input]) -> tuple[Input, ...]:
        """Return the inputs that the session was not spared yet."""
        known = self._sessions.get(session, set())
        return tuple(each for each in inputs if each not in known)

    def add(self, session: str, inputs: Iterable[Hashable]) -> None:
        """Note that the session was spared these inputs."""
        self._sessions.setdefault(session, set()).update(inputs)
        self._sessions.move_to_end(session)
        if len(self._sessions) > MOST_SESSIONS:
            self._sessions.popitem(last=False)
