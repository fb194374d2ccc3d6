"""Detection of GPUs, from folders like Linux's ``/sys/class/drm``."""

import subprocess
import sys
from pathlib import Path
from subprocess import PIPE

import psutil
import pytest

from server.gpu.hardware import (
    EMBEDDED_CHILD,
    Gpu,
    Machine,
    apple_gpu,
    read_drm,
    read_engine_ram,
    read_machine,
)

GIB, MIB = 2**30, 2**20


def card(drm: Path, name: str, **files: object) -> None:
    device = drm / name / "device"
    device.mkdir(parents=True)
    for file, content in files.items():
        (device / file).write_text(f"{content}\n")


def test_memory_of_an_amd_card(tmp_path: Path) -> None:
    card(
        tmp_path,
        "card0",
        vendor="0x1002",
        product_name="Radeon RX 7900 XTX",
        mem_info_vram_total=24 * GIB,
        mem_info_vram_used=4 * GIB,
        mem_info_gtt_total=16 * GIB,
        mem_info_gtt_used=0,
    )
    assert read_drm(tmp_path) == (Gpu("Radeon RX 7900 XTX", "amd", 24 * GIB, 20 * GIB),)


def test_an_apu_shares_the_ram(tmp_path: Path) -> None:
    card(
        tmp_path,
        "card1",
        vendor="0x1002",
        mem_info_vram_total=GIB,
        mem_info_vram_used=GIB // 2,
        mem_info_gtt_total=64 * GIB,
        mem_info_gtt_used=GIB,
    )
    (gpu,) = read_drm(tmp_path)
    assert gpu.unified
    assert (gpu.total, gpu.free) == (65 * GIB, 65 * GIB - GIB - GIB // 2)


def test_intel_card_without_reported_usage(tmp_path: Path) -> None:
    card(tmp_path, "card0", vendor="0x8086", lmem_total_bytes=16 * GIB)
    (gpu,) = read_drm(tmp_path)
    assert (gpu.total, gpu.free, gpu.used) == (16 * GIB, None, None)


def test_connectors_integrated_graphics_and_invalid_files_are_skipped(tmp_path: Path) -> None:
    card(tmp_path, "card0", vendor="0x8086")
    card(tmp_path, "card0-DP-1", vendor="0x1002", mem_info_vram_total=GIB)
    card(tmp_path, "card1", vendor="0x1002", mem_info_vram_total="many")
    assert read_drm(tmp_path) == ()
    assert read_drm(tmp_path / "missing") == ()


def test_apple_gpu_has_the_memory_that_metal_may_use() -> None:
    assert apple_gpu(128 * GIB, 100 * GIB, None).total == 96 * GIB
    assert apple_gpu(64 * GIB, 20 * GIB, 57344) == Gpu("Apple GPU", "apple", 56 * GIB, 20 * GIB, unified=True)


def test_models_use_gpus_if_there_are_any() -> None:
    gpus = (Gpu("a", "nvidia", 24 * GIB, 10 * GIB), Gpu("b", "intel", 8 * GIB, None))
    assert Machine(64 * GIB, 50 * GIB, 8, gpus).model_memory == 18 * GIB
    assert Machine(64 * GIB, 50 * GIB, 8).model_memory == 50 * GIB


def test_this_machine_can_be_read() -> None:
    machine = read_machine()
    assert 0 < machine.ram_available <= machine.ram_total
    assert machine.cores >= 1


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere what is mapped counts as used")
def test_pages_mapped_from_files_are_not_counted_as_engine_ram(tmp_path: Path) -> None:
    weights = tmp_path / "weights"
    weights.write_bytes(b"w" * (64 * MIB))
    code = (
        "import mmap, sys\n"
        "file = open(sys.argv[1], 'rb')\n"
        "mapped = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)\n"
        "sum(mapped[at] for at in range(0, len(mapped), 4096))\n"
        "own = b'x' * (32 << 20)\n"
        "print('ready', flush=True)\n"
        "sys.stdin.read()\n"
    )
    command = [sys.executable, "-c", code, str(weights)]
    with (
        subprocess.Popen([*command, EMBEDDED_CHILD], stdin=PIPE, stdout=PIPE) as engine,
        subprocess.Popen(command, stdin=PIPE, stdout=PIPE) as other,
    ):
        for child in (engine, other):
            assert child.stdout is not None
            assert child.stdout.readline() == b"ready\n"
        found = psutil.Process(engine.pid)
        assert found.memory_info().rss > 96 * MIB
        held = read_engine_ram([found, psutil.Process(other.pid)])
        assert held is not None
        assert 32 * MIB <= held < 64 * MIB
        assert read_engine_ram([psutil.Process(other.pid)]) is None
        engine.communicate()
        other.communicate()
    assert read_engine_ram([found]) is None
