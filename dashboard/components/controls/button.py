"""Quasar buttons in the stylesheet's colours."""

from collections.abc import Callable
from typing import Any, Literal

from nicegui import ui

Look = Literal["plain", "main", "danger", "quiet"]


def button(
    words: str,
    on_click: Callable[..., Any] | None = None,
    *,
    look: Look = "plain",
    icon: str | None = None,
    label: str = "",
) -> ui.button:
    """Show a button. ``label`` is a longer name for the tooltip and screen readers; it must contain
    ``words``.
    """
    made = ui.button(words, on_click=on_click, icon=icon, color=None)
    made.classes(f"ts-btn ts-btn-{look}").props("no-caps unelevated")
    if label:
        made.props["aria-label"] = label
        made.props["title"] = label
    return made
