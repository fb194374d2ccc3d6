"""A stacked bar with a legend, updated in place."""

from collections.abc import Sequence
from dataclasses import dataclass

from dashboard.components.controls.elements import box, set_classes, set_prop, set_title, text
from dashboard.components.controls.keyed_list import KeyedList


@dataclass(frozen=True)
class BarSegment:
    """One part of a bar. ``share`` is its fraction of the whole, 0 to 1; ``colour`` is a stylesheet class."""

    key: str
    name: str
    words: str
    colour: str
    share: float


class StackedBar:
    """A row of segments with a description for screen readers and a legend that names each segment."""

    def __init__(self) -> None:
        with box("ts-bar") as self._bar:
            self._bar.props["role"] = "img"
        self._segments = KeyedList[BarSegment](self._bar, _key, _Segment)
        self._legend = KeyedList[BarSegment](box("ts-legend", "ul"), _key, _LegendEntry)

    def update(self, segments: Sequence[BarSegment], label: str) -> None:
        """Show these segments. ``label`` describes the bar in words."""
        set_prop(self._bar, "aria-label", label)
        self._segments.update(segments)
        self._legend.update(segments)


def _key(segment: BarSegment) -> str:
    return segment.key


class _Segment:
    def __init__(self, _segment: BarSegment) -> None:
        self.element = box("ts-bar-part")

    def update(self, segment: BarSegment) -> None:
        set_classes(self.element, f"ts-bar-part {segment.colour}")
        self.element.style(f"flex-grow: {segment.share:.4f}")
        set_title(self.element, f"{segment.name} {segment.words}")


class _LegendEntry:
    def __init__(self, _segment: BarSegment) -> None:
        with box("", "li") as self.element:
            self._swatch = box("ts-swatch", "span")
            self._name = text("", "ts-legend-name")
            self._words = text("", "ts-num ts-sub")

    def update(self, segment: BarSegment) -> None:
        set_classes(self._swatch, f"ts-swatch {segment.colour}")
        self._name.set_text(segment.name)
        self._words.set_text(segment.words)
