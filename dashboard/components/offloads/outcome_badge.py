"""The outcome of an offload as an icon and a word."""

from dashboard import formats
from dashboard.components.controls.elements import box, icon, set_classes, text


class OutcomeBadge:
    """A badge for an outcome that can change."""

    def __init__(self) -> None:
        with box("ts-outcome", "span") as self._badge:
            self._picture = icon("")
            self._word = text("")

    def update(self, name: str, *, undone: bool = False) -> None:
        """Show an outcome (``OffloadRow.outcome``) or a batch item's state."""
        word, picture = formats.outcome(name), formats.OUTCOME_ICONS.get(name, "schedule")
        if undone:
            word, picture = "Undone", "undo"
        set_classes(self._badge, f"ts-outcome ts-outcome-{'undone' if undone else name}")
        self._picture.set_text(picture)
        self._word.set_text(word)


def outcome_badge(name: str, *, undone: bool = False) -> None:
    """Show an outcome that does not change."""
    OutcomeBadge().update(name, undone=undone)
