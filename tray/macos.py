"""The icon on macOS: pystray's own, with all changes made on the main thread.

A change from another thread ends the process from macOS 26 on.
"""

from collections.abc import Callable
from typing import Any

import pystray._darwin
from PyObjCTools import AppHelper


class Icon(pystray._darwin.Icon):  # type: ignore[misc]  # noqa: SLF001 - no types; pystray's macOS class
    """pystray's icon; ``on_main`` runs calls in AppKit's loop."""

    def __init__(
        self, *args: Any, on_host: Callable[[bool], None], on_open: Callable[[], None], **kwargs: Any
    ) -> None:
        del on_host, on_open  # the menu bar is always there, and does not tell before it opens a menu
        super().__init__(*args, **kwargs)

    def on_main(self, call: Callable[[], Any]) -> None:
        """Call in AppKit's loop, soon; from any thread."""
        AppHelper.callAfter(call)

    def _run(self) -> None:
        # Not pystray's own, which ends the process at Ctrl-C without the app's knowledge.
        self._mark_ready()
        try:
            self._app.run()
        finally:
            self._status_bar.removeStatusItem_(self._status_item)
