"""pystray's classes, importable on every system.

On Linux ``import pystray`` opens a display and raises where there is none. Its own backends are not
used there (see ``tray.sni`` and ``tray.xembed``), so it is told to take its empty one.
"""

import os
import sys
from typing import Any

_BACKEND = "PYSTRAY_BACKEND"


def _import_pystray() -> Any:
    before = os.environ.get(_BACKEND)
    if sys.platform not in ("win32", "darwin"):
        os.environ[_BACKEND] = "dummy"
    try:
        import pystray  # noqa: PLC0415 - only now may it be imported
    finally:
        # Child processes shall not inherit it.
        if before is None:
            os.environ.pop(_BACKEND, None)
        else:
            os.environ[_BACKEND] = before
    return pystray


_pystray = _import_pystray()

BaseIcon: Any = _pystray._base.Icon  # noqa: SLF001 - where pystray keeps the class that backends extend
Menu: Any = _pystray.Menu
MenuItem: Any = _pystray.MenuItem


class TrayUnavailable(Exception):
    """There can be no icon, the app goes on without: the message is one line that says what is missing."""
