"""Whether a model fits in the memory that is free, where it would lie, and with how long a context.

On GPUs a model must lie there whole: layers that spill into RAM make it many times slower and can stop the
machine. llama.cpp and Ollama split a model among several GPUs by whole layers, and each GPU that takes part
needs compute buffers of its own (``llama_model_params.split_mode`` "layer"); so the free memory of two cards
is not simply added up. Sizes are bytes.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

from server.backends.base import ModelFile
from server.models.hardware import Gpu, GpuProcess, Machine
from server.models.memory import ModelMemory, layer_count, longest_context, model_memory

MIB = 2**20
# What Ollama leaves free on each GPU for the driver's own structures (`MinimumMemory` in its
# `ml/device.go`: 457 MiB, 512 MiB for Metal).
GPU_RESERVE, METAL_RESERVE = 457 * MIB, 512 * MIB
RAM_RESERVE = 256 * MIB
"""What stays free in RAM where no GPU holds the model, for other programs to grow."""

Place = Literal["GPU memory", "unified memory", "RAM"]


@dataclass(frozen=True)
class Room:
    """The memory that a model can have: one number for each GPU, or one for RAM."""

    place: Place
    free: tuple[int, ...]
    processes: tuple[GpuProcess, ...] = ()

    @property
    def total(self) -> int:
        """All of it, as far as one model can use it."""
        return sum(self.free)


@dataclass(frozen=True)
class Fit:
    """A model in a room. ``left`` is what stays free, negative where it does not fit; ``longest`` is the
    longest context with which it does, in tokens, 0 for none."""

    memory: ModelMemory
    room: Room
    left: int
    longest: int

    @property
    def fits(self) -> bool:
        """Whether it lies there whole."""
        return self.left >= 0


def room_of(machine: Machine, *, on_gpu: bool = True, held: int = 0) -> Room:
    """Return the room for a model. ``on_gpu``: whether the engine uses GPUs at all; ``held``: what the
    engine's own models take there, which it frees for another one.

    A GPU that shares the machine's RAM counts only where there is no other.
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
    """Return what a GPU that shares the RAM leaves for a model. Metal wires no more than its share of it;
    with others, what they do not take runs on the processor from the same memory."""
    free = gpu.total if gpu.free is None else gpu.free
    if gpu.vendor == "apple":
        return max(0, min(gpu.total, free + held) - METAL_RESERVE)
    return max(0, min(machine.ram_total, max(free, machine.ram_available) + held) - GPU_RESERVE)


def fit(file: ModelFile, num_ctx: int, slots: int, room: Room, correction: float = 1.0) -> Fit | None:
    """Return how the model fits; None where its metadata do not tell what it takes.

    ``correction`` is what earlier loads took, divided by what was computed for them.
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
    """Return what a model takes in its engine, the engine's own process among the weights."""
    resident = file.weights + file.overhead
    return model_memory(file.metadata, resident, num_ctx, file.kv_type, slots, n_ubatch=file.n_ubatch)


def left_in(room: Room, memory: ModelMemory, layers: int) -> int:
    """Return what stays free of the room with a model of ``layers`` layers in it; negative where it does
    not fit: what is missing then."""
    return max(_alone(room.free, memory), _split(room.free, memory, layers))


def corrected(memory: ModelMemory, correction: float) -> ModelMemory:
    """Return the memory with each part times ``correction``."""
    return replace(
        memory,
        weights=round(memory.weights * correction),
        kv_cache=round(memory.kv_cache * correction),
        compute=round(memory.compute * correction),
    )


def _alone(free: Sequence[int], memory: ModelMemory) -> int:
    """Return what is left in all with the model whole on the card with the most room."""
    left = max(free, default=0) - memory.total
    return sum(free) - memory.total if left >= 0 else left


def _split(free: Sequence[int], memory: ModelMemory, layers: int) -> int:
    """Return what is left with the model's layers, and the output layer, spread over as few cards as
    needed, the roomiest first."""
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
    """Return what each card has free when ``held`` bytes in all are given back. Engines do not tell on which
    card: it is taken to be the fullest ones."""
    freed: dict[int, int] = {}
    for index in sorted(range(len(cards)), key=lambda each: -(cards[each].used or 0)):
        freed[index] = min(held, cards[index].used or 0)
        held -= freed[index]
    return tuple(
        max(0, (gpu.total if gpu.free is None else gpu.free) + freed[index] - GPU_RESERVE)
        for index, gpu in enumerate(cards)
    )
