"""A bar of stretches with a legend, changed in place."""

from collections.abc import Sequence
from dataclasses import dataclass

from dashboard.components.keyed import Keyed
from dashboard.components.text import box, set_classes, set_prop, set_title, text


@dataclass(frozen=True)
class Stretch:
    """One part of a bar. ``share`` is of the whole, 0 to 1; ``colour`` a class of the stylesheet."""

    key: str
    name: str
    words: str
    colour: str
    share: float


class Bar:
    """The stretches in a row, said in words to a screen reader; what each is stands in the legend."""

    def __init__(self) -> None:
        with box("bar") as self._bar:
            self._bar.props["role"] = "img"
        self._stretches = Keyed[Stretch](self._bar, _key, _ShownStretch)
        self._legend = Keyed[Stretch](box("legend", "ul"), _key, _ShownName)

    def update(self, stretches: Sequence[Stretch], label: str) -> None:
        """Show these; ``label`` is the bar in words."""
        set_prop(self._bar, "aria-label", label)
        self._stretches.update(stretches)
        self._legend.update(stretches)


def _key(stretch: Stretch) -> str:
    return stretch.key


class _ShownStretch:
    def __init__(self, _stretch: Stretch) -> None:
        self.element = box("bar-part")

    def update(self, stretch: Stretch) -> None:
        set_classes(self.element, f"bar-part {stretch.colour}")
        self.element.style(f"flex-grow: {stretch.share:.4f}")
        set_title(self.element, f"{stretch.name} {stretch.words}")


class _ShownName:
    def __init__(self, _stretch: Stretch) -> None:
        with box("", "li") as self.element:
            self._swatch = box("swatch", "span")
            self._name = text("", "legend-name")
            self._words = text("", "num sub")

    def update(self, stretch: Stretch) -> None:
        set_classes(self._swatch, f"swatch {stretch.colour}")
        self._name.set_text(stretch.name)
        self._words.set_text(stretch.words)
