"""A throttle for all repeated page work: updates, reloads, messages to browsers."""

import math


class Throttle:
    """Determines when a piece of work may next run. Times are in seconds on the event loop's clock.

    Each run is followed by a pause of ``rest`` times its duration, but at least ``least`` and at most
    ``most`` seconds.
    """

    def __init__(self, least: float, *, rest: float = 0.0, most: float = math.inf) -> None:
        self.least = least
        self.next_at = 0.0
        self._rest = rest
        self._most = most

    def ran(self, began: float, ended: float) -> None:
        """Record a run. The pause begins when the run ends."""
        self.next_at = ended + min(self._most, max(self.least, self._rest * (ended - began)))
