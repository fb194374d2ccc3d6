"""One setting: name and explanation, control, a marker if it was changed, and a button to reset it."""

from collections.abc import Awaitable, Callable, Sequence
from typing import Any

from nicegui.element import Element
from nicegui.elements.mixins.text_element import TextElement

from dashboard.components.controls.button import button
from dashboard.components.controls.elements import box, set_classes, set_title, text
from dashboard.components.controls.notices import run_action
from dashboard.components.settings.plain_names import key_of, plain_name
from dashboard.components.settings.setting_editor import SettingEditor, in_words
from server.common.errors import BackendError, ModelBlocked, ModelNotFound
from server.config.immediate import needs_restart
from server.config.sources import Setting, Source
from server.hub import Hub

SOURCES: dict[Source, str] = {"default": "default", "file": "config.toml", "environment": "environment"}

UNSET = (("", None), (None, ""))
"""Pairs of value and default that are both empty."""


class SettingRow:
    """A setting with its control. A value set in the environment is shown but cannot be changed here."""

    def __init__(self, hub: Hub, setting: Setting) -> None:
        self.setting = setting
        self.words = plain_name(setting)
        # An empty text and no value are the same to a user.
        self.changed = (setting.raw, setting.default) not in UNSET and setting.raw != setting.default
        self._hub = hub
        with box("ts-setting") as self.element:
            name_of(setting)
            with box("ts-setting-control", "dd"):
                if setting.editable:
                    self._editor = SettingEditor(
                        setting, self.words, self._save, suggestions(hub, key_of(setting))
                    )
                else:
                    text(in_words(setting, self.words, setting.raw), "ts-setting-value")
                    source_tag(setting)
                    text(f"Change it in {setting.variable}.", "ts-sub ts-setting-variable")
            if setting.editable:
                default = in_words(setting, self.words, setting.default)
                self._marker = changed_marker(self.words.name, default, self._reset)
                self._marker.set_visibility(self.changed)

    async def _save(self, value: Any) -> bool:
        setting = self.setting
        if key_of(setting) == "backend.model" and value and not await run_action(self._require_model(value)):
            return False
        # A value equal to the default is removed from the file, so that a later default of the app counts.
        written = None if value == setting.default else value
        if not await save_setting(self._hub, setting.section, setting.name, written):
            return False
        self.changed = written is not None
        self._marker.set_visibility(self.changed)
        return True

    async def _require_model(self, name: str) -> None:
        """Refuse a default model that the engine does not have."""
        try:
            await self._hub.engine.choose_model(name)
        except (ModelNotFound, ModelBlocked):
            raise
        except BackendError:
            return  # without an engine, nothing is known about its models

    async def _reset(self) -> None:
        if await self._save(self.setting.default):
            self._editor.show(self.setting.default)


def suggestions(hub: Hub, key: str) -> Sequence[str]:
    """Return the values that the user may want for a setting; empty if the app knows none."""
    if key == "ledger.model":
        return hub.ledger.prices.models
    if key in ("backend.model", "embedded.model"):
        return [model.name for model in hub.engine.view().installed if model.generates]
    return ()


def changed_marker(name: str, default: str, reset: Callable[[], Awaitable[None]]) -> Element:
    """Show that a setting was changed, along with its default and a button to reset it."""
    with box("ts-setting-changed", "dd") as marker:
        text("Changed", "ts-tag ts-tag-file")
        text(f"Default: {default}", "ts-sub")
        button("Reset", reset, look="quiet", label=f"Reset {name}")
    return marker


async def save_setting(hub: Hub, section: str, name: str, value: object) -> bool:
    """Write a setting and show when it takes effect. Return whether it was written."""
    notice = "Saved. It takes effect after a restart." if needs_restart(section, name) else "Saved."
    return await run_action(hub.change_setting(section, name, value), notice)


def name_of(setting: Setting) -> Element:
    """Show the setting's name and explanation. Its key appears on hover."""
    with box("", "dt") as term:
        words = plain_name(setting)
        text(words.name, "ts-setting-name", title=f"{key_of(setting)} in config.toml")
        text(words.about or setting.description, "ts-sub")
    return term


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
    """Update the indication of where the value comes from."""
    tag.set_text(SOURCES[source])
    set_classes(tag, f"ts-tag ts-tag-{source}")
