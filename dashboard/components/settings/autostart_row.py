"""Start at login: state, system entry and switch."""

import asyncio

from nicegui import ui
from nicegui.events import ValueChangeEventArguments

from dashboard.components.controls.elements import box, text
from dashboard.components.controls.notices import run_action
from dashboard.hub_updates import HubUpdates
from server.common.errors import WriteFailed
from server.common.events import SettingsChanged
from server.config.autostart import find_autostart
from server.hub import Hub


class AutostartRow:
    """A row among the settings, although its state is an operating system entry rather than a setting."""

    def __init__(self, hub: Hub, updates: HubUpdates) -> None:
        self._hub = hub
        self._autostart = find_autostart()
        with box("ts-setting"):
            with box("", "dt"):
                text("Start at login", "ts-setting-name", title=f"On if {self._autostart.where} exists.")
                text("Start Token Saver and its tray icon when you log in.", "ts-sub")
            with box("ts-setting-control", "dd"):
                self._switch = ui.switch(value=False).classes("ts-switch")
                self._switch.props["aria-label"] = "Start at login"
                self._switch.on_value_change(self._change)
        self._show()
        updates.settings_changed.subscribe(self._show)

    def _show(self) -> None:
        self._switch.set_value(self._autostart.enabled())

    async def _change(self, event: ValueChangeEventArguments[bool | None]) -> None:
        on = bool(event.value)
        if on == self._autostart.enabled():
            return
        notice = "Token Saver will start at login." if on else "Token Saver no longer starts at login."
        if await run_action(asyncio.to_thread(self._put, on), notice):
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
