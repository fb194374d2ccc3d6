"""Usage of the subscription's quotas, as last reported by Claude Code's status line."""

import contextlib
import json
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from server.common.atomic_write import PRIVATE, replace_file

FILE = "quota.json"
_REWRITE_SECONDS = 60.0
"""Age at which an unchanged report is written again, so that its timestamp stays current."""


@dataclass(frozen=True)
class Quota:
    """Usage in percent (None if unknown) and the end of each window. Instants are seconds since the epoch, 0
    if unknown. ``at`` is when the client sent the report.
    """

    at: float = 0.0
    five_hour: float | None = None
    five_hour_ends: float = 0.0
    seven_day: float | None = None
    seven_day_ends: float = 0.0

    def text(self, now: float | None = None) -> str:
        """Return the windows that have not ended, as a sentence; empty if none is known."""
        now = time.time() if now is None else now
        known = [
            f"{name} quota {used:.0f} % used"
            for name, used, ends in (
                ("5-hour", self.five_hour, self.five_hour_ends),
                ("weekly", self.seven_day, self.seven_day_ends),
            )
            if used is not None and (not ends or ends > now)
        ]
        if not known:
            return ""
        at = time.strftime("%Y-%m-%d %H:%M", time.localtime(self.at))
        return f"{', '.join(known)} (Claude Code's status line, {at})."


class QuotaFile:
    """The last report, in the state folder."""

    def __init__(self, state: Path) -> None:
        self._path = state / FILE
        self._last: Quota | None = None

    def note(self, limits: dict[str, Any]) -> None:
        """Keep a report: the ``rate_limits`` from the client's session. Reports without figures change
        nothing.

        Raises:
            OSError: the report cannot be written.
        """
        five, seven = _window(limits.get("five_hour")), _window(limits.get("seven_day"))
        if five[0] is None and seven[0] is None:
            return
        quota = Quota(time.time(), *five, *seven)
        last = self._last
        if last is None or _figures(last) != _figures(quota) or quota.at - last.at > _REWRITE_SECONDS:
            replace_file(self._path, json.dumps(asdict(quota)).encode(), mode=PRIVATE)
            self._last = quota

    def read(self) -> Quota:
        """Return the last report, or an empty one if there is none."""
        with contextlib.suppress(OSError, ValueError, TypeError):
            return Quota(**json.loads(self._path.read_bytes()))
        return Quota()


def _window(value: Any) -> tuple[float | None, float]:
    found = value if isinstance(value, dict) else {}
    used, ends = _number(found.get("used_percentage")), _number(found.get("resets_at"))
    return used, ends or 0.0


def _number(value: Any) -> float | None:
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else None


def _figures(quota: Quota) -> tuple[Any, ...]:
    return (quota.five_hour, quota.five_hour_ends, quota.seven_day, quota.seven_day_ends)
