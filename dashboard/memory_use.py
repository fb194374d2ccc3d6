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


ENGINES = ("ollama", "llama", "lm studio", "lmstudio", "vllm", "python")
"""In the names of the programs that hold models; the embedded engine's is Python."""


def pools(machine: Machine, loaded: Sequence[LoadedModel]) -> tuple[Pool, ...]:
    """Return the memories worth showing: each GPU, and RAM where models (may) lie in it.

    Engines tell how much of a model is on GPUs, not on which of several: it is divided as the memory is that
    the engines' programs hold on each, or where no driver tells that, as all that is taken there.
    """
    gpus = tuple(gpu for gpu in machine.gpus if not gpu.unified)
    if not gpus:
        whole = [(model.name, model.size) for model in loaded]
        name = f"{machine.gpus[0].name}, unified memory" if machine.gpus else "RAM"
        return (_ram(name, machine, whole),)
    shown = [
        _pool(
            gpu.name if len(gpus) == 1 else f"GPU {number}: {gpu.name}",
            gpu.total,
            gpu.total if gpu.free is None else gpu.free,
            [(model.name, round(model.size_vram * share)) for model in loaded],
        )
        for number, (gpu, share) in enumerate(zip(gpus, _shares(gpus), strict=True))
    ]
    spilled = [(model.name, model.size - model.size_vram) for model in loaded if model.size > model.size_vram]
    if spilled:
        shown.append(_ram("RAM", machine, spilled))
    return tuple(shown)


def _shares(gpus: Sequence[Gpu]) -> list[float]:
    """The part of the models on each GPU, 1 in all."""
    held = [sum(each.used or 0 for each in gpu.processes if _is_engine(each.name)) for gpu in gpus]
    if not any(held):
        held = [gpu.used or 0 for gpu in gpus]
    if not any(held):
        held = [gpu.total for gpu in gpus]
    whole = sum(held)
    return [each / whole if whole else 1 / len(gpus) for each in held]


def _is_engine(name: str) -> bool:
    return any(each in name.lower() for each in ENGINES)


def _ram(name: str, machine: Machine, models: Sequence[tuple[str, int]]) -> Pool:
    """RAM, of which the system counts as available what models have mapped from their files."""
    size = sum(size for _, size in models)
    mapped = 0 if machine.engine_ram is None else max(0, size - machine.engine_ram)
    return _pool(name, machine.ram_total, machine.ram_available - mapped, models)


def _pool(name: str, total: int, free: int, models: Sequence[tuple[str, int]]) -> Pool:
    parts = [Part("model", model, size) for model, size in models if size > 0]
    free = max(0, min(free, total - sum(part.size for part in parts)))
    other = total - free - sum(part.size for part in parts)
    if other > 0:
        parts.append(Part("other", "other programs", other))
    return Pool(name, total, (*parts, Part("free", "free", free)))
