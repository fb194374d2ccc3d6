"""Tells of requests that the guard refused: the first of a kind at once, others of it once a minute."""

import asyncio
from collections.abc import Callable

from server.common.events import RequestsRefused

QUIET_SECONDS = 60.0
"""A page can send thousands of requests a second; so often one kind of them is told of (seconds)."""
MOST_KINDS = 100
"""Kinds that are told apart within that time; all others are one."""
LONGEST_SOURCE = 120

_Kind = tuple[str, str]


class RejectionLog:
    """Counts what was refused. For one event loop."""

    def __init__(self, publish: Callable[[RequestsRefused], None]) -> None:
        self._publish = publish
        self._more: dict[_Kind, int] = {}

    def note(self, reason: str, source: str, path: str) -> None:
        """Take note of one request. ``source`` is what it says of where it comes from: its ``Origin``, or the
        ``Host`` that it asked for."""
        shown = source[:LONGEST_SOURCE].encode("ascii", "backslashreplace").decode()
        kind = (reason, shown)
        if kind not in self._more and len(self._more) >= MOST_KINDS:
            kind = (reason, "others")
        if kind in self._more:
            self._more[kind] += 1
            return
        self._more[kind] = 0
        self._publish(RequestsRefused(*kind, path[:LONGEST_SOURCE]))
        asyncio.get_running_loop().call_later(QUIET_SECONDS, self._tell_of_more, kind)

    def _tell_of_more(self, kind: _Kind) -> None:
        if count := self._more.pop(kind):
            self._publish(RequestsRefused(*kind, "", count))
