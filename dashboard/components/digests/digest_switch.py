"""The switch for digests in Claude Code. Users preview the change to the client's settings first."""

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
    """Shows whether digests are on, with a button to turn them on or off."""

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
            "On: Claude gets digests instead of the whole output of long commands, logs and other tools."
            if on
            else (
                "Off. When you switch digests on, Claude gets a short digest instead of the whole output of "
                "long commands, logs and other tools. It can still ask for every line. Source code stays "
                "unchanged."
            )
        )
        self._button.set_text("Switch off…" if on else "Switch on…")

    async def _plan(self) -> None:
        done = "Done. The change takes effect in the next session of Claude Code."
        await self._preview.show(self._change, "Write the file", done=done, then=self.refresh)

    def _change(self) -> tuple[ConfigChange, Act]:
        if advice.is_on(_KIND, "user"):
            [change] = advice.plan_off([_KIND], "user", self._folders)
            return change, config_change.disconnect
        claude_code.require_version([_KIND])
        [change] = advice.plan_on([_KIND], "user")
        return change, config_change.connect
