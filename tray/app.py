"""The tray: an icon and a menu that follow the hub's snapshots, on the main thread."""

import logging
import queue
import sys
import threading
from collections.abc import Callable
from typing import Any

from server.commands.welcome import say_no_tray
from server.common.events import Event, SettingsChanged
from server.config.autostart import Autostart, find_autostart
from server.hub import Hub
from server.state.snapshot import Snapshot
from tray.actions import Actions
from tray.approvals import ApprovalWatch
from tray.batches import Batch, BatchWatch
from tray.host import WAITING, make_icon
from tray.icon import Face, draw
from tray.menu import SEPARATOR, Entry, Menu, Pending, build_menu, face, tooltip
from tray.notices import Notice, notice_of_batch, notice_of_change, notice_of_event
from tray.toolkit import Menu as NativeMenu
from tray.toolkit import MenuItem

logger = logging.getLogger(__name__)

NAME = "token-saver"
PACE_SECONDS = 0.2
"""The least time between two changes of the icon (seconds): a model writes many events a second."""
# Python sees Ctrl-C only when it runs a line of its own, which the loops of Windows and macOS keep it
# from: there, the tray calls back that often.
TICK_SECONDS = 0.5 if sys.platform in ("win32", "darwin") else 20.0


def run_tray(hub: Hub, say: Callable[[str], None] = say_no_tray) -> None:
    """Show the icon until the hub quits. Call in the main thread; it blocks.

    Where a panel is missing, ``say`` gets one line, and the icon appears once a panel starts.

    Raises:
        TrayUnavailable: there can be no icon in this session (any more).
    """
    Tray(hub, find_autostart(), say).run()


class Tray:
    """Keeps the icon up to date. What it shows is computed and compared in a thread of its own."""

    def __init__(self, hub: Hub, autostart: Autostart | None, say: Callable[[str], None]) -> None:
        self._hub = hub
        self._say = say
        self._actions = Actions(hub, autostart, self._tell, self._look_around)
        self._notices: queue.SimpleQueue[Notice] = queue.SimpleQueue()
        self._changed = threading.Event()
        self._around = self._actions.surroundings()
        self._stale = threading.Event()
        self._batches = BatchWatch(hub, self._on_batch)
        self._approvals = ApprovalWatch()
        self._ended = threading.Event()
        self._last: Snapshot = hub.snapshot()
        self._shown: tuple[Face, str, Menu] = self._picture(self._last)
        self._icon = make_icon(
            NAME,
            draw(self._shown[0]),
            self._shown[1],
            self._native(self._shown[2]),
            on_host=self._on_host,
            on_open=self._look_around,
        )

    def run(self) -> None:
        """Block until the hub quits.

        Raises:
            TrayUnavailable: the session bus does not answer, or went away.
        """
        self._hub.on_quit(self._end)
        forget_change = self._hub.on_change(self._changed.set)
        forget_event = self._hub.events.subscribe(self._on_event)
        try:
            self._icon.run(setup=self._start)
        finally:
            self._end()
            forget_change()
            forget_event()

    def _start(self, icon: Any) -> None:
        """Called by pystray, in a thread, once the icon's loop runs."""
        icon.visible = True
        threading.Thread(target=self._follow, name="tray", daemon=True).start()

    def _follow(self) -> None:
        while not self._ended.is_set():
            self._changed.wait(TICK_SECONDS)
            self._changed.clear()
            try:
                self._refresh()
            except Exception:
                # The icon is the only way out for many users: it must outlive a failed update.
                logger.exception("the tray could not be brought up to date")
            self._ended.wait(PACE_SECONDS)
        self._icon.on_main(self._icon.stop)

    def _refresh(self) -> None:
        snapshot = self._hub.snapshot()
        if notice := notice_of_change(self._last, snapshot, self._hub.settings.tray):
            self._notices.put(notice)
        self._last = snapshot
        if self._stale.is_set():
            self._stale.clear()
            self._around = self._actions.surroundings()
        picture = self._picture(snapshot)
        self._icon.on_main(lambda: self._show(picture))
        self._send_notices()

    def _picture(self, snapshot: Snapshot) -> tuple[Face, str, Menu]:
        pending = Pending(self._batches.open(), self._approvals.waiting())
        menu = build_menu(snapshot, self._around, pending)
        return face(snapshot, pending), tooltip(snapshot, pending), menu

    def _show(self, picture: tuple[Face, str, Menu]) -> None:
        """Change what differs from what is shown. Runs on the icon's thread."""
        before, self._shown = self._shown, picture
        if picture[0] != before[0]:
            self._icon.icon = draw(picture[0])
        if picture[1] != before[1]:
            self._icon.title = picture[1]
        if picture[2] != before[2]:
            self._icon.menu = self._native(picture[2])

    def _send_notices(self) -> None:
        while True:
            try:
                notice = self._notices.get_nowait()
            except queue.Empty:
                return
            if self._icon.HAS_NOTIFICATION:
                self._icon.notify(notice.text, notice.title)

    def _native(self, menu: Menu) -> Any:
        return NativeMenu(*(self._item(entry) for entry in menu))

    def _item(self, entry: Entry) -> Any:
        if entry is SEPARATOR:
            return NativeMenu.SEPARATOR
        # On Windows "&" marks the letter that a keyboard selects; doubled, it is itself.
        label = entry.label.replace("&", "&&") if sys.platform == "win32" else entry.label
        action = entry.action
        does: Any = None
        if entry.children:
            does = self._native(entry.children)
        elif action is not None:
            does = lambda: self._actions.run(action)  # noqa: E731 - pystray counts a function's arguments
        checked = None if entry.checked is None else (lambda _, on=entry.checked: on)
        return MenuItem(label, does, checked=checked, default=entry.default, enabled=entry.enabled)

    def _on_host(self, hosted: bool) -> None:
        if not hosted:
            self._say(WAITING)

    def _on_batch(self, before: Batch | None, after: Batch) -> None:
        if notice := notice_of_batch(before, after, self._hub.settings.tray):
            self._notices.put(notice)
        self._changed.set()

    def _on_event(self, event: Event) -> None:
        self._batches.take(event)
        if self._approvals.take(event):
            self._changed.set()
        if isinstance(event, SettingsChanged):
            self._look_around()
        if notice := notice_of_event(event, self._hub.settings.tray):
            self._tell(notice)

    def _tell(self, notice: Notice) -> None:
        """Show a notice soon; from any thread."""
        self._notices.put(notice)
        self._changed.set()

    def _look_around(self) -> None:
        """Ask the system again (start at login, clients): before the menu opens, and after a change."""
        self._stale.set()
        self._changed.set()

    def _end(self) -> None:
        self._ended.set()
        self._changed.set()
