"""The switch of digests in Claude Code. The change to the client's settings is shown before it is written."""

import asyncio
from collections.abc import Callable

from dashboard.components.controls.button import button
from dashboard.components.controls.diff_view import diff_view
from dashboard.components.controls.elements import box, text
from dashboard.components.controls.notices import run_action, show_error
from server.clients import advice, claude_code, config_change
from server.clients.advice import Kind
from server.clients.config_change import ConfigChange
from server.common.errors import TokenSaverError, WriteFailed
from server.config.folders import Folders

_KIND: Kind = "digest"


class DigestSwitch:
    """Whether digests are on, and a button that changes it."""

    def __init__(self, folders: Folders) -> None:
        self._folders = folders
        self._words = text("", "", "p")
        with box("ts-actions"):
            self._button = button("Switch on…", self._plan, look="main")
        self._preview = box("ts-preview")
        self._preview.set_visibility(False)

    async def refresh(self) -> None:
        """Read the client's settings."""
        on = await asyncio.to_thread(advice.is_on, _KIND, "user")
        self._words.set_text(
            "On: large results of commands, MCP servers and logs reach Claude as digests."
            if on
            else "Off. If you switch it on, large results of commands, MCP servers and logs reach Claude as "
            "digests; source code and everything that Claude chose narrowly stay as they are."
        )
        self._button.set_text("Switch off…" if on else "Switch on…")

    async def _plan(self) -> None:
        try:
            change = await asyncio.to_thread(self._change)
        except TokenSaverError as error:
            show_error(error)
            return

        async def write() -> None:
            done = "Done. Claude Code heeds it from its next session on."
            if await run_action(asyncio.to_thread(self._write, change), done):
                self._close()
                await self.refresh()

        self._preview.clear()
        self._preview.set_visibility(True)
        with self._preview:
            text(f"This changes {change.place.path}:", "", "p")
            diff_view(change.diff())
            with box("ts-actions"):
                button("Write the file", write, look="main", icon="check")
                button("Cancel", self._close)

    def _change(self) -> ConfigChange:
        if advice.is_on(_KIND, "user"):
            [change] = advice.plan_off([_KIND], "user", self._folders)
        else:
            claude_code.require_version([_KIND])
            [change] = advice.plan_on([_KIND], "user")
        return change

    def _write(self, change: ConfigChange) -> None:
        act: Callable[[ConfigChange, Folders], object] = config_change.connect
        if advice.is_on(_KIND, "user"):
            act = config_change.disconnect
        try:
            act(change, self._folders)
        except OSError as error:
            raise WriteFailed(
                f"{change.place.path} could not be written: {error.strerror or error}.",
                "Free some disk space or fix the file's permissions, then try again.",
            ) from None

    def _close(self) -> None:
        self._preview.clear()
        self._preview.set_visibility(False)
