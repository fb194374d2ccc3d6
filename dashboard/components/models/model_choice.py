"""A choice among the installed models. It shows the default model until the user chooses another one."""

from collections.abc import Callable, Sequence

from nicegui import ui


class ModelChoice:
    """A select. ``on_choice`` is called after every change of the chosen model."""

    def __init__(self, on_choice: Callable[[], object] | None = None) -> None:
        self._by_user = False
        self._updating = False
        self._on_choice = on_choice
        self._select = ui.select([], label="Model").props("outlined dense options-dense")
        self._select.classes("ts-grow").on_value_change(self._note)

    @property
    def value(self) -> str:
        """The chosen model; empty if there is none."""
        return self._select.value or ""

    def offer(self, names: Sequence[str], default: str) -> None:
        """Offer these models. The user's choice stays as long as it is among them."""
        kept = self._by_user and self.value in names
        wanted = self.value if kept else default if default in names else next(iter(names), "")
        if list(names) != self._select.options or wanted != self.value:
            self._updating = True
            self._select.set_options(list(names), value=wanted or None)
            self._updating = False

    def _note(self) -> None:
        self._by_user = self._by_user or not self._updating
        if self._on_choice is not None:
            self._on_choice()
