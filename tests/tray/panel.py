"""A private session bus with a panel that accepts icons and clicks.

The panel uses the real protocols on a real bus; it only has no pixels.
"""

import asyncio
import itertools
import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from dbus_fast import Message, MessageType, PropertyAccess, Variant
from dbus_fast.aio import MessageBus
from dbus_fast.annotations import DBusBool, DBusStr
from dbus_fast.service import ServiceInterface, dbus_method, dbus_property, dbus_signal

from tests.system import require

WATCHER = "org.kde.StatusNotifierWatcher"
ITEM = "org.kde.StatusNotifierItem"
MENU = "com.canonical.dbusmenu"
NOTIFICATIONS = "org.freedesktop.Notifications"
PATIENCE = 120.0
"""Time limit for an expected event (seconds)."""


@dataclass(frozen=True)
class SessionBus:
    """A private bus, and the environment of the programs in its session."""

    address: str
    environment: dict[str, str]


@contextmanager
def session_bus(home: Path, **more: str) -> Iterator[SessionBus]:
    """Run a bus without access to the user's session. Programs that the bus starts inherit these
    variables."""
    require("dbus-daemon")
    environment = {
        "PATH": os.environ["PATH"],
        "HOME": str(home),
        "LANG": "C.UTF-8",
        "XDG_CONFIG_HOME": str(home / "config"),
        "XDG_CACHE_HOME": str(home / "cache"),
        "XDG_DATA_HOME": str(home / "data"),
        "XDG_RUNTIME_DIR": str(home / "run"),
        **more,
    }
    for name in ("config", "cache", "data", "run"):
        (home / name).mkdir(mode=0o700, parents=True, exist_ok=True)
    command = ["dbus-daemon", "--session", "--nofork", "--print-address=1"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, env=environment, text=True) as daemon:
        assert daemon.stdout is not None
        try:
            address = daemon.stdout.readline().strip()
            yield SessionBus(address, {**environment, "DBUS_SESSION_BUS_ADDRESS": address})
        finally:
            daemon.terminate()


class Watcher(ServiceInterface):
    """``org.kde.StatusNotifierWatcher``: icons register here."""

    def __init__(self) -> None:
        super().__init__(WATCHER)
        self.items: asyncio.Queue[str] = asyncio.Queue()

    @dbus_method(name="RegisterStatusNotifierItem")
    def register_item(self, service: DBusStr) -> None:
        self.items.put_nowait(service)

    @dbus_property(access=PropertyAccess.READ, name="IsStatusNotifierHostRegistered")
    def has_host(self) -> DBusBool:
        return True


class Notifications(ServiceInterface):
    """``org.freedesktop.Notifications``: notices arrive here."""

    def __init__(self) -> None:
        super().__init__(NOTIFICATIONS)
        self.notices: asyncio.Queue[tuple[str, str]] = asyncio.Queue()
        self.capabilities = ["actions", "body"]
        self.buttons: dict[int, list[str]] = {}
        """The keys and labels of each notice's buttons, by its id."""
        self.closed: list[int] = []
        self.clicked_at_once = ""
        """The key of a button that is clicked as soon as a notice appears."""
        self._ids = itertools.count(7)

    @dbus_method(name="GetCapabilities")
    def get_capabilities(self) -> "as":  # noqa: F722
        return self.capabilities

    @dbus_method(name="Notify")
    def notify(  # noqa: PLR0917 - the protocol's arguments
        self,
        app: "s",  # noqa: F821 - D-Bus signatures, here and below
        replaces: "u",  # noqa: F821
        icon: "s",  # noqa: F821
        title: "s",  # noqa: F821
        text: "s",  # noqa: F821
        actions: "as",  # noqa: F722
        hints: "a{sv}",  # noqa: F722
        timeout: "i",  # noqa: F821
    ) -> "u":  # noqa: F821
        notice = replaces or next(self._ids)
        self.buttons[notice] = actions
        self.notices.put_nowait((title, text))
        if self.clicked_at_once:
            asyncio.get_running_loop().call_soon(self.action_invoked, notice, self.clicked_at_once)
        return notice

    @dbus_method(name="CloseNotification")
    def close_notification(self, notice: "u") -> None:  # noqa: F821
        self.closed.append(notice)

    @dbus_signal(name="ActionInvoked")
    def action_invoked(self, notice: int, action: str) -> "us":  # noqa: F821
        return [notice, action]


@dataclass
class Shown:
    """A menu entry as the panel would show it."""

    id: int
    label: str
    enabled: bool = True
    checked: bool | None = None
    separator: bool = False
    children: list["Shown"] = field(default_factory=list)


class Panel:
    """Accepts the icons of one session bus. Use it with ``async with``."""

    def __init__(self, address: str) -> None:
        self._address = address
        self.watcher = Watcher()
        self.notifications = Notifications()
        self.signals: asyncio.Queue[str] = asyncio.Queue()
        self.item = ""

    async def __aenter__(self) -> "Panel":
        self._bus = await MessageBus(self._address).connect()
        self._bus.add_message_handler(self._note_signal)
        for interface in (ITEM, MENU):
            await self._call(
                "org.freedesktop.DBus",
                "/org/freedesktop/DBus",
                "org.freedesktop.DBus",
                "AddMatch",
                "s",
                f"type='signal',interface='{interface}'",
            )
        self._bus.export("/StatusNotifierWatcher", self.watcher)
        self._bus.export("/org/freedesktop/Notifications", self.notifications)
        await self._bus.request_name(NOTIFICATIONS)
        await self._bus.request_name(WATCHER)
        return self

    async def __aexit__(self, *_: object) -> None:
        self._bus.disconnect()
        await self._bus.wait_for_disconnect()

    async def icon(self) -> str:
        """Wait until an icon registers. The other methods use this icon."""
        async with asyncio.timeout(PATIENCE):
            self.item = await self.watcher.items.get()
        return self.item

    async def properties(self) -> dict[str, Any]:
        answer = await self._call(
            self.item, "/StatusNotifierItem", "org.freedesktop.DBus.Properties", "GetAll", "s", ITEM
        )
        return {name: value.value for name, value in answer[0].items()}

    async def activate(self) -> None:
        """Click with the left button."""
        await self._call(self.item, "/StatusNotifierItem", ITEM, "Activate", "ii", 3, 4)

    async def menu(self, *, opened: bool = True) -> list[Shown]:
        """Return the menu. With ``opened`` the app is told that it opens and updates it first."""
        path = (await self.properties())["Menu"]
        if opened:
            await self._call(self.item, path, MENU, "AboutToShow", "i", 0)
        answer = await self._call(self.item, path, MENU, "GetLayout", "iias", 0, -1, [])
        return _shown(answer[1]).children

    async def labels(self) -> list[str]:
        return [entry.label for entry in await self.menu()]

    async def click(self, *labels: str) -> None:
        """Click the entry at this path of labels. Each label matches by its start."""
        entry = await self.find(*labels)
        path = (await self.properties())["Menu"]
        await self._call(self.item, path, MENU, "Event", "isvu", entry.id, "clicked", Variant("i", 0), 0)

    async def find(self, *labels: str) -> Shown:
        entries = await self.menu()
        found = _below(entries, labels)
        assert found, f"no {labels} among {[entry.label for entry in entries]}"
        return found[0]

    async def until_label(self, start: str) -> None:
        """Wait until the label of an entry starts with ``start``."""
        try:
            async with asyncio.timeout(PATIENCE):
                while not any(label.startswith(start) for label in await self.labels()):
                    await asyncio.sleep(0.05)
        except TimeoutError:
            raise AssertionError(f"no {start!r} in {await self.labels()}") from None

    async def until_entry(self, *labels: str) -> None:
        """Wait until an entry exists at this path of labels. Each label matches by its start."""
        async with asyncio.timeout(PATIENCE):
            while not _below(await self.menu(), labels):
                await asyncio.sleep(0.05)

    async def until_no_label(self, start: str) -> None:
        """Wait until no label starts with ``start``."""
        async with asyncio.timeout(PATIENCE):
            while any(label.startswith(start) for label in await self.labels()):
                await asyncio.sleep(0.05)

    async def call(self, member: str, signature: str, *body: Any) -> list[Any]:
        """Call a method of the icon's menu."""
        return await self._call(self.item, "/MenuBar", MENU, member, signature, *body)

    async def _call(
        self, name: str, path: str, interface: str, member: str, signature: str, *body: Any
    ) -> list[Any]:
        async with asyncio.timeout(PATIENCE):
            reply = await self._bus.call(
                Message(
                    destination=name,
                    path=path,
                    interface=interface,
                    member=member,
                    signature=signature,
                    body=list(body),
                )
            )
        assert reply is not None
        assert reply.message_type is MessageType.METHOD_RETURN, f"{member}: {reply.body}"
        return list(reply.body)

    def _note_signal(self, message: Message) -> bool:
        if message.message_type is MessageType.SIGNAL and message.interface in (ITEM, MENU):
            self.signals.put_nowait(message.member)
        return False


def _below(entries: list[Shown], labels: tuple[str, ...]) -> list[Shown]:
    """Return the entries at a path of labels. Each label matches by its start."""
    label, *rest = labels
    found = [entry for entry in entries if entry.label.startswith(label)]
    return _below(found[0].children, tuple(rest)) if rest and found else found


def _shown(layout: Any) -> Shown:
    entry, properties, children = layout
    label = properties["label"].value.replace("__", "_") if "label" in properties else ""
    state = properties.get("toggle-state")
    return Shown(
        id=entry,
        label=label,
        enabled=properties["enabled"].value if "enabled" in properties else True,
        checked=None if state is None else bool(state.value),
        separator="type" in properties,
        children=[_shown(child.value) for child in children],
    )
