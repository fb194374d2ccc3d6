"""The settings in groups: search, a filter for changed settings, a fold for advanced ones."""

from collections.abc import Callable, Mapping, Sequence

from nicegui import ui
from nicegui.element import Element

from dashboard import formats
from dashboard.components.controls.button import button
from dashboard.components.controls.card import card
from dashboard.components.controls.elements import box, set_prop, text
from dashboard.components.settings.list_settings import ListSetting
from dashboard.components.settings.plain_names import ELSEWHERE, GROUPS, NAMES, Group, key_of, plain_name
from dashboard.components.settings.setting_row import SettingRow
from server.config.sources import Setting
from server.hub import Hub

TYPING_MS = 120
Row = SettingRow | ListSetting


class SettingSearch:
    """The search field, and a switch to show only changed settings."""

    def __init__(self, on_change: Callable[[str, bool], object]) -> None:
        self._on_change = on_change
        with box("ts-setting-search", "search", "Find a setting"):
            self._words = ui.input("Search settings").props(
                f"outlined dense clearable debounce={TYPING_MS} type=search"
            )
            self._words.classes("ts-grow").on_value_change(self._changed)
            self._only = ui.switch("Only changed").classes("ts-switch")
            self._only.on_value_change(self._changed)
            self._count = text("", "ts-sub")
            self._count.props["role"] = "status"
        with box("ts-empty") as self._nothing:
            self._none = text("", "", "p")
            with box("ts-actions"):
                button("Show all settings", self._clear)
        self._nothing.set_visibility(False)

    def show_count(self, shown: int, other_cards: int) -> None:
        """Show how many settings match; nothing if there is no search. Say so if nothing at all matches."""
        searching = bool(self._words.value or self._only.value)
        self._count.set_text(formats.count(shown, "setting") if searching else "")
        self._nothing.set_visibility(searching and not shown and not other_cards)
        changed = "changed setting" if self._only.value else "setting"
        matching = f" matches “{self._words.value}”" if self._words.value else ""
        self._none.set_text(f"No {changed}{matching}." if matching else "No setting was changed.")

    def find(self, words: str) -> None:
        """Search for these words, if there are any."""
        if words:
            self._words.set_value(words)

    def _clear(self) -> None:
        self._only.set_value(False)
        self._words.set_value("")

    def _changed(self) -> None:
        self._on_change(str(self._words.value or "").lower(), bool(self._only.value))


class SettingGroups:
    """One card per group. ``first`` adds content at the top of a group that is not a setting in the file."""

    def __init__(
        self, hub: Hub, settings: Sequence[Setting], first: Mapping[str, Callable[[], object]]
    ) -> None:
        order = list(NAMES)
        known = sorted(
            (each for each in settings if each.section not in ELSEWHERE and key_of(each) not in ELSEWHERE),
            key=lambda each: order.index(key_of(each)) if key_of(each) in NAMES else len(order),
        )
        self._groups = [
            _Group(hub, group, [each for each in known if plain_name(each).group == group.key], first)
            for group in GROUPS
        ]

    def filter(self, words: str, only_changed: bool) -> int:
        """Show only matching settings. Return how many there are."""
        return sum(group.filter(words.split(), only_changed) for group in self._groups)


class _Group:
    def __init__(
        self,
        hub: Hub,
        group: Group,
        settings: Sequence[Setting],
        first: Mapping[str, Callable[[], object]],
    ) -> None:
        with card(group.name, aside=group.about, anchor=f"settings-{group.key}") as body:
            self._card: Element = body.parent_slot.parent if body.parent_slot is not None else body
            self._first: Element | None = None
            if group.key in first:
                with box() as self._first:
                    first[group.key]()
            with box("ts-settings", "dl"):
                self._rows: list[Row] = [
                    _row(hub, each) for each in settings if not plain_name(each).advanced
                ]
            advanced = [each for each in settings if plain_name(each).advanced]
            with box("ts-fold ts-setting-advanced", "details") as self._fold:
                with box("", "summary"):
                    text("Advanced")
                    self._count = text(formats.count(len(advanced), "setting"), "ts-sub")
                with box("ts-settings", "dl"):
                    self._advanced: list[Row] = [_row(hub, each) for each in advanced]
            self._fold.set_visibility(bool(advanced))

    def filter(self, words: Sequence[str], only_changed: bool) -> int:
        searching = bool(words or only_changed)
        shown = [_filter(row, words, only_changed) for row in self._rows]
        shown_advanced = [_filter(row, words, only_changed) for row in self._advanced]
        if self._first is not None:
            self._first.set_visibility(not searching)
        self._fold.set_visibility(any(shown_advanced))
        self._count.set_text(formats.count(sum(shown_advanced), "setting"))
        set_prop(self._fold, "open", searching and any(shown_advanced))
        self._card.set_visibility(not searching or any(shown) or any(shown_advanced))
        return sum(shown) + sum(shown_advanced)


def _row(hub: Hub, setting: Setting) -> Row:
    return ListSetting(hub, setting) if setting.kind == "list" else SettingRow(hub, setting)


def _filter(row: Row, words: Sequence[str], only_changed: bool) -> bool:
    about = f"{row.words.name} {row.setting.description} {key_of(row.setting)}".lower()
    shown = all(word in about for word in words) and (row.changed or not only_changed)
    row.element.set_visibility(shown)
    return shown
