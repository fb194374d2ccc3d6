"""The switch of digests in Claude Code. The change to the client's settings is shown before it is written."""

import asyncio

from dashboard.components.controls.button import button
from dashboard.components.controls.change_preview import Act, ChangePreview
from dashboard.components.controls.elements import box, text
from server.clients import advice, claude_code, config_change
from server.clients.advice import Kind
from server.clients.config_change import ConfigChange
from server.config.folders import Folders

_KIND: Kind = "digest"


class DigestSwitch:
    """Whether digests are on, and a button that changes it."""

    def __init__(self, folders: Folders) -> None:
        self._folders = folders
        self._words = text("", "", "p")
        with box("ts-actions"):
            self._button = button("Switch on…", self._plan, look="main")
        self._preview = ChangePreview(folders)

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
        done = "Done. Claude Code heeds it from its next session on."
        await self._preview.show(self._change, "Write the file", done=done, then=self.refresh)

    def _change(self) -> tuple[ConfigChange, Act]:
        if advice.is_on(_KIND, "user"):
            [change] = advice.plan_off([_KIND], "user", self._folders)
            return change, config_change.disconnect
        claude_code.require_version([_KIND])
        [change] = advice.plan_on([_KIND], "user")
        return change, config_change.connect
