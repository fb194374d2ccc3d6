"""The parts of the memory bars."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dashboard.memory_use import pools
from server.backends.base import LoadedModel
from server.gpu.hardware import Gpu, GpuProcess, Machine

pytestmark = pytest.mark.fast

GIB = 2**30


def test_a_model_in_ram_is_shown_in_ram() -> None:
    machine = Machine(ram_total=16 * GIB, ram_available=8 * GIB, cores=4)
    [ram] = pools(machine, [LoadedModel("m", size=5 * GIB)])
    assert [(part.kind, part.size // GIB) for part in ram.parts] == [("model", 5), ("other", 3), ("free", 8)]
    assert ram.used == 8 * GIB


def test_file_pages_of_a_model_are_not_counted_as_free() -> None:
    [before] = pools(Machine(16 * GIB, 14 * GIB, 4), [])
    # 4 GiB of weights are in the page cache, which counts as available; 1 GiB is the engine's own.
    machine = Machine(16 * GIB, 13 * GIB, 4, engine_ram=1 * GIB)
    [after] = pools(machine, [LoadedModel("m", size=5 * GIB)])
    assert [(part.kind, part.size // GIB) for part in before.parts] == [("other", 2), ("free", 14)]
    assert [(part.kind, part.size // GIB) for part in after.parts] == [
        ("model", 5),
        ("other", 2),
        ("free", 9),
    ]


def test_a_model_that_spills_is_shown_in_both_memories() -> None:
    gpu = Gpu("RTX", "nvidia", total=8 * GIB, free=1 * GIB)
    machine = Machine(16 * GIB, 10 * GIB, 4, (gpu,))
    vram, ram = pools(machine, [LoadedModel("m", size=9 * GIB, size_vram=6 * GIB)])
    assert [(part.kind, part.size // GIB) for part in vram.parts] == [("model", 6), ("other", 1), ("free", 1)]
    assert [(part.kind, part.size // GIB) for part in ram.parts] == [("model", 3), ("other", 3), ("free", 10)]


def test_each_gpu_shows_the_memory_that_the_engine_uses_there() -> None:
    gpus = (
        Gpu("A", "nvidia", 8 * GIB, 1 * GIB, processes=(GpuProcess(1, "ollama", 6 * GIB),)),
        Gpu(
            "B",
            "nvidia",
            8 * GIB,
            2 * GIB,
            processes=(GpuProcess(1, "ollama", 3 * GIB), GpuProcess(2, "game", 3 * GIB)),
        ),
    )
    first, second = pools(Machine(16 * GIB, 10 * GIB, 4, gpus), [LoadedModel("m", 9 * GIB, 9 * GIB)])
    assert (first.name, second.name) == ("GPU 0: A", "GPU 1: B")
    assert [(part.kind, part.size // GIB) for part in first.parts] == [
        ("model", 6),
        ("other", 1),
        ("free", 1),
    ]
    assert [(part.kind, part.size // GIB) for part in second.parts] == [
        ("model", 3),
        ("other", 3),
        ("free", 2),
    ]


def test_a_gpu_without_readings_counts_as_free() -> None:
    gpus = (Gpu("A", "amd", 8 * GIB, None),)
    [pool] = pools(Machine(16 * GIB, 10 * GIB, 4, gpus), [LoadedModel("m", 6 * GIB, 6 * GIB)])
    assert [(part.kind, part.size // GIB) for part in pool.parts] == [("model", 6), ("free", 2)]


@given(
    total=st.integers(1, 2**40),
    free=st.integers(0, 2**40),
    sizes=st.lists(st.integers(0, 2**41), max_size=4),
    held=st.none() | st.integers(0, 2**41),
)
def test_no_part_of_a_memory_is_negative(total: int, free: int, sizes: list[int], held: int | None) -> None:
    loaded = [LoadedModel(f"m{at}", size) for at, size in enumerate(sizes)]
    for pool in pools(Machine(total, free, 1, engine_ram=held), loaded):
        assert all(part.size >= 0 for part in pool.parts)
