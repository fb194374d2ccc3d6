"""Connections to MCP clients. Users see the change to a client's file before it is written."""

import asyncio
from collections.abc import Callable

from dashboard.components.controls.button import button
from dashboard.components.controls.change_preview import Act, ChangePreview
from dashboard.components.controls.copy_button import copy_button
from dashboard.components.controls.elements import box, text
from server.clients import config_change, connect
from server.clients.bridge_command import bridge_command
from server.clients.config_change import ConfigChange
from server.clients.config_files import CLIENTS, ClientName, Place, find_place
from server.commands.welcome import connect_line
from server.common.errors import NotFound, TokenSaverError
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
    "opencode": "opencode",
    "qwen-code": "Qwen Code",
}


class ClientConnections:
    """One line per client: its state, and a button to change it. Below them is the command that connects
    Claude Code from a terminal.
    """

    def __init__(
        self,
        folders: Folders,
        clients: tuple[ClientName, ...] = CLIENTS,
        on_change: Callable[[], object] | None = None,
    ) -> None:
        self._lines = [_Client(folders, name, on_change) for name in clients]
        self._others = text("", "ts-sub", "p")
        self._by_hand = text("", "ts-sub", "p")
        text(connect_line(), "ts-command", "code")
        copy_button(connect_line(), "Copy the command that connects Claude Code")

    async def refresh(self) -> None:
        """Read the clients' files. Clients that are not installed are merely listed by name."""
        missing = [line.name for line in self._lines if not await line.refresh()]
        self._others.set_text(f"Not installed: {', '.join(missing)}.")
        self._others.set_visibility(bool(missing))
        absent = NAMES["claude-code"] in missing
        self._by_hand.set_text(
            "After you install Claude Code, reload this page, or run this in a terminal, in any folder:"
            if absent
            else "You can also connect Claude Code in a terminal, in any folder:"
        )


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
            self._preview = ChangePreview(folders)

    async def refresh(self) -> bool:
        """Read the client's file. Return whether the client is installed; if not, hide its line."""
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
        await self._show(
            lambda: (config_change.plan_connect(self._place()), connect.turn_on), "Write the file"
        )

    async def _plan_off(self) -> None:
        await self._show(
            lambda: (config_change.plan_disconnect(self._place(), self._folders), connect.turn_off),
            "Remove the entry",
        )

    def _place(self) -> Place:
        return find_place(self._client, "user", bridge_command())

    async def _show(self, plan: Callable[[], tuple[ConfigChange, Act]], words: str) -> None:
        done = f"Done. Restart {self.name} for the change to take effect."
        await self._preview.show(plan, words, done=done, then=self._changed, label=f"{words}: {self.name}")

    async def _changed(self) -> None:
        await self.refresh()
        self._about.set_text(f"Restart {self.name} for the change to take effect.")
        if self._on_change is not None:
            self._on_change()
