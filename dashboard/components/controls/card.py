"""A card: a section with a heading and an optional note beside it."""

from collections.abc import Iterator
from contextlib import contextmanager

from nicegui.element import Element

from dashboard.components.controls.elements import box, text


@contextmanager
def card(heading: str, classes: str = "", aside: str = "", anchor: str = "") -> Iterator[Element]:
    """Open a card. ``aside`` is a note to the right of the heading; ``anchor`` is an id for links."""
    with box(f"ts-card {classes}", "section", heading) as section:
        if anchor:
            section.props["id"] = anchor
        with box("ts-card-head"):
            text(heading, tag="h2")
            if aside:
                text(aside, "ts-aside")
        with box("ts-card-body") as body:
            yield body


def source_note(words: str) -> None:
    """Say where the figures of a card come from."""
    text(words, "ts-sub ts-source", "p")


def empty(words: str, *, command: str = "") -> None:
    """Say that a list is empty and what the user can do about it. ``command`` is a line for a terminal."""
    with box("ts-empty"):
        text(words, tag="p")
        if command:
            text(command, "ts-command", tag="code")
