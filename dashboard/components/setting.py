"""One setting: its value, where that comes from, and a way to change it."""

import asyncio
from typing import Any

from nicegui import ui

from dashboard.components.button import button
from dashboard.components.notices import attempt
from dashboard.components.text import box, text
from dashboard.sources import SECRETS, Setting, shown
from server.hub import Hub
from server.settings_file import set_setting

SOURCES = {"default": "default", "file": "config.toml", "environment": "environment"}


class SettingLine:
    """A setting with its editor, which opens at a click."""

    def __init__(self, hub: Hub, setting: Setting) -> None:
        self._hub = hub
        self._setting = setting
        with box("setting") as self.element:
            with box("", "dt"):
                text(setting.name, "mono")
                text(setting.description, "sub")
            with box("", "dd"):
                self._value = text(setting.value, "setting-value")
                self._tag = text(SOURCES[setting.source], f"tag tag-{setting.source}", title=_where(setting))
                if setting.editable:
                    self._edit = button("Change", self._open, look="quiet", label=f"Change {setting.name}")
            self._editor = box("setting-editor", "dd")
            self._editor.set_visibility(False)

    def _open(self) -> None:
        self._edit.set_visibility(False)
        self._editor.set_visibility(True)
        self._editor.clear()
        with self._editor:
            entry = _entry(self._setting)

            async def save() -> None:
                await self._save(entry.value)

            entry.on("keydown.enter", save)
            button("Save", save, look="main", label=f"Save {self._setting.name}")
            button("Leave it", self._close, label=f"Leave it: {self._setting.name}")

    def _close(self) -> None:
        self._editor.set_visibility(False)
        self._edit.set_visibility(True)

    async def _save(self, value: Any) -> None:
        setting = self._setting
        if setting.kind == "int" and value is not None:
            value = int(value)
        write = asyncio.to_thread(set_setting, self._hub.folders, setting.section, setting.name, value)
        if await attempt(write, "Saved. It holds when Token Saver starts again."):
            self._value.set_text(shown(value, f"{setting.section}.{setting.name}"))
            self._tag.set_text(SOURCES["file"])
            self._tag.classes(replace="tag tag-file")
            self._close()


def _entry(setting: Setting) -> Any:
    label = f"{setting.section}.{setting.name}"
    if setting.kind in ("bool", "choice"):
        options = {True: "on", False: "off"} if setting.kind == "bool" else list(setting.choices)
        return ui.select(options, value=setting.raw, label=label).props("outlined dense options-dense")
    if setting.kind in ("int", "float"):
        return ui.number(label, value=setting.raw).props("outlined dense")
    entry = ui.input(label, value=setting.raw or "", password=label in SECRETS)
    return entry.props("outlined dense")


def _where(setting: Setting) -> str:
    if setting.source == "environment":
        return f"Set by {setting.variable}, which goes before the file: change it there."
    return f"The environment variable {setting.variable} would go before it."
