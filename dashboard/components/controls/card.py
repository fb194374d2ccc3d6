"""A card: a section with a heading, and what belongs beside the heading."""

from collections.abc import Iterator
from contextlib import contextmanager

from nicegui.element import Element

from dashboard.components.controls.elements import box, text


@contextmanager
def card(heading: str, classes: str = "", aside: str = "", anchor: str = "") -> Iterator[Element]:
    """Open a card. ``aside`` is a word on the right of the heading, ``anchor`` its id for links."""
    with box(f"card {classes}", "section", heading) as section:
        if anchor:
            section.props["id"] = anchor
        with box("card-head"):
            text(heading, tag="h2")
            if aside:
                text(aside, "aside")
        with box("card-body") as body:
            yield body


def empty(words: str, *, command: str = "") -> None:
    """Say that there is nothing yet and what to do about it; ``command`` is for a shell."""
    with box("empty"):
        text(words, tag="p")
        if command:
            text(command, "command", tag="code")
