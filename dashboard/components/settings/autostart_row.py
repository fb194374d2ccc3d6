"""Start at login: state, system entry and switch."""

import asyncio

from dashboard.components.controls.button import button
from dashboard.components.controls.elements import box, text
from dashboard.components.controls.notices import run_action
from dashboard.hub_updates import HubUpdates
from server.common.errors import WriteFailed
from server.common.events import SettingsChanged
from server.config.autostart import find_autostart
from server.hub import Hub


class AutostartRow:
    """A row among the settings. The state is an entry in the operating system, not a setting."""

    def __init__(self, hub: Hub, updates: HubUpdates) -> None:
        self._hub = hub
        self._autostart = find_autostart()
        with box("ts-setting"):
            with box("", "dt"):
                text("start at login", "ts-mono")
                text("Start Token Saver and its tray icon when you log in.", "ts-sub")
            with box("", "dd"):
                self._value = text("", "ts-setting-value")
                text("login entry", "ts-tag", title=f"On if {self._autostart.where} exists.")
                self._switch = button("", self._change, look="quiet")
        self._show()
        updates.settings_changed.subscribe(self._show)

    def _show(self) -> None:
        on = self._autostart.enabled()
        self._value.set_text("on" if on else "off")
        self._switch.set_text("Turn off" if on else "Turn on")
        label = f"Turn {'off' if on else 'on'}: start at login"
        self._switch.props["aria-label"] = self._switch.props["title"] = label

    async def _change(self) -> None:
        on = self._autostart.enabled()
        notice = "Token Saver no longer starts at login." if on else "Token Saver will start at login."
        if await run_action(asyncio.to_thread(self._put, not on), notice):
            self._hub.events.publish(SettingsChanged("start at login", self._autostart.where))
        self._show()

    def _put(self, on: bool) -> None:
        try:
            if on:
                self._autostart.enable()
            else:
                self._autostart.disable()
        except OSError as error:
            raise WriteFailed(
                f"{self._autostart.where} could not be changed: {error.strerror or error}.",
                "Free some disk space or fix the file's permissions, then try again.",
            ) from None
