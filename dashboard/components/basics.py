"""Cards, empty states, actions: what every page uses."""

from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager

from nicegui import ui

from server.errors import TokenSaverError


@contextmanager
def card(title: str, *, wide: bool = False) -> Iterator[None]:
    """Open a titled section."""
    with ui.element("section").classes("ts-card" + (" ts-wide" if wide else "")):
        if title:
            _heading(title)
        yield


def empty(text: str) -> None:
    """Say what is not there yet, and what to do about it."""
    ui.label(text).classes("ts-empty")


def figure(label: str, tone: str = "") -> ui.label:
    """Return the label that shows a large figure above its caption."""
    with ui.element("div").classes("ts-figure"):
        value = ui.label("–").classes(f"ts-value {tone}".strip())
        ui.label(label).classes("ts-caption")
    return value


def button(text: str, act: Callable[[], Awaitable[object]], *, danger: bool = False) -> ui.button:
    """Return a button whose errors are shown in words; it is disabled while it works."""

    async def click() -> None:
        made.disable()
        try:
            await act()
        except TokenSaverError as error:
            ui.notify(str(error), type="negative", multi_line=True, timeout=10_000, close_button="Close")
        finally:
            made.enable()

    made = ui.button(text, on_click=click).props("flat dense no-caps")
    return made.classes("ts-button" + (" ts-danger" if danger else ""))


def _heading(title: str) -> None:
    with ui.element("h2").classes("ts-title"):
        ui.label(title)
