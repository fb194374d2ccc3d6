"""A throttle for all repeated work of pages: updates, reloads, messages to browsers."""

import math


class Throttle:
    """The earliest start of the next run of some work. Times are seconds of the event loop's clock.

    After each run comes a pause: ``rest`` times the duration of the run, at least ``least`` and at most
    ``most`` seconds.
    """

    def __init__(self, least: float, *, rest: float = 0.0, most: float = math.inf) -> None:
        self.least = least
        self.next_at = 0.0
        self._rest = rest
        self._most = most

    def ran(self, began: float, ended: float) -> None:
        """Record a run. The pause begins at the end of the run."""
        self.next_at = ended + min(self._most, max(self.least, self._rest * (ended - began)))
