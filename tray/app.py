"""The tray: an icon and a menu that show the hub's state. It runs in the main thread."""

import logging
import queue
import sys
import threading
from collections.abc import Callable
from typing import Any

from server.commands.welcome import say_no_tray
from server.common.events import (
    ApprovalAnswered,
    Event,
    OffloadEnded,
    SettingsChanged,
    TranscriptCheckEnded,
)
from server.config.autostart import Autostart, find_autostart
from server.hub import Hub
from server.state.snapshot import Snapshot
from tray.actions import Actions
from tray.approvals import ApprovalWatch
from tray.batches import Batch, BatchWatch
from tray.host import WAITING, make_icon
from tray.icon_drawing import Face, draw
from tray.icon_state import face
from tray.menu import SEPARATOR, Action, Menu, MenuEntry, Pending, build_menu, tooltip
from tray.notices import Notice, notice_of_batch, notice_of_change, notice_of_event
from tray.toolkit import Menu as NativeMenu
from tray.toolkit import MenuItem

logger = logging.getLogger(__name__)

NAME = "token-saver"
PACE_SECONDS = 0.2
"""Minimum time between two icon updates (seconds). A model triggers many events per second."""
# Python handles Ctrl-C only between its own instructions. The native loops of Windows and macOS run no Python
# instructions, so the tray calls back at this interval.
TICK_SECONDS = 0.5 if sys.platform in ("win32", "darwin") else 20.0


def run_tray(hub: Hub, say: Callable[[str], None] = say_no_tray) -> None:
    """Show the icon until the hub quits. Blocks; call this in the main thread.

    If there is no panel, ``say`` is called with a one-line message, and the icon appears once a panel starts.

    Raises:
        TrayUnavailable: this session cannot show an icon, or no longer can.
    """
    Tray(hub, find_autostart(), say).run()


class Tray:
    """Keeps the icon up to date. Its content is computed in a separate thread."""

    def __init__(self, hub: Hub, autostart: Autostart | None, say: Callable[[str], None]) -> None:
        self._hub = hub
        self._say = say
        self._actions = Actions(hub, autostart, self._notify, self._refresh_system)
        self._notices: queue.SimpleQueue[Notice] = queue.SimpleQueue()
        self._changed = threading.Event()
        self._system = self._actions.system_state()
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
            on_open=self._on_open,
        )

    def run(self) -> None:
        """Block until the hub quits.

        Raises:
            TrayUnavailable: the session bus does not answer or has ended.
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
        """Start updating. pystray calls this in a thread once the icon's loop is running."""
        icon.visible = True
        threading.Thread(target=self._follow, name="tray", daemon=True).start()

    def _follow(self) -> None:
        self._actions.refresh_history()
        while not self._ended.is_set():
            self._changed.wait(TICK_SECONDS)
            self._changed.clear()
            try:
                self._refresh()
            except Exception:
                # For many users the icon is the only control: it must survive a failed update.
                logger.exception("could not update the tray")
            self._ended.wait(PACE_SECONDS)
        self._icon.on_main(self._icon.stop)

    def _refresh(self) -> None:
        snapshot = self._hub.snapshot()
        if notice := notice_of_change(self._last, snapshot, self._hub.settings.tray):
            self._notices.put(notice)
        self._last = snapshot
        if self._stale.is_set():
            self._stale.clear()
            self._system = self._actions.system_state()
        picture = self._picture(snapshot)
        self._icon.on_main(lambda: self._show(picture))
        self._send_notices()

    def _picture(self, snapshot: Snapshot) -> tuple[Face, str, Menu]:
        pending = Pending(self._batches.open(), self._approvals.waiting())
        menu = build_menu(snapshot, self._system, pending)
        return face(snapshot, pending), tooltip(snapshot, pending), menu

    def _show(self, picture: tuple[Face, str, Menu]) -> None:
        """Update whatever differs from what is displayed. Runs on the icon's thread."""
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
            if not self._icon.HAS_NOTIFICATION:
                continue
            if notice.choices and hasattr(self._icon, "ask"):
                self._icon.ask(notice.text, notice.title, notice.topic, notice.choices, self._choose)
            else:
                self._icon.notify(notice.text, notice.title)

    def _choose(self, topic: str, choice: str) -> None:
        """Carry out the choice the user made in a notice."""
        if choice in ("approve", "deny"):
            self._actions.run(Action("approve" if choice == "approve" else "deny", topic, "once"))

    def _withdraw(self, topic: str) -> None:
        """Remove a notice whose question has been answered elsewhere."""
        if hasattr(self._icon, "withdraw"):
            self._icon.withdraw(topic)

    def _native(self, menu: Menu) -> Any:
        return NativeMenu(*(self._item(entry) for entry in menu))

    def _item(self, entry: MenuEntry) -> Any:
        if entry is SEPARATOR:
            return NativeMenu.SEPARATOR
        # On Windows "&" marks the access key; "&&" is a literal "&".
        label = entry.label.replace("&", "&&") if sys.platform == "win32" else entry.label
        action = entry.action
        does: Any = None
        if entry.children:
            does = self._native(entry.children)
        elif action is not None:
            does = lambda: self._actions.run(action)  # noqa: E731 - pystray inspects the number of arguments
        checked = None if entry.checked is None else (lambda _, on=entry.checked: on)
        return MenuItem(label, does, checked=checked, default=entry.default, enabled=entry.enabled)

    def _on_open(self) -> None:
        self._refresh_system()
        self._actions.refresh_history()

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
            self._refresh_system()
        if isinstance(event, OffloadEnded | TranscriptCheckEnded):
            self._actions.refresh_history()
        if isinstance(event, ApprovalAnswered):
            self._withdraw(event.approval_id)
        if notice := notice_of_event(event, self._hub.settings.tray):
            self._notify(notice)

    def _notify(self, notice: Notice) -> None:
        """Queue a notice. Can be called from any thread."""
        self._notices.put(notice)
        self._changed.set()

    def _refresh_system(self) -> None:
        """Reload the system state: before the menu opens and after a change."""
        self._stale.set()
        self._changed.set()

    def _end(self) -> None:
        self._ended.set()
        self._changed.set()
