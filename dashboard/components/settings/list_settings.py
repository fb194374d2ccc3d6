"""Settings with multiple values: lists, and the user's own checks."""

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path

from nicegui import ui

from dashboard.components.controls.button import button
from dashboard.components.controls.card import empty
from dashboard.components.controls.elements import box, text
from dashboard.components.controls.notices import run_action, show_error
from dashboard.components.settings.plain_names import key_of, plain_name
from dashboard.components.settings.setting_row import changed_marker, name_of, save_setting, source_tag
from server.common.errors import SettingsError, TokenSaverError
from server.config.sources import Setting, list_checks, saved_list
from server.hub import Hub
from server.offload.checks.places import CheckPlace, CheckPlaces
from server.offload.checks.user_command import command_of

FOLDERS = frozenset({"roots", "embedded.folders"})
"""Settings that hold a list of existing folders."""
PLACES: tuple[tuple[CheckPlace, str], ...] = (
    ("sandbox", "Run in the sandbox"),
    ("outside", "Run outside"),
)
EXAMPLE = 'test = "uv run pytest -q {file}"'


class ListSetting:
    """A setting that holds a list. Entries can be added and removed."""

    def __init__(self, hub: Hub, setting: Setting) -> None:
        self.setting = setting
        self.words = plain_name(setting)
        self._hub = hub
        self._default = tuple(map(str, setting.default))
        self._values = tuple(map(str, setting.raw))
        with box("ts-setting") as self.element:
            name_of(setting)
            with box("ts-setting-control", "dd"):
                self._none = text("none", "ts-setting-value")
                if not setting.editable:
                    source_tag(setting)
            if setting.editable:
                default = ", ".join(self._default) or "none"
                self._marker = changed_marker(self.words.name, default, self._reset)
            with box("ts-setting-editor", "dd"):
                self._rows = box("ts-rows ts-setting-rows", "ul")
                if setting.editable:
                    self._adder()
        self._show()

    @property
    def changed(self) -> bool:
        """Return whether the value differs from the default."""
        return self._values != self._default

    def _adder(self) -> None:
        kind = "folder" if key_of(self.setting) in FOLDERS else "entry"
        self._entry = ui.input(f"Add a{'n' if kind == 'entry' else ''} {kind}", on_change=self._clear_error)
        self._entry.props("outlined dense hide-bottom-space")
        self._entry.props["aria-label"] = f"New {kind} for {self.words.name}"
        self._entry.classes("ts-grow").on("keydown.enter", self._add)
        button("Add", self._add, label=f"Add to {self.words.name}")

    def _show(self) -> None:
        if self.setting.editable:
            self._marker.set_visibility(self.changed)
        self._none.set_visibility(not self._values)
        self._rows.set_visibility(bool(self._values))
        self._rows.clear()
        with self._rows:
            for value in self._values:
                _row(value, "", self._remove(value) if self.setting.editable else None)

    async def _add(self) -> None:
        entered = str(self._entry.value or "").strip()
        if not entered:
            return
        try:
            value = _folder(entered) if key_of(self.setting) in FOLDERS else entered
        except TokenSaverError as error:
            self._entry.error = f"{error.cause} {error.next_step}"
            return
        if await self._change(lambda saved: saved if value in saved else (*saved, value)):
            self._entry.set_value("")

    def _clear_error(self) -> None:
        self._entry.error = None

    def _remove(self, value: str) -> Callable[[], Awaitable[bool]]:
        return lambda: self._change(lambda saved: tuple(each for each in saved if each != value))

    async def _reset(self) -> None:
        await self._put(self._default)

    async def _change(self, change: Callable[[tuple[str, ...]], tuple[str, ...]]) -> bool:
        """Change the saved list, which may differ from the shown one. Return whether it was saved."""
        section, name = self.setting.section, self.setting.name
        try:
            saved = await asyncio.to_thread(saved_list, self._hub.folders, section, name)
        except SettingsError as error:
            show_error(error)
            return False
        changed = change(saved)
        if changed != saved:
            return await self._put(changed)
        self._values = saved
        self._show()
        return True

    async def _put(self, values: tuple[str, ...]) -> bool:
        """Save these values. Return whether they were saved."""
        written = None if values == self._default else values
        if not await save_setting(self._hub, self.setting.section, self.setting.name, written):
            return False
        self._values = values
        self._show()
        return True


class CheckList:
    """The user's checks, each with a name and a command."""

    def __init__(self, hub: Hub) -> None:
        self._hub = hub
        self._places = CheckPlaces(hub.folders.check_places)
        self._asks = hub.settings.offload.check_sandbox != "never"
        self._rows = box("ts-rows ts-setting-rows", "ul")
        with box() as self._nothing:
            empty(
                "No checks yet. A check has a name and a command; {file} stands for the checked file:",
                command=EXAMPLE,
            )
        with box("ts-setting-editor"):
            self._name = ui.input("Check name").props("outlined dense")
            self._command = ui.input("Command").props("outlined dense").classes("ts-grow")
            self._command.on("keydown.enter", self._add)
            button("Add check", self._add)
        self._show()

    def _show(self) -> None:
        self._checks = list_checks(self._hub.settings, self._hub.folders)
        self._nothing.set_visibility(not self._checks)
        self._rows.set_visibility(bool(self._checks))
        self._rows.clear()
        with self._rows:
            questions = self._places.questions(self._hub.settings.checks) if self._asks else {}
            for check in self._checks:
                row = _row(check.name, check.value, self._remove(check.name) if check.editable else None)
                with row:
                    source_tag(check).move(target_index=1)
                if check.name in questions:
                    self._question(check.name, questions[check.name].text)

    def _question(self, name: str, words: str) -> None:
        """Ask a question about a check, with a button for each answer."""
        with box("ts-setting-row", "li"):
            text(words, "ts-grow")
            for place, word in PLACES:
                button(word, self._answer(name, place), look="quiet", label=f"{word}: {name}")

    def _answer(self, name: str, place: CheckPlace) -> Callable[[], Awaitable[None]]:
        async def answer() -> None:
            command = self._hub.settings.checks[name]
            await run_action(asyncio.to_thread(self._places.answer, name, command, place), "Saved.")
            self._show()

        return answer

    async def _add(self) -> None:
        name, command = (str(entry.value or "").strip() for entry in (self._name, self._command))
        try:
            if not name:
                raise SettingsError(
                    "The check has no name.", "Enter a name; Claude uses it to request the check."
                )
            if any(each.name == name and not each.editable for each in self._checks):
                raise SettingsError(f"An environment variable sets the check {name}.", "Choose another name.")
            command_of(name, {name: command}, Path("file"))
        except TokenSaverError as error:
            show_error(error)
            return
        if await save_setting(self._hub, "checks", name, command):
            self._name.set_value("")
            self._command.set_value("")
            self._show()

    def _remove(self, name: str) -> Callable[[], Awaitable[None]]:
        async def remove() -> None:
            if await save_setting(self._hub, "checks", name, None):
                self._show()

        return remove


def _row(name: str, words: str, remove: Callable[[], Awaitable[object]] | None) -> ui.element:
    with box("ts-setting-row", "li") as row:
        with box("ts-grow"):
            text(name, "ts-mono")
            if words:
                text(words, "ts-mono ts-sub")
        if remove is not None:
            button("Remove", remove, look="quiet", label=f"Remove {name}")
    return row


def _folder(entered: str) -> str:
    folder = Path(entered).expanduser()
    if not folder.is_absolute() or not folder.is_dir():
        raise SettingsError(
            f"The folder {entered} does not exist.", "Enter the full path of an existing folder."
        )
    return str(folder)
