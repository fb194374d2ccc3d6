"""The icon on Windows: pystray's icon, modified only on the main thread."""

import queue
from collections.abc import Callable
from typing import Any

import pystray._win32
from pystray._util import win32

WM_APP = 0x8000
"""First message number available to applications (WinUser.h)."""
WM_CALLS = WM_APP + 1


class Icon(pystray._win32.Icon):  # type: ignore[misc]  # noqa: SLF001 - no types; pystray's Windows class
    """pystray's icon; ``on_main`` runs calls in its message loop, but never while the menu is open."""

    def __init__(
        self, *args: Any, on_host: Callable[[bool], None], on_open: Callable[[], None], **kwargs: Any
    ) -> None:
        super().__init__(*args, **kwargs)
        del on_host  # the taskbar always exists, and pystray handles its restarts
        self._on_open = on_open
        self._calls: queue.SimpleQueue[Callable[[], Any]] = queue.SimpleQueue()
        self._menu_is_open = False
        self._message_handlers[WM_CALLS] = lambda wparam, lparam: self._run_calls()  # noqa: ARG005 - pystray's signature

    def on_main(self, call: Callable[[], Any]) -> None:
        """Schedule a call in the message loop. Can be called from any thread."""
        self._calls.put(call)
        if self._hwnd:
            win32.PostMessage(self._hwnd, WM_CALLS, 0, 0)

    def _run_calls(self) -> None:
        # The loop also runs while the menu is open. Replacing the menu then would close it.
        while not self._menu_is_open:
            try:
                call = self._calls.get_nowait()
            except queue.Empty:
                return
            call()

    def _on_notify(self, wparam: Any, lparam: Any) -> None:
        self._on_open()
        self._menu_is_open = True
        try:
            super()._on_notify(wparam, lparam)
        finally:
            self._menu_is_open = False
            self._run_calls()
