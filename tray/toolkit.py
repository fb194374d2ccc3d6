"""pystray's classes, importable on every system.

On Linux ``import pystray`` opens a display and fails without one. ``tray.sni`` and ``tray.xembed`` replace
its backends there, so this module selects pystray's dummy backend.
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
        import pystray  # noqa: PLC0415 - the variable must be set first
    finally:
        # Child processes must not inherit it.
        if before is None:
            os.environ.pop(_BACKEND, None)
        else:
            os.environ[_BACKEND] = before
    return pystray


_pystray = _import_pystray()

BaseIcon: Any = _pystray._base.Icon  # noqa: SLF001 - the base class of pystray's backends is not exported
Menu: Any = _pystray.Menu
MenuItem: Any = _pystray.MenuItem


class TrayUnavailable(Exception):
    """No icon can be shown, and the app continues without one. The message is a single line that says what is
    missing.
    """
