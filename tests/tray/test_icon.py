"""The icon's states differ visibly at the sizes of panels, on light and dark."""

import itertools
from pathlib import Path

import pytest
from PIL import Image, ImageChops

from tray.icon_drawing import ICON_STATES, PROGRESS_STEPS, Face, draw
from tray.sni_item import SIZES

pytestmark = pytest.mark.fast

LIGHT = (242, 242, 242)
DARK = (38, 40, 44)
FACES = [*(Face(state) for state in ICON_STATES), Face("working", 0.25), Face("working", 0.75)]


def on_panel(face: Face, size: int, panel: tuple[int, int, int]) -> Image.Image:
    """Return the icon as a panel shows it: scaled down, on the panel's colour."""
    ground = Image.new("RGBA", (size, size), (*panel, 255))
    ground.alpha_composite(draw(face).resize((size, size), Image.Resampling.LANCZOS))
    return ground.convert("RGB")


def difference(one: Image.Image, other: Image.Image) -> float:
    """Return the mean difference per channel, 0 to 255."""
    pixels = ImageChops.difference(one, other).tobytes()
    return sum(pixels) / len(pixels)


@pytest.mark.parametrize("panel", [LIGHT, DARK], ids=["light", "dark"])
@pytest.mark.parametrize("size", [16, 22, 24, 32], ids="{}px".format)
def test_every_two_states_differ(size: int, panel: tuple[int, int, int]) -> None:
    images = {face: on_panel(face, size, panel) for face in FACES}
    for one, other in itertools.combinations(FACES, 2):
        assert difference(images[one], images[other]) > 4, (one, other)


@pytest.mark.parametrize("size", [16, 22, 24], ids="{}px".format)
def test_states_also_differ_without_colour(size: int) -> None:
    images = {state: on_panel(Face(state), size, DARK).convert("L") for state in ICON_STATES}
    for one, other in itertools.combinations(ICON_STATES, 2):
        assert difference(images[one], images[other]) > 5, (one, other)


@pytest.mark.parametrize("state", ICON_STATES)
@pytest.mark.parametrize("panel", [LIGHT, DARK], ids=["light", "dark"])
def test_a_state_stands_out_from_the_panel(state: str, panel: tuple[int, int, int]) -> None:
    icon = on_panel(Face(state), 22, panel)
    contrasts = [contrast(icon.getpixel((x, y)), panel) for x in range(22) for y in range(22)]
    # WCAG 2.2 (1.4.11) requires 3:1 for graphics. The anti-aliased picture must come close, in a good part of
    # it.
    assert max(contrasts) > 2.4
    assert sum(each > 1.8 for each in contrasts) > 60


def contrast(one: object, other: object) -> float:
    """Return the contrast ratio of WCAG 2.2, 1 to 21."""
    high, low = sorted((luminance(one), luminance(other)), reverse=True)
    return (high + 0.05) / (low + 0.05)


def luminance(colour: object) -> float:
    assert isinstance(colour, tuple)
    parts = [c / 255 for c in colour]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in parts]
    return float(sum(weight * part for weight, part in zip((0.2126, 0.7152, 0.0722), linear, strict=True)))


@pytest.mark.parametrize("size", SIZES, ids="{}px".format)
def test_every_size_is_square_with_transparent_corners(size: int) -> None:
    image = draw(Face("loaded"), size)
    assert image.size == (size, size)
    assert image.mode == "RGBA"
    assert image.getpixel((0, 0)) == (0, 0, 0, 0)


def test_the_arc_grows_with_progress_in_steps() -> None:
    def drawn(progress: float) -> bytes:
        return draw(Face("working", progress)).tobytes()

    assert drawn(0.5) == drawn(0.5 + 0.4 / PROGRESS_STEPS)
    assert len({drawn(step / PROGRESS_STEPS) for step in range(PROGRESS_STEPS + 1)}) == PROGRESS_STEPS + 1
    assert drawn(-1) == drawn(0)
    assert drawn(7) == drawn(1)


def test_the_shipped_file_equals_the_drawing() -> None:
    shipped = Image.open(Path(__file__).parents[2] / "assets" / "icon.png").convert("RGB")
    drawn = draw(Face("loaded"), 256).convert("RGB")
    assert shipped.size == drawn.size
    # Pillow's versions round edges differently.
    assert difference(shipped, drawn) < 1
