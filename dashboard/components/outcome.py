"""How an offload ended, as an icon and a word."""

from dashboard import formats
from dashboard.components.text import box, icon, text


def outcome_badge(name: str, *, undone: bool = False) -> None:
    """Show an outcome of ``OffloadRow.outcome``."""
    word, picture = formats.OUTCOMES.get(name, (formats.outcome(name), "help"))
    if undone:
        word, picture = "Undone", "undo"
    with box(f"outcome outcome-{'undone' if undone else name}", "span"):
        icon(picture)
        text(word)
