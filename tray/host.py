"""The kind of icon this desktop can show, or the reason why it cannot show one."""

import asyncio
import os
import sys
import time
from typing import Any

from tray.toolkit import TrayUnavailable

GRACE_SECONDS = 3.0
"""How long to wait for a panel on the bus before falling back to an old X11 tray (seconds)."""
QUERY_SECONDS = 2.0
"""Timeout for asking the session bus whether a panel is running (seconds)."""
WAITING = (
    "no panel shows tray icons (GNOME needs the AppIndicator extension); the icon appears as soon as "
    "a panel supports it"
)


def make_icon(*args: Any, **kwargs: Any) -> Any:
    """Return an icon for this desktop. Takes the same arguments as ``tray.sni.Icon``.

    If there is a session bus but no panel, the icon waits for one.

    Raises:
        TrayUnavailable: this session cannot show an icon.
    """
    if sys.platform == "win32":
        from tray.windows import Icon as WindowsIcon  # noqa: PLC0415 - works on this system only

        return WindowsIcon(*args, **kwargs)
    if sys.platform == "darwin":
        from tray.macos import Icon as MacIcon  # noqa: PLC0415 - works on this system only

        return MacIcon(*args, **kwargs)
    from tray.sni import Icon, session_bus_address  # noqa: PLC0415 - dbus-fast exists on Linux only

    address = session_bus_address()
    if _has_x11_tray() and (address is None or not _awaits_watcher(address)):
        from tray.xembed import Icon as X11Icon  # noqa: PLC0415 - the import opens the display

        return X11Icon(*args, **kwargs)
    if address is None:
        raise TrayUnavailable("no session bus (DBUS_SESSION_BUS_ADDRESS is not set) and no X11 tray")
    return Icon(*args, **kwargs)


def missing_host() -> str:
    """Return a one-line explanation of why no icon is visible, or an empty string."""
    if sys.platform in ("win32", "darwin"):
        return ""
    from tray.sni import session_bus_address  # noqa: PLC0415 - dbus-fast exists on Linux only

    address = session_bus_address()
    if (address is not None and _has_watcher(address)) or _has_x11_tray():
        return ""
    return WAITING if address is not None else "no session bus (DBUS_SESSION_BUS_ADDRESS is not set)"


def _awaits_watcher(address: str) -> bool:
    """Return whether a panel appears on the bus in time. At login, a panel that supports both protocols may
    start the old one first, which has no menu.
    """
    deadline = time.monotonic() + GRACE_SECONDS
    while not _has_watcher(address):
        if time.monotonic() > deadline:
            return False
        time.sleep(0.2)
    return True


def _has_watcher(address: str) -> bool:
    from dbus_fast.errors import DBusFastError  # noqa: PLC0415 - exists on Linux only

    from tray.sni import has_watcher  # noqa: PLC0415 - dbus-fast exists on Linux only

    try:
        return asyncio.run(asyncio.wait_for(has_watcher(address), QUERY_SECONDS))
    except (OSError, DBusFastError, EOFError, TimeoutError):
        return False


def _has_x11_tray() -> bool:
    """Return whether an X11 window manages an old-style tray (freedesktop's system tray protocol 0.3)."""
    if not os.environ.get("DISPLAY"):
        return False
    from Xlib import X, display, error  # noqa: PLC0415 - exists on Linux only

    try:
        connection = display.Display()
    except (error.DisplayError, error.XauthError, OSError):
        return False
    try:
        selection = connection.intern_atom(f"_NET_SYSTEM_TRAY_S{connection.get_default_screen()}")
        return bool(connection.get_selection_owner(selection) != X.NONE)
    finally:
        connection.close()
