"""Logs refused requests: the first of each kind immediately, repeats once a minute."""

import asyncio
from collections.abc import Callable

from server.common.events import RequestsRefused

QUIET_SECONDS = 60.0
"""Report interval for one kind of refusal (seconds). A page can send thousands of requests a second."""
MOST_KINDS = 100
"""Maximum number of kinds distinguished within this time. Any others are grouped by reason alone."""
LONGEST_SOURCE = 120

_Kind = tuple[str, str]


class RejectionLog:
    """Counts refused requests, on one event loop."""

    def __init__(self, publish: Callable[[RequestsRefused], None]) -> None:
        self._publish = publish
        self._more: dict[_Kind, int] = {}

    def note(self, reason: str, source: str, path: str) -> None:
        """Record a request. ``source`` is its claimed origin: its ``Origin`` header, or the requested
        ``Host``.
        """
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
