"""A filter as a chip: a menu of its values with their counts, and a button that removes the filter."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from nicegui import ui
from nicegui.element import Element

from dashboard import formats
from dashboard.components.controls.elements import box, icon, set_prop, set_title, text
from dashboard.components.controls.keyed_list import KeyedList


@dataclass(frozen=True)
class Value:
    """One value of a filter. ``about`` appears on hover. ``count`` is None if it is unknown."""

    name: str
    words: str
    count: int | None = None
    about: str = ""
    chosen: bool = False


class FilterChip:
    """The chip. ``on_choose`` is called with the chosen value, or with an empty text."""

    def __init__(self, name: str, any_words: str, on_choose: Callable[[str], object]) -> None:
        self._name = name
        self._useful = False
        with box("ts-chip-filter") as self.element:
            with box("ts-chip-open", "button") as self._open:
                self._open.props.update({"type": "button", "aria-haspopup": "menu"})
                self._words = text(name, "ts-chip-words")
                icon("arrow_drop_down")
                with ui.menu().props('anchor="bottom left" self="top left"') as self._menu:
                    clear = _item(self._menu, lambda: on_choose(""))
                    clear.props["autofocus"] = True
                    with clear:
                        text(any_words, "ts-choice-words")
                    values = box()
            with box("ts-chip-remove", "button") as self._remove:
                self._remove.props.update({"type": "button", "aria-label": f"Remove the filter: {name}"})
                icon("close")
            self._remove.on("click", lambda _: on_choose(""))
        self._values = KeyedList[Value](
            values, lambda value: value.name, lambda value: _Choice(self._menu, value, on_choose)
        )

    def update(self, values: Sequence[Value]) -> None:
        """Show the values in this order."""
        self._values.update(values)
        chosen = next((value for value in values if value.chosen), None)
        self._words.set_text(f"{self._name}: {chosen.words}" if chosen else self._name)
        set_title(self._open, chosen.about if chosen else "")
        self.element.classes(**{"add" if chosen else "remove": "ts-chip-on"})
        self._remove.set_visibility(chosen is not None)
        # A filter with one value would change nothing. A chip that was shown stays, so that nothing jumps.
        self._useful = self._useful or chosen is not None or len(values) > 1
        self.element.set_visibility(self._useful)


class _Choice:
    def __init__(self, menu: ui.menu, value: Value, on_choose: Callable[[str], object]) -> None:
        self.element: Element = _item(menu, lambda: on_choose(value.name))
        with self.element:
            self._words = text("", "ts-choice-words")
            self._count = text("", "ts-num ts-sub")

    def update(self, value: Value) -> None:
        """Show the value's current count."""
        self._words.set_text(value.words)
        self._count.set_text("" if value.count is None else formats.number(value.count))
        set_title(self.element, value.about)
        set_prop(self.element, "aria-current", "true" if value.chosen else "false")


def _item(menu: ui.menu, choose: Callable[[], object]) -> ui.item:
    def act() -> None:
        menu.close()
        choose()

    item = ui.item(on_click=act).classes("ts-choice").props("clickable dense")
    item.props["role"] = "menuitem"
    return item
