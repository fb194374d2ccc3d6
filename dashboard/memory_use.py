"""How the memory that models run in is used: models, other programs, free. Sizes are in bytes."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from server.backends.base import LoadedModel
from server.gpu.hardware import Gpu, Machine

PartKind = Literal["model", "other", "free"]


@dataclass(frozen=True)
class Part:
    """Part of a memory pool. ``name`` is the model's name, or a fixed word for other kinds."""

    kind: PartKind
    name: str
    size: int


@dataclass(frozen=True)
class Pool:
    """One memory pool: a GPU's memory or the machine's RAM."""

    name: str
    total: int
    parts: tuple[Part, ...]

    @property
    def used(self) -> int:
        """Return the number of bytes in use."""
        return sum(part.size for part in self.parts if part.kind != "free")


ENGINES = ("ollama", "llama", "lm studio", "lmstudio", "vllm", "python")
"""Substrings of process names that identify engines. The embedded engine runs in Python."""


def pools(machine: Machine, loaded: Sequence[LoadedModel]) -> tuple[Pool, ...]:
    """Return the memory pools to show: each GPU, and RAM if models are or could be in RAM.

    Engines report how much of a model is on GPUs, but not on which ones. This amount is split in proportion
    to the memory held by engine processes on each GPU or, if the driver does not report that, to all memory
    in use.
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
    """Return each GPU's share of the models; the shares add up to 1."""
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
    """Return the RAM pool. The system reports file pages mapped by models as available; they are in use."""
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
