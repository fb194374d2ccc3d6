"""What fills the memory that models use: models, other programs, free room. Sizes are bytes."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from server.backends.base import LoadedModel
from server.models.hardware import Gpu, Machine

PartKind = Literal["model", "other", "free"]


@dataclass(frozen=True)
class Part:
    """One stretch of the bar. ``name`` is the model's for ``model``, a word of ours for the others."""

    kind: PartKind
    name: str
    size: int


@dataclass(frozen=True)
class Pool:
    """One memory: a GPU's, several GPUs' together, or the machine's RAM."""

    name: str
    total: int
    parts: tuple[Part, ...]

    @property
    def used(self) -> int:
        """Bytes that are not free."""
        return sum(part.size for part in self.parts if part.kind != "free")


def pools(machine: Machine, loaded: Sequence[LoadedModel]) -> tuple[Pool, ...]:
    """Return the memories worth showing: all GPUs, and RAM where models (may) lie in it.

    Engines tell how much of a model is on GPUs, not on which of several: those are shown as one.
    """
    gpus = tuple(gpu for gpu in machine.gpus if not gpu.unified)
    if not gpus:
        whole = [(model.name, model.size) for model in loaded]
        name = f"{machine.gpus[0].name}, unified memory" if machine.gpus else "RAM"
        return (_pool(name, machine.ram_total, machine.ram_available, whole),)
    on_gpu = [(model.name, model.size_vram) for model in loaded]
    total = sum(gpu.total for gpu in gpus)
    free = _free(gpus, total - sum(size for _, size in on_gpu))
    name = gpus[0].name if len(gpus) == 1 else f"{len(gpus)} GPUs together"
    shown = [_pool(name, total, free, on_gpu)]
    spilled = [(model.name, model.size - model.size_vram) for model in loaded if model.size > model.size_vram]
    if spilled:
        shown.append(_pool("RAM", machine.ram_total, machine.ram_available, spilled))
    return tuple(shown)


def _pool(name: str, total: int, free: int, models: Sequence[tuple[str, int]]) -> Pool:
    parts = [Part("model", model, size) for model, size in models if size > 0]
    free = max(0, min(free, total - sum(part.size for part in parts)))
    other = total - free - sum(part.size for part in parts)
    if other > 0:
        parts.append(Part("other", "other programs", other))
    return Pool(name, total, (*parts, Part("free", "free", free)))


def _free(gpus: Sequence[Gpu], otherwise: int) -> int:
    """What the drivers say is free; where one does not tell, all that the models do not take."""
    free = [gpu.free for gpu in gpus]
    return otherwise if None in free else sum(each or 0 for each in free)
