"""Which kind of icon this desktop can show, and what is missing where it can show none."""

import asyncio
import os
import sys
import time
from typing import Any

from tray.toolkit import TrayUnavailable

GRACE_SECONDS = 3.0
"""How long an X11 tray of the old kind has to wait for the bus's answer to be a panel's (seconds)."""
QUERY_SECONDS = 2.0
"""How long the session bus may take to say whether a panel runs (seconds)."""
WAITING = "no panel shows tray icons (GNOME needs the AppIndicator extension); the icon appears once one does"


def make_icon(*args: Any, **kwargs: Any) -> Any:
    """Return the icon that suits this desktop; the arguments are ``tray.sni.Icon``'s.

    Where only a session bus is there, the icon waits on it for a panel.

    Raises:
        TrayUnavailable: there can be no icon in this session.
    """
    if sys.platform == "win32":
        from tray.windows import Icon as WindowsIcon  # noqa: PLC0415 - imports what exists there alone

        return WindowsIcon(*args, **kwargs)
    if sys.platform == "darwin":
        from tray.macos import Icon as MacIcon  # noqa: PLC0415 - imports what exists there alone

        return MacIcon(*args, **kwargs)
    from tray.sni import Icon, session_bus_address  # noqa: PLC0415 - dbus-fast exists on Linux alone

    address = session_bus_address()
    if _has_x11_tray() and (address is None or not _awaits_watcher(address)):
        from tray.xembed import Icon as X11Icon  # noqa: PLC0415 - its import opens the display

        return X11Icon(*args, **kwargs)
    if address is None:
        raise TrayUnavailable("no session bus (DBUS_SESSION_BUS_ADDRESS is not set) and no X11 tray")
    return Icon(*args, **kwargs)


def missing_host() -> str:
    """Return one line that says why no icon can be seen now, empty where one can."""
    if sys.platform in ("win32", "darwin"):
        return ""
    from tray.sni import session_bus_address  # noqa: PLC0415 - dbus-fast exists on Linux alone

    address = session_bus_address()
    if (address is not None and _has_watcher(address)) or _has_x11_tray():
        return ""
    return WAITING if address is not None else "no session bus (DBUS_SESSION_BUS_ADDRESS is not set)"


def _awaits_watcher(address: str) -> bool:
    """Whether a panel answers on the bus, soon: at login, one that speaks both protocols may come up with
    the old one first, which has no menu."""
    deadline = time.monotonic() + GRACE_SECONDS
    while not _has_watcher(address):
        if time.monotonic() > deadline:
            return False
        time.sleep(0.2)
    return True


def _has_watcher(address: str) -> bool:
    from dbus_fast.errors import DBusFastError  # noqa: PLC0415 - exists on Linux alone

    from tray.sni import has_watcher  # noqa: PLC0415 - dbus-fast exists on Linux alone

    try:
        return asyncio.run(asyncio.wait_for(has_watcher(address), QUERY_SECONDS))
    except (OSError, DBusFastError, EOFError, TimeoutError):
        return False


def _has_x11_tray() -> bool:
    """Whether an X11 window manages a tray of the old kind (freedesktop's system tray protocol 0.3)."""
    if not os.environ.get("DISPLAY"):
        return False
    from Xlib import X, display, error  # noqa: PLC0415 - exists on Linux alone

    try:
        connection = display.Display()
    except (error.DisplayError, error.XauthError, OSError):
        return False
    try:
        selection = connection.intern_atom(f"_NET_SYSTEM_TRAY_S{connection.get_default_screen()}")
        return bool(connection.get_selection_owner(selection) != X.NONE)
    finally:
        connection.close()
