"""The tray icon on Linux: a StatusNotifierItem with a menu, over the session bus.

pystray's own backends need GTK, which virtual environments lack, or have no menu (X11). This backend needs
only a session bus. The panel can start and stop at any time, and receives the icon on each start.
Specification: https://www.freedesktop.org/wiki/Specifications/StatusNotifierItem/
"""

import asyncio
import html
import logging
import os
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

from dbus_fast import DBusError, Message, MessageType, Variant
from dbus_fast.aio import MessageBus
from dbus_fast.errors import DBusFastError

from server.common.aio import BackgroundTasks, cancel_and_wait
from tray.dbusmenu import DBusMenu
from tray.sni_item import ITEM_PATH, MENU_PATH, StatusNotifierItem, pixmaps
from tray.toolkit import BaseIcon, TrayUnavailable

logger = logging.getLogger(__name__)

WATCHER = "org.kde.StatusNotifierWatcher"
WATCHER_PATH = "/StatusNotifierWatcher"
NOTIFICATIONS = "org.freedesktop.Notifications"
NOTIFICATIONS_PATH = "/org/freedesktop/Notifications"
BUS = "org.freedesktop.DBus"
CLOSE_NOTICE = (NOTIFICATIONS, NOTIFICATIONS_PATH, NOTIFICATIONS, "CloseNotification", "u")
NOTICE_ICON_SIZE = 64

_ICONS = iter(range(1, 1_000_000))


def session_bus_address() -> str | None:
    """Return the address of the user's session bus, or None."""
    if address := os.environ.get("DBUS_SESSION_BUS_ADDRESS"):
        return address
    # systemd puts the bus here; sessions without the variable (ssh, cron) can still find it.
    socket = Path(os.environ.get("XDG_RUNTIME_DIR") or "/nonexistent") / "bus"
    return f"unix:path={socket}" if socket.is_socket() else None


async def has_watcher(address: str) -> bool:
    """Return whether a StatusNotifierWatcher is running on the bus at ``address``.

    Raises:
        OSError: nothing is listening at this address.
        DBusFastError: the listener does not speak D-Bus.
    """
    bus = await MessageBus(address).connect()
    try:
        reply = await bus.call(
            Message(
                destination=BUS,
                path="/org/freedesktop/DBus",
                interface=BUS,
                member="NameHasOwner",
                signature="s",
                body=[WATCHER],
            )
        )
        return reply is not None and reply.body == [True]
    finally:
        bus.disconnect()


class Icon(BaseIcon):  # type: ignore[misc]  # pystray has no types
    """pystray's ``Icon`` over D-Bus. ``run`` blocks; all other methods can be called from any thread.

    ``on_host`` is told, at the start and after each change, whether a panel is showing the icon. ``on_open``
    is called before the menu opens. Both run on the thread of ``run`` and must not block.
    """

    HAS_MENU_RADIO = True

    def __init__(
        self,
        *args: Any,
        on_host: Callable[[bool], None] = lambda _: None,
        on_open: Callable[[], None] = lambda: None,
        **kwargs: Any,
    ) -> None:
        super().__init__(*args, **kwargs)
        self._running = False
        self._on_host = on_host
        self._on_open = on_open
        self._hosted: bool | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._bus: MessageBus | None = None
        self._stopping = asyncio.Event()
        self._tasks = BackgroundTasks()
        self._bus_name = f"org.kde.StatusNotifierItem-{os.getpid()}-{next(_ICONS)}"
        self._notice_id = 0
        self._questions: dict[str, int] = {}
        """Ids of the notices with buttons, by topic."""
        self._on_choice: Callable[[str, str], None] = lambda _topic, _choice: None

    def on_main(self, call: Callable[[], Any]) -> None:
        """Run ``call`` immediately, because every method here is thread-safe."""
        call()

    def _run(self) -> None:
        try:
            asyncio.run(self._serve())
        finally:
            self._loop = self._bus = None
            if not self._running:
                # A thread waits for readiness; the process could not end before it.
                self._mark_ready()
            self._running = False

    async def _serve(self) -> None:
        self._loop = asyncio.get_running_loop()
        bus = await self._connect()
        self._item = StatusNotifierItem(self.name, self.title, self._activate)
        self._menu_export = DBusMenu(self._click, self._on_open)
        bus.export(ITEM_PATH, self._item)
        bus.export(MENU_PATH, self._menu_export)
        # The name comes first, because a panel can start at any moment and needs the name.
        await bus.request_name(self._bus_name)
        if self._icon:
            self._item.set_pixmaps(pixmaps(self._icon))
        self._mark_ready()
        bus.add_message_handler(self._on_message)
        for rule in (
            f"type='signal',sender='{BUS}',member='NameOwnerChanged',arg0='{WATCHER}'",
            f"type='signal',interface='{NOTIFICATIONS}',member='ActionInvoked'",
            f"type='signal',interface='{WATCHER}'",
        ):
            await self._call(BUS, "/org/freedesktop/DBus", BUS, "AddMatch", "s", rule)
        await self._register()
        try:
            await self._until_stopped(bus)
        finally:
            bus.disconnect()

    async def _connect(self) -> MessageBus:
        address = session_bus_address()
        if address is None:
            raise TrayUnavailable("no session bus (DBUS_SESSION_BUS_ADDRESS is not set)")
        try:
            self._bus = await MessageBus(address).connect()
        except (OSError, DBusFastError, EOFError) as error:
            raise TrayUnavailable(f"the session bus at {address} does not answer ({error})") from None
        return self._bus

    async def _until_stopped(self, bus: MessageBus) -> None:
        """Return on ``stop``. Raise if the bus goes away with the user's session."""
        stopping = asyncio.create_task(self._stopping.wait())
        lost = asyncio.create_task(bus.wait_for_disconnect())  # type: ignore[no-untyped-call]  # untyped in dbus-fast
        try:
            await asyncio.wait((stopping, lost), return_when=asyncio.FIRST_COMPLETED)
            if not self._stopping.is_set():
                raise TrayUnavailable("the session bus ended")
        finally:
            await cancel_and_wait(stopping, lost)

    async def _register(self) -> None:
        """Register the icon with the panel, if one is running."""
        hosted = False
        try:
            owned = await self._call(BUS, "/org/freedesktop/DBus", BUS, "NameHasOwner", "s", WATCHER)
            if owned[0]:
                await self._call(
                    WATCHER, WATCHER_PATH, WATCHER, "RegisterStatusNotifierItem", "s", self._bus_name
                )
                hosted = await self._host_registered()
        except DBusError as error:
            # The panel ended during the call; the bus announces its return.
            logger.info("the panel did not accept the icon: %s", error.text)
        if hosted != self._hosted:
            self._hosted = hosted
            self._on_host(hosted)

    async def _host_registered(self) -> bool:
        """Return whether the watcher has a host that shows icons; KDE's watcher also runs without one."""
        get = (WATCHER, WATCHER_PATH, "org.freedesktop.DBus.Properties", "Get", "ss")
        answer = await self._call(*get, WATCHER, "IsStatusNotifierHostRegistered")
        return bool(answer[0].value)

    def _on_message(self, message: Message) -> bool:
        if message.message_type is not MessageType.SIGNAL:
            return False
        match message.interface, message.member:
            case ("org.freedesktop.DBus", "NameOwnerChanged"):
                self._start(self._register())
            case ("org.kde.StatusNotifierWatcher", "StatusNotifierHostRegistered"):
                self._start(self._register())
            case ("org.kde.StatusNotifierWatcher", "StatusNotifierHostUnregistered"):
                self._start(self._register())
            case ("org.freedesktop.Notifications", "ActionInvoked"):
                # After the task that waits for the notice's ID: one read can bring the reply and the click.
                asyncio.get_running_loop().call_soon(self._invoke, *message.body[:2])
        return False

    def _invoke(self, notice: int, choice: str) -> None:
        """Handle a click on a notice or one of its buttons."""
        topic = next((topic for topic, each in self._questions.items() if each == notice), "")
        if topic and choice != "default":
            del self._questions[topic]
            self._guarded(lambda: self._on_choice(topic, choice))
        elif topic or (self._notice_id and notice == self._notice_id):
            self._activate()

    def _activate(self) -> None:
        self._guarded(self)

    def _click(self, item: Any) -> None:
        self._guarded(self._handler(item))

    def _guarded(self, call: Callable[[], Any]) -> None:
        try:
            call()
        except Exception:
            # A failing entry must not stop the icon.
            logger.exception("a menu entry failed")

    def _show(self) -> None:
        self._soon(lambda: self._item.set_status("Active"))

    def _hide(self) -> None:
        self._soon(lambda: self._item.set_status("Passive"))

    def _update_icon(self) -> None:
        images = pixmaps(self._icon)
        self._soon(lambda: self._item.set_pixmaps(images))
        self._icon_valid = True

    def _update_title(self) -> None:
        title = self.title
        self._soon(lambda: self._item.set_title(title))

    def _update_menu(self) -> None:
        self._soon(lambda: self._menu_export.replace(self.menu))

    def _stop(self) -> None:
        if self._loop is not None:
            # This is needed even on the loop's own thread, because a signal handler must wake the loop.
            self._loop.call_soon_threadsafe(self._stopping.set)

    def ask(
        self,
        message: str,
        title: str,
        topic: str,
        choices: tuple[tuple[str, str], ...],
        on_choice: Callable[[str, str], None],
    ) -> None:
        """Show a notice with buttons. ``on_choice`` receives the topic and the key of the button clicked."""
        self._on_choice = on_choice
        self._soon(lambda: self._start(self._send_notice(message, title, topic, choices)))

    def withdraw(self, topic: str) -> None:
        """Remove the notice for a topic if it is still showing."""

        def close() -> None:
            if notice := self._questions.pop(topic, 0):
                self._start(self._quietly(self._call(*CLOSE_NOTICE, notice)))

        self._soon(close)

    def _notify(self, message: str, title: str | None = None) -> None:
        self._soon(lambda: self._start(self._send_notice(message, title or self.name)))

    async def _send_notice(
        self, message: str, title: str, topic: str = "", choices: tuple[tuple[str, str], ...] = ()
    ) -> None:
        hints = {"desktop-entry": Variant("s", self.name)}
        if self._icon:
            size = NOTICE_ICON_SIZE
            pixels = self._icon.convert("RGBA").resize((size, size)).tobytes()
            hints["image-data"] = Variant("(iiibiiay)", [size, size, size * 4, True, 8, 4, pixels])
        server = (NOTIFICATIONS, NOTIFICATIONS_PATH, NOTIFICATIONS)
        try:
            able = await self._call(*server, "GetCapabilities", "")
            # If the server renders markup, a client's name must not be interpreted as markup.
            text = html.escape(message, quote=False) if "body-markup" in able[0] else message
            buttons = [*(part for choice in choices for part in choice), "default", "Open dashboard"]
            # A question stays beside other notices. Other notices replace each other.
            replaced = 0 if topic else self._notice_id
            body = (self.name, replaced, "", title, text, buttons, hints, -1)
            answer = await self._call(*server, "Notify", "susssasa{sv}i", *body)
            if topic:
                self._questions[topic] = int(answer[0])
            else:
                self._notice_id = int(answer[0])
        except DBusError as error:
            logger.info("the desktop did not show a notice: %s", error.text)

    def _remove_notification(self) -> None:
        if self._notice_id:
            self._soon(lambda: self._start(self._quietly(self._call(*CLOSE_NOTICE, self._notice_id))))

    async def _quietly(self, call: Coroutine[Any, Any, Any]) -> None:
        try:
            await call
        except DBusError as error:
            logger.info("the desktop did not close a notice: %s", error.text)

    async def _call(
        self, name: str, path: str, interface: str, member: str, signature: str, *body: Any
    ) -> list[Any]:
        """Call a method and return its result.

        Raises:
            DBusError: the method failed, or its service does not exist.
        """
        if self._bus is None:
            return []
        message = Message(
            destination=name,
            path=path,
            interface=interface,
            member=member,
            signature=signature,
            body=list(body),
        )
        reply = await self._bus.call(message)
        if reply is None:
            return []
        if reply.message_type is MessageType.ERROR:
            raise DBusError(reply.error_name or "org.freedesktop.DBus.Error.Failed", str(reply.body[:1]))
        return list(reply.body)

    def _start(self, work: Coroutine[Any, Any, None]) -> None:
        self._tasks.start(work)

    def _soon(self, call: Callable[[], Any]) -> None:
        """Run a call on the loop's thread: immediately if already there, otherwise as soon as the thread is
        free.
        """
        loop = self._loop
        if loop is None or self._bus is None or loop.is_closed():
            return
        try:
            running = asyncio.get_running_loop()
        except RuntimeError:
            running = None
        if running is loop:
            call()
        else:
            loop.call_soon_threadsafe(call)
