"""Memory bars, one per pool: models, other programs, free memory."""

from collections.abc import Callable, Mapping, Sequence

from dashboard import formats
from dashboard.colours import colours_of
from dashboard.components.controls.elements import box, text
from dashboard.components.controls.keyed_list import KeyedList
from dashboard.components.controls.stacked_bar import BarSegment, StackedBar
from dashboard.memory_use import Part, Pool, pools
from server.backends.base import LoadedModel
from server.gpu.hardware import Machine


class MemoryBars:
    """The bars for this machine. A model has the same colour in all of them."""

    def __init__(self) -> None:
        self._pools = KeyedList[Pool](box("ts-memory"), lambda pool: pool.name, self._bar)
        self._colours: Mapping[str, int] = {}

    def update(self, machine: Machine | None, loaded: Sequence[LoadedModel]) -> None:
        """Update the memory use. The bars are empty until the machine has been measured."""
        if machine is not None:
            self._colours = colours_of(model.name for model in loaded)
            self._pools.update(pools(machine, loaded))

    def _bar(self, pool: Pool) -> "MemoryBar":
        return MemoryBar(pool, self._colour)

    def _colour(self, part: Part) -> str:
        return (
            f"ts-model-{self._colours.get(part.name, 0)}" if part.kind == "model" else f"ts-part-{part.kind}"
        )


class MemoryBar:
    """The bar for one memory pool."""

    def __init__(self, pool: Pool, colour: Callable[[Part], str]) -> None:
        self._colour = colour
        with box("ts-pool") as self.element:
            with box("ts-pool-head"):
                text(pool.name, "ts-pool-name")
                self._used = text("", "ts-num ts-sub")
            self._bar = StackedBar()

    def update(self, pool: Pool) -> None:
        """Update the parts of the bar."""
        self._used.set_text(f"{formats.size(pool.used)} of {formats.size(pool.total)}")
        segments = [
            BarSegment(
                key=f"{part.kind} {part.name}",
                name=part.name,
                words=formats.size(part.size),
                colour=self._colour(part),
                share=part.size / pool.total if pool.total else 0,
            )
            for part in pool.parts
        ]
        words = ", ".join(f"{each.name} {each.words}" for each in segments)
        self._bar.update(segments, f"{pool.name}: {words}")
