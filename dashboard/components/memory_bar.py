"""A memory as one bar: each model, other programs, free room."""

from collections.abc import Mapping

from dashboard import formats
from dashboard.components.text import box, text
from dashboard.memory import Part, Pool

COLOURS = 6
"""How many colours the stylesheet has for models (``--model-0`` and on)."""


def memory_bar(pool: Pool, colours: Mapping[str, int]) -> None:
    """Show a memory; ``colours`` gives each model its colour, the same in every bar."""
    with box("pool"):
        with box("pool-head"):
            text(pool.name, "pool-name")
            text(f"{formats.size(pool.used)} of {formats.size(pool.total)}", "num sub")
        with box("bar") as bar:
            bar.props["role"] = "img"
            bar.props["aria-label"] = f"{pool.name}: " + ", ".join(map(_words, pool.parts))
            for part in pool.parts:
                share = part.size / pool.total if pool.total else 0
                stretch = box(f"bar-part {_colour(part, colours)}")
                stretch.style(f"flex-grow: {share:.4f}")
                stretch.props["title"] = _words(part)
        with box("legend", "ul"):
            for part in pool.parts:
                with box("", "li"):
                    box(f"swatch {_colour(part, colours)}", "span")
                    text(part.name, "legend-name")
                    text(formats.size(part.size), "num sub")


def colours_of(models: tuple[str, ...]) -> dict[str, int]:
    """Give every model a colour, by its place among the names."""
    return {name: number % COLOURS for number, name in enumerate(sorted(models))}


def _words(part: Part) -> str:
    return f"{part.name} {formats.size(part.size)}"


def _colour(part: Part, colours: Mapping[str, int]) -> str:
    return f"model-{colours.get(part.name, 0)}" if part.kind == "model" else f"part-{part.kind}"
