"""Clock shift of a Python process by the seconds in the file ``TOKEN_SAVER_TEST_CLOCK``.

Python imports this module automatically when its folder is on ``PYTHONPATH``. ``time.monotonic`` is not
affected, as when a real clock is set.
"""

import os
import time
from collections.abc import Callable
from pathlib import Path

LOOK_SECONDS = 0.2


def _shifted(clock: Path) -> Callable[[], float]:
    true, since_start = time.time, time.monotonic
    offset, looked = 0.0, -LOOK_SECONDS

    def now() -> float:
        nonlocal offset, looked
        if since_start() - looked >= LOOK_SECONDS:
            looked, offset = since_start(), float(clock.read_text())
        return true() + offset

    return now


if "TOKEN_SAVER_TEST_CLOCK" in os.environ:
    time.time = _shifted(Path(os.environ["TOKEN_SAVER_TEST_CLOCK"]))
