"""The control for one setting: a switch, choice, slider, or field that is validated while typing."""

from collections.abc import Awaitable, Callable, Sequence
from typing import Any

from nicegui import ui
from nicegui.elements.mixins.value_element import ValueElement
from nicegui.events import GenericEventArguments, ValueChangeEventArguments

from dashboard.components.controls.elements import box, set_prop, text
from dashboard.components.controls.notices import show_notice
from dashboard.components.controls.range_slider import RangeSlider
from dashboard.components.settings.plain_names import CHOICES, PlainName, key_of
from server.config.settings_file import explain_bad_value
from server.config.sources import SECRETS, Setting, shown

FREE = frozenset({"embedded.model"})
"""Settings with suggestions that take other values as well, such as a path."""
AUTOMATIC = "Chosen automatically"
"""What an empty model name or ``auto`` means."""
Save = Callable[[Any], Awaitable[object]]


class SettingEditor:
    """Calls ``save`` with every new valid value. Switches, choices and sliders save immediately; a field
    saves on Enter or when it loses the focus, and ``suggestions`` make it a list to choose from.
    """

    def __init__(
        self, setting: Setting, words: PlainName, save: Save, suggestions: Sequence[str] = ()
    ) -> None:
        self._setting = setting
        self._suggestions = suggestions
        self._words = words
        self._save = save
        self._saved = setting.raw
        self._figure: Any = None
        self._control: ValueElement[Any] | RangeSlider
        if setting.kind == "bool":
            self._control = self._switch()
        elif setting.kind == "choice":
            self._control = self._choice()
        elif words.span is not None:
            self._control = self._slider(words.span)
        elif suggestions:
            self._control = self._picker()
        else:
            self._control = self._field()

    def show(self, value: Any) -> None:
        """Show a value that has already been saved."""
        self._saved = value
        self._control.set_value(value)
        self._show_figure(value)

    def _switch(self) -> ValueElement[Any]:
        switch = ui.switch(value=bool(self._setting.raw)).classes("ts-switch")
        switch.props["aria-label"] = self._words.name
        switch.on_value_change(lambda event: self._put(event.value))
        return switch

    def _choice(self) -> ValueElement[Any]:
        known = CHOICES.get(key_of(self._setting), {})
        options = {each: known.get(each, each) for each in self._setting.choices}
        choice = ui.select(options, value=self._setting.raw).props("outlined dense options-dense")
        # A select gives its label to screen readers. The stylesheet hides it, because the row shows the name.
        choice.props["label"] = self._words.name
        choice.on_value_change(lambda event: self._put(event.value))
        return choice.classes("ts-setting-field")

    def _picker(self) -> ValueElement[Any]:
        """A choice among the suggestions. If the app can use other values as well, the user can type one."""
        setting = self._setting
        free, automatic = key_of(setting) in FREE, str(setting.default or "")
        names = dict.fromkeys([automatic, *self._suggestions, str(setting.raw or "")])
        options = {each: AUTOMATIC if each in ("", "auto") else each for each in names}
        picker = ui.select(
            options,
            value=str(self._setting.raw or ""),
            with_input=free,
            new_value_mode="add-unique" if free else None,
            key_generator=(lambda value: value) if free else None,
        )
        picker.props("outlined dense options-dense hide-bottom-space").classes("ts-setting-field")
        picker.props["label"] = self._words.name

        async def choose(event: ValueChangeEventArguments[Any]) -> None:
            if event.value is None:
                return
            await self._put(event.value)
            if event.value != self._saved:  # refused
                picker.set_value(self._saved)

        picker.on_value_change(choose)
        return picker

    def _slider(self, span: tuple[float, float, float]) -> RangeSlider:
        with box("ts-setting-slider"):
            slider = RangeSlider(
                span, self._setting.raw, self._words.name, self._show_figure, self._put_number
            )
            self._figure = text("", "ts-num ts-setting-figure")
        self._show_figure(self._setting.raw)
        return slider

    def _field(self) -> ValueElement[Any]:
        setting = self._setting
        secret = key_of(setting) in SECRETS
        field: Any
        if setting.kind in ("int", "float"):
            field = ui.number(value=setting.raw, validation=self._explain)
        else:
            field = ui.input(value=setting.raw or "", password=secret, validation=self._explain)
            field.props["placeholder"] = setting.value if secret else ""
        field.props("outlined dense hide-bottom-space").classes("ts-setting-field")
        field.props["aria-label"] = self._words.name
        field.on_value_change(
            lambda event: set_prop(field, "aria-invalid", "true" if self._explain(event.value) else "false")
        )
        if self._words.unit:
            field.props["suffix"] = self._words.unit

        async def put(_event: GenericEventArguments) -> None:
            value = self._typed(field.value)
            problem = self._explain(value)
            if problem is None:
                await self._put(value)
                return
            stays = in_words(setting, self._words, self._saved)
            field.error = f"{problem} Not saved: {stays} stays in use."
            show_notice("Not saved.", bad=True)  # instead of an earlier "Saved."

        field.on("keydown.enter", put)
        field.on("blur", put)
        control: ValueElement[Any] = field
        return control

    def _explain(self, value: Any) -> str | None:
        return explain_bad_value(self._setting.section, self._setting.name, self._typed(value)) or None

    def _typed(self, value: Any) -> Any:
        return (
            int(value) if self._setting.kind == "int" and value is not None and value == int(value) else value
        )

    async def _put_number(self, value: float) -> None:
        await self._put(self._typed(value))

    async def _put(self, value: Any) -> None:
        untouched = value == self._saved or (not value and self._saved is None)
        if not untouched and await self._save(value):
            self._saved = value

    def _show_figure(self, value: Any) -> None:
        if self._figure is not None:
            self._figure.set_text(in_words(self._setting, self._words, self._typed(value)))


def in_words(setting: Setting, words: PlainName, value: Any) -> str:
    """Return a value of this setting as text: ``on``, ``Dark``, ``4,096 tokens``, ``50 %``."""
    if setting.kind == "choice":
        return CHOICES.get(key_of(setting), {}).get(value, str(value))
    if words.span is not None and words.span[1] <= 1:
        return f"{value:.0%}".replace("%", " %")
    if setting.kind in ("int", "float"):
        return (
            f"{value:g} {words.unit}".rstrip()
            if isinstance(value, float)
            else f"{value} {words.unit}".rstrip()
        )
    return shown(value, key_of(setting))
