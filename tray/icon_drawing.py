"""The icon, drawn in code: one shape and colour per state, at any size.

The icon is a token: a disc with the letter T. States differ in outline and symbol as well as colour, so that
colour-blind users can tell them apart. All colours are of medium brightness and legible on both light and
dark panels. ``assets/logo.svg`` is the same drawing.
"""

import math
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

from PIL import Image, ImageDraw

IconState = Literal["idle", "loaded", "working", "paused", "attention", "error"]
ICON_STATES: tuple[IconState, ...] = ("idle", "loaded", "working", "paused", "attention", "error")

MASTER_SIZE = 128
"""Size of the image in pixels. The desktop scales it down."""
SCALE = 4
"""Supersampling factor for smooth edges."""
PROGRESS_STEPS = 24
"""Number of steps in the progress arc. Fewer steps mean fewer redraws by the panel."""

GREY = (128, 136, 148)
TEAL = (18, 150, 132)
BLUE = (42, 124, 232)
AMBER = (226, 138, 12)
RED = (214, 58, 58)
WHITE = (255, 255, 255)

Point = tuple[float, float]


@dataclass(frozen=True)
class Face:
    """What the icon shows. ``progress`` (0 to 1) is the arc shown while working; None if unknown."""

    state: IconState
    progress: float | None = None


def draw(face: Face, size: int = MASTER_SIZE) -> Image.Image:
    """Return the icon, ``size`` x ``size`` pixels, on a transparent background."""
    step = None if face.progress is None else round(min(max(face.progress, 0), 1) * PROGRESS_STEPS)
    return _drawn(face.state, step, size).copy()


@lru_cache(maxsize=64)
def _drawn(state: IconState, step: int | None, size: int) -> Image.Image:
    canvas = _Canvas(size * SCALE)
    match state:
        case "idle":
            canvas.ring(GREY, 0.47, 0.1)
            canvas.letter(GREY, 0.95)
        case "loaded":
            canvas.disc(TEAL, 0.48)
            canvas.letter(WHITE, 1.0)
        case "working":
            canvas.ring(BLUE, 0.49, 0.115, alpha=255 if step is None else 95)
            if step is not None:
                canvas.arc(BLUE, 0.49, 0.115, step / PROGRESS_STEPS)
            canvas.disc(BLUE, 0.315)
            canvas.letter(WHITE, 0.66)
        case "paused":
            canvas.disc(GREY, 0.48)
            canvas.bar(WHITE, (0.325, 0.27), (0.445, 0.73))
            canvas.bar(WHITE, (0.555, 0.27), (0.675, 0.73))
        case "attention":
            canvas.polygon(AMBER, ((0.5, 0.03), (0.99, 0.93), (0.01, 0.93)))
            canvas.bar(WHITE, (0.435, 0.34), (0.565, 0.65))
            canvas.bar(WHITE, (0.43, 0.715), (0.57, 0.845))
        case "error":
            canvas.disc(RED, 0.48)
            canvas.cross(WHITE, 0.19, 0.125)
    return canvas.image.resize((size, size), Image.Resampling.BOX)


class _Canvas:
    """A square canvas with coordinates from (0, 0) at the top left to (1, 1) at the bottom right."""

    def __init__(self, side: int) -> None:
        self.side = side
        self.image = Image.new("RGBA", (side, side), (0, 0, 0, 0))
        self._draw = ImageDraw.Draw(self.image)

    def disc(self, colour: tuple[int, int, int], radius: float) -> None:
        self._draw.ellipse(self._box(radius), fill=(*colour, 255))

    def ring(self, colour: tuple[int, int, int], radius: float, width: float, alpha: int = 255) -> None:
        self._draw.ellipse(self._box(radius), outline=(*colour, alpha), width=round(width * self.side))

    def arc(self, colour: tuple[int, int, int], radius: float, width: float, part: float) -> None:
        """Draw part of a ring, clockwise from the top."""
        if part > 0:
            end = -90 + 360 * part
            self._draw.arc(self._box(radius), -90, end, fill=(*colour, 255), width=round(width * self.side))

    def bar(self, colour: tuple[int, int, int], start: Point, end: Point) -> None:
        box = [*self._at(start), *self._at(end)]
        self._draw.rounded_rectangle(box, radius=0.035 * self.side, fill=(*colour, 255))

    def polygon(self, colour: tuple[int, int, int], points: tuple[Point, ...]) -> None:
        self._draw.polygon([self._at(point) for point in points], fill=(*colour, 255))

    def letter(self, colour: tuple[int, int, int], scale: float) -> None:
        """Draw the letter T around the centre. A scale of 1 suits a disc of radius 0.48."""
        for left, top, right, bottom in ((-0.26, -0.25, 0.26, -0.11), (-0.075, -0.25, 0.075, 0.28)):
            start = (0.5 + left * scale, 0.5 + top * scale)
            self.bar(colour, start, (0.5 + right * scale, 0.5 + bottom * scale))

    def cross(self, colour: tuple[int, int, int], reach: float, width: float) -> None:
        half = width / 2 / math.sqrt(2)
        for sign in (1, -1):
            self.polygon(
                colour,
                (
                    (0.5 - reach - half, 0.5 - sign * (reach - half)),
                    (0.5 - reach + half, 0.5 - sign * (reach + half)),
                    (0.5 + reach + half, 0.5 + sign * (reach - half)),
                    (0.5 + reach - half, 0.5 + sign * (reach + half)),
                ),
            )

    def _box(self, radius: float) -> tuple[float, float, float, float]:
        low, high = (0.5 - radius) * self.side, (0.5 + radius) * self.side - 1
        return (low, low, high, high)

    def _at(self, point: Point) -> Point:
        return (point[0] * self.side, point[1] * self.side)
