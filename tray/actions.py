"""What the menu's entries do. Nothing here waits: the tray's thread must stay free for the desktop."""

import concurrent.futures
import logging
import threading
import time
import webbrowser
from collections.abc import Callable
from typing import Any

from server.errors import TokenSaverError
from server.hub import Hub
from tray.autostart import Autostart
from tray.menu import Action
from tray.notices import Notice

logger = logging.getLogger(__name__)


class Actions:
    """Carries out clicks; what goes wrong is said in a notice, through ``tell``."""

    def __init__(self, hub: Hub, autostart: Autostart | None, tell: Callable[[Notice], None]) -> None:
        self._hub = hub
        self._autostart = autostart
        self._tell = tell

    def run(self, action: Action) -> None:
        """Start what the action names; its end shows in the next snapshot."""
        match action.name:
            case "open":
                self.open_dashboard()
            case "load":
                self._submit(self._hub.engine.load(action.target))
            case "unload":
                self._unload(action.target)
            case "cancel":
                self._submit(self._hub.offloader.cancel(action.target))
            case "pause":
                seconds = float(action.target)
                self._hub.pause(time.time() + seconds if seconds else 0.0)
            case "resume":
                self._hub.resume()
            case "autostart":
                self._toggle_autostart()
            case "about":
                self._about()
            case "quit":
                self._hub.request_quit()

    def open_dashboard(self) -> None:
        """Open the dashboard in the user's browser, logged in."""
        link = self._hub.login_link()
        # Some browsers are started in the foreground, hence a thread.
        threading.Thread(target=webbrowser.open, args=(link,), name="open-dashboard", daemon=True).start()

    def _unload(self, model: str) -> None:
        loaded = [model] if model else [each.name for each in self._hub.snapshot().engine.loaded]
        for name in loaded:
            self._submit(self._hub.engine.unload(name))

    def _toggle_autostart(self) -> None:
        if self._autostart is None:
            return
        try:
            if self._autostart.enabled():
                self._autostart.disable()
            else:
                self._autostart.enable()
        except OSError as error:
            self._tell(Notice("Start at login", f"It could not be changed: {error}."))

    def _about(self) -> None:
        snapshot = self._hub.snapshot()
        engine = snapshot.engine.label or "no engine"
        self._tell(Notice(f"Claude Token Saver {snapshot.version}", f"{engine}\n{snapshot.url}"))

    def _submit(self, work: Any) -> None:
        try:
            future = self._hub.submit(work)
        except TokenSaverError as error:
            self._tell(Notice("Not done", str(error)))
            return
        future.add_done_callback(self._report)

    def _report(self, future: "concurrent.futures.Future[Any]") -> None:
        if future.cancelled() or (error := future.exception()) is None:
            return
        if isinstance(error, TokenSaverError):
            self._tell(Notice("Not done", f"{error.cause} {error.next_step}"))
        else:
            logger.error("a menu entry failed", exc_info=error)
            self._tell(Notice("Not done", "An unexpected error; see the log (`token-saver logs`)."))
