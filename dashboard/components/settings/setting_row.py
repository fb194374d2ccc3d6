"""One setting: its value, where the value comes from, and an editor."""

from typing import Any

from nicegui import ui
from nicegui.elements.mixins.text_element import TextElement

from dashboard.components.controls.button import button
from dashboard.components.controls.elements import box, set_classes, set_title, text
from dashboard.components.controls.notices import run_action
from server.config.sources import SECRETS, Setting, Source, shown
from server.hub import AT_ONCE, Hub

SOURCES: dict[Source, str] = {"default": "default", "file": "config.toml", "environment": "environment"}


class SettingRow:
    """A setting with an editor that opens on a click."""

    def __init__(self, hub: Hub, setting: Setting) -> None:
        self._hub = hub
        self._setting = setting
        with box("ts-setting"):
            name_of(setting)
            with box("", "dd"):
                self._value = text(setting.value, "ts-setting-value")
                self._tag = source_tag(setting)
                if setting.editable:
                    self._edit = button("Change", self._open, look="quiet", label=f"Change {setting.name}")
            self._editor = box("ts-setting-editor", "dd")
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
            button("Cancel", self._close, label=f"Cancel: {self._setting.name}")

    def _close(self) -> None:
        self._editor.set_visibility(False)
        self._edit.set_visibility(True)

    async def _save(self, value: Any) -> None:
        setting = self._setting
        if setting.kind == "int" and value is not None:
            value = int(value)
        if await save_setting(self._hub, setting.section, setting.name, value):
            self._value.set_text(shown(value, f"{setting.section}.{setting.name}"))
            show_source(self._tag, "file")
            self._close()


async def save_setting(hub: Hub, section: str, name: str, value: object) -> bool:
    """Write a setting and show when it takes effect. Return whether it was written."""
    at_once = (section or name) in AT_ONCE
    notice = "Saved." if at_once else "Saved. It takes effect when Token Saver restarts."
    return await run_action(hub.change_setting(section, name, value), notice)


def name_of(setting: Setting) -> None:
    """Show the name and the meaning of the setting."""
    with box("", "dt"):
        text(setting.name, "ts-mono")
        text(setting.description, "ts-sub")


def source_tag(setting: Setting) -> TextElement:
    """Show where the value comes from."""
    tag = text("", "ts-tag")
    show_source(tag, setting.source)
    if setting.source == "environment":
        set_title(tag, f"Set by {setting.variable}, which overrides the file. Change it there.")
    else:
        set_title(tag, f"The environment variable {setting.variable} would override the value.")
    return tag


def show_source(tag: TextElement, source: Source) -> None:
    """Update where the value comes from."""
    tag.set_text(SOURCES[source])
    set_classes(tag, f"ts-tag ts-tag-{source}")


def _entry(setting: Setting) -> Any:
    label = f"{setting.section}.{setting.name}" if setting.section else setting.name
    if setting.kind in ("bool", "choice"):
        options = {True: "on", False: "off"} if setting.kind == "bool" else list(setting.choices)
        return ui.select(options, value=setting.raw, label=label).props("outlined dense options-dense")
    if setting.kind in ("int", "float"):
        return ui.number(label, value=setting.raw).props("outlined dense")
    entry = ui.input(label, value=setting.raw or "", password=label in SECRETS)
    return entry.props("outlined dense")
