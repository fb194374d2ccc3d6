"""Connections to MCP clients. The change to a client's file is shown before it is written."""

import asyncio
from collections.abc import Callable

from dashboard.components.controls.button import button
from dashboard.components.controls.copy_button import copy_button
from dashboard.components.controls.diff_view import diff_view
from dashboard.components.controls.elements import box, text
from dashboard.components.controls.notices import run_action, show_error
from server.clients import config_change, connect
from server.clients.bridge_command import bridge_command
from server.clients.config_change import ConfigChange
from server.clients.config_files import CLIENTS, ClientName, Place, find_place
from server.commands.welcome import connect_line
from server.common.errors import NotFound, TokenSaverError, WriteFailed
from server.config.folders import Folders

NAMES: dict[ClientName, str] = {
    "claude-code": "Claude Code",
    "claude-desktop": "Claude Desktop",
    "cursor": "Cursor",
    "vscode": "VS Code",
    "codex": "Codex",
    "gemini": "Gemini CLI",
    "windsurf": "Windsurf",
    "zed": "Zed",
}


class ClientConnections:
    """One line per client: its state, and a button that changes it."""

    def __init__(
        self,
        folders: Folders,
        clients: tuple[ClientName, ...] = CLIENTS,
        on_change: Callable[[], object] | None = None,
    ) -> None:
        self._lines = [_Client(folders, name, on_change) for name in clients]
        self._others = text("", "ts-sub", "p")

    async def refresh(self) -> None:
        """Read the clients' files. Clients that are not installed appear by name only."""
        missing = [line.name for line in self._lines if not await line.refresh()]
        self._others.set_text(f"Not installed: {', '.join(missing)}.")
        self._others.set_visibility(bool(missing))


class _Client:
    def __init__(self, folders: Folders, client: ClientName, on_change: Callable[[], object] | None) -> None:
        self._folders = folders
        self._client = client
        self.name = NAMES.get(client, client)
        self._on_change = on_change
        with box("ts-client", "section", self.name) as self._element:
            with box("ts-client-head"):
                text(self.name, "ts-grow", "h3")
                self._state = text("", "ts-tag")
                self._off = button("Disconnect…", self._plan_off, label=f"Disconnect… {self.name}")
                self._on = button("Connect…", self._plan_on, label=f"Connect… {self.name}")
            self._about = text("", "ts-sub", "p")
            self._preview = box("ts-preview")
        self._preview.set_visibility(False)

    async def refresh(self) -> bool:
        """Read the client's file. Return whether the client is installed; if not, hide the line."""
        connected, words = await asyncio.to_thread(self._read)
        self._state.set_text("connected" if connected else "not connected")
        self._state.classes(add="ts-tag-on" if connected else "", remove="" if connected else "ts-tag-on")
        self._about.set_text(words)
        self._off.set_visibility(connected is True)
        self._on.set_visibility(connected is False)
        self._element.set_visibility(connected is not None)
        return connected is not None

    def _read(self) -> tuple[bool | None, str]:
        try:
            place = find_place(self._client, "user", bridge_command())
            return not config_change.plan_connect(place).needed, str(place.path)
        except NotFound:
            return None, ""
        except TokenSaverError as error:
            return False, f"{error.cause} {error.next_step}"

    async def _plan_on(self) -> None:
        await self._show(lambda: config_change.plan_connect(self._place()), "Write the file", connect.turn_on)

    async def _plan_off(self) -> None:
        await self._show(
            lambda: config_change.plan_disconnect(self._place(), self._folders),
            "Remove the entry",
            connect.turn_off,
        )

    def _place(self) -> Place:
        return find_place(self._client, "user", bridge_command())

    async def _show(
        self, plan: Callable[[], ConfigChange], words: str, act: Callable[[ConfigChange, Folders], object]
    ) -> None:
        """Show the change, with a button that writes it."""
        try:
            change = await asyncio.to_thread(plan)
        except TokenSaverError as error:
            show_error(error)
            return

        async def write() -> None:
            if await run_action(asyncio.to_thread(_act, act, change, self._folders), _done(self.name)):
                self._close()
                await self.refresh()
                if self._on_change is not None:
                    self._on_change()

        self._preview.clear()
        self._preview.set_visibility(True)
        with self._preview:
            text(f"This changes {change.place.path}:", "", "p")
            diff_view(change.diff())
            with box("ts-actions"):
                button(words, write, look="main", icon="check", label=f"{words}: {self.name}")
                button("Cancel", self._close)

    def _close(self) -> None:
        self._preview.clear()
        self._preview.set_visibility(False)


def connect_by_hand() -> None:
    """Show the command that connects Claude Code from a terminal."""
    text("Or in a terminal, in any folder:", "ts-sub", "p")
    text(connect_line(), "ts-command", "code")
    copy_button(connect_line(), "Copy the command that connects Claude Code")


def _act(act: Callable[[ConfigChange, Folders], object], change: ConfigChange, folders: Folders) -> None:
    try:
        act(change, folders)
    except OSError as error:
        raise WriteFailed(
            f"{change.place.path} could not be written: {error.strerror or error}.",
            "Free some disk space or fix the file's permissions, then try again.",
        ) from None


def _done(name: str) -> str:
    return f"Done. Restart {name} for the change to take effect."
