"""Determines how a model fits in free memory: its placement, and the longest context that fits.

On GPUs, a model must fit completely: layers in RAM make it many times slower and can stall the machine.
llama.cpp and Ollama split a model across GPUs by whole layers, and each GPU needs its own compute buffers
(``llama_model_params.split_mode`` "layer"), so the free memory of two cards does not simply add up. Sizes are
in bytes.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

from server.backends.base import ModelFile
from server.gpu.hardware import Gpu, GpuProcess, Machine
from server.gpu.memory import ModelMemory, layer_count, longest_context, model_memory

MIB = 2**20
# Memory that Ollama leaves free on each GPU for the driver's structures (`MinimumMemory` in its
# `ml/device.go`: 457 MiB, 512 MiB for Metal).
GPU_RESERVE, METAL_RESERVE = 457 * MIB, 512 * MIB
RAM_RESERVE = 256 * MIB
"""RAM to leave free for other programs if no GPU holds the model."""

Place = Literal["GPU memory", "unified memory", "RAM"]


@dataclass(frozen=True)
class Room:
    """Memory available to a model: one number per GPU, or a single number for RAM."""

    place: Place
    free: tuple[int, ...]
    processes: tuple[GpuProcess, ...] = ()

    @property
    def total(self) -> int:
        """Maximum memory that a single model can use."""
        return sum(self.free)


@dataclass(frozen=True)
class Fit:
    """How a model fits in the available memory.

    Attributes:
        left: bytes left free; negative if the model does not fit (the number of bytes missing).
        longest: longest context that fits, in tokens; 0 if none does.
    """

    memory: ModelMemory
    room: Room
    left: int
    longest: int

    @property
    def fits(self) -> bool:
        """Return whether the model fits completely."""
        return self.left >= 0


def room_of(machine: Machine, *, on_gpu: bool = True, held: int = 0) -> Room:
    """Return the memory available to a model.

    A GPU that shares the machine's RAM is considered only if there is no other GPU.

    Args:
        on_gpu: whether the engine uses GPUs at all.
        held: bytes held by the engine's own models, which it frees to make room for another.
    """
    cards = [gpu for gpu in machine.gpus if not gpu.unified] if on_gpu else []
    if cards:
        return Room("GPU memory", _freed(cards, held), tuple(p for gpu in cards for p in gpu.processes))
    unified = next((gpu for gpu in machine.gpus if gpu.unified), None) if on_gpu else None
    if unified is not None:
        return Room("unified memory", (_of_unified(unified, machine, held),), unified.processes)
    free = min(machine.ram_total, machine.ram_available + held)
    return Room("RAM", (max(0, free - RAM_RESERVE),))


def _of_unified(gpu: Gpu, machine: Machine, held: int) -> int:
    """Return the memory available to a model on a GPU that shares the machine's RAM.

    Metal uses no more than its share of the RAM. On other GPUs of this kind, layers that do not fit run on
    the CPU from the same memory.
    """
    free = gpu.total if gpu.free is None else gpu.free
    if gpu.vendor == "apple":
        return max(0, min(gpu.total, free + held) - METAL_RESERVE)
    return max(0, min(machine.ram_total, max(free, machine.ram_available) + held) - GPU_RESERVE)


def fit(file: ModelFile, num_ctx: int, slots: int, room: Room, correction: float = 1.0) -> Fit | None:
    """Return how a model fits, or None if its metadata is insufficient.

    ``correction`` is the ratio of actual to estimated memory in earlier loads.
    """
    layers = layer_count(file.metadata)
    if not layers or not file.weights:
        return None

    def memory_with(tokens: int) -> ModelMemory:
        return corrected(memory_of(file, tokens, slots), correction)

    memory = memory_with(num_ctx)
    left = left_in(room, memory, layers)
    longest = longest_context(file.metadata, lambda tokens: left_in(room, memory_with(tokens), layers) >= 0)
    return Fit(memory, room, left, longest)


def memory_of(file: ModelFile, num_ctx: int, slots: int) -> ModelMemory:
    """Return a model's memory use in its engine. The engine's own process is counted under weights."""
    resident = file.weights + file.overhead
    return model_memory(file.metadata, resident, num_ctx, file.kv_type, slots, n_ubatch=file.n_ubatch)


def left_in(room: Room, memory: ModelMemory, layers: int) -> int:
    """Return the bytes left free after loading a model with ``layers`` layers; negative if it does not fit
    (the number of bytes missing).
    """
    return max(_alone(room.free, memory), _split(room.free, memory, layers))


def corrected(memory: ModelMemory, correction: float) -> ModelMemory:
    """Return the memory with each part multiplied by ``correction``."""
    return replace(
        memory,
        weights=round(memory.weights * correction),
        kv_cache=round(memory.kv_cache * correction),
        compute=round(memory.compute * correction),
    )


def _alone(free: Sequence[int], memory: ModelMemory) -> int:
    """Return the bytes left if the whole model goes on the card with the most free memory."""
    left = max(free, default=0) - memory.total
    return sum(free) - memory.total if left >= 0 else left


def _split(free: Sequence[int], memory: ModelMemory, layers: int) -> int:
    """Return the bytes left if the layers, including the output layer, are spread over as few cards as
    possible, starting with those with the most free memory.
    """
    pieces = layers + 1
    piece = -(-(memory.weights + memory.kv_cache) // pieces)
    room_left = sum(free)
    for place in sorted(free, reverse=True):
        taken = min(pieces, max(0, place - memory.compute) // max(1, piece))
        if taken:
            room_left -= memory.compute + taken * piece
            pieces -= taken
        if not pieces:
            return room_left
    return -(pieces * piece) - (memory.compute if pieces > layers else 0)


def _freed(cards: Sequence[Gpu], held: int) -> tuple[int, ...]:
    """Return the free memory of each card once ``held`` bytes are freed.

    Engines do not report which card holds them, so they are assumed to be on the fullest cards.
    """
    freed: dict[int, int] = {}
    for index in sorted(range(len(cards)), key=lambda each: -(cards[each].used or 0)):
        freed[index] = min(held, cards[index].used or 0)
        held -= freed[index]
    return tuple(
        max(0, (gpu.total if gpu.free is None else gpu.free) + freed[index] - GPU_RESERVE)
        for index, gpu in enumerate(cards)
    )
