"""The frame of every page: state in words, navigation, stylesheet."""

from collections.abc import Iterator
from contextlib import contextmanager

from nicegui import ui

from dashboard.feed import follow
from server.hub import Hub
from server.snapshot import Snapshot

PAGES = {"Now": "/", "History": "/history"}
STATES = {
    "idle": "Ready, no model loaded",
    "loaded": "Ready",
    "working": "Working",
    "paused": "Paused",
    "error": "The engine does not answer",
}


@contextmanager
def frame(hub: Hub, here: str) -> Iterator[None]:
    """Open a page of this name (a key of ``PAGES``, or another title); its content goes inside."""
    ui.page_title(f"{here} · Token Saver")
    ui.query("html").props("lang=en")
    with ui.header().classes("ts-header"):
        ui.link("Token Saver", "/").classes("ts-brand")
        with ui.element("nav").classes("ts-nav").props('aria-label="Pages"'):
            for name, path in PAGES.items():
                link = ui.link(name, path)
                if name == here:
                    link.props('aria-current="page"')
        _state(hub)
    main = ui.element("main").classes("ts-main")
    ui.skip_link("Skip to content", target=main)
    with main:
        yield


def _state(hub: Hub) -> None:
    with ui.element("div").classes("ts-state").props("role=status"):
        dot = ui.element("span").classes("ts-dot")
        words = ui.label()

    def show(snapshot: Snapshot) -> None:
        dot.props(f"data-state={snapshot.state}")
        words.set_text(STATES[snapshot.state])

    follow(hub, show)
