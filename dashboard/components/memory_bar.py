"""The memory that models use, each as one bar: models, other programs, free room."""

from collections.abc import Mapping, Sequence

from dashboard import formats
from dashboard.components.text import box, text
from dashboard.memory import Part, Pool, pools
from server.backends.base import LoadedModel
from server.models.hardware import Machine

COLOURS = 6
"""How many colours the stylesheet has for models (``--model-0`` and on)."""


class Memory:
    """The bars of this machine."""

    def __init__(self) -> None:
        self._shown: tuple[Machine | None, tuple[LoadedModel, ...]] = (None, ())
        self._body = box("memory")

    def update(self, machine: Machine | None, loaded: Sequence[LoadedModel]) -> None:
        """Show what fills the memory; nothing while the machine was not looked at."""
        if (machine, tuple(loaded)) == self._shown or machine is None:
            return
        self._shown = (machine, tuple(loaded))
        colours = {name: at % COLOURS for at, name in enumerate(sorted(model.name for model in loaded))}
        self._body.clear()
        with self._body:
            for pool in pools(machine, loaded):
                memory_bar(pool, colours)


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


def _words(part: Part) -> str:
    return f"{part.name} {formats.size(part.size)}"


def _colour(part: Part, colours: Mapping[str, int]) -> str:
    return f"model-{colours.get(part.name, 0)}" if part.kind == "model" else f"part-{part.kind}"
