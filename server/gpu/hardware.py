"""This machine's RAM, cores and GPUs.

Reading never raises: a missing driver is normal, and unknown values are None, not 0. Sizes are in bytes.
"""

import contextlib
import ctypes
import logging
import os
import platform
import subprocess
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import psutil

from server.common.processes import find_program

logger = logging.getLogger(__name__)

NVIDIA_LIBRARY = "libnvidia-ml.so.1"
DRM = Path("/sys/class/drm")
AMD_VENDOR_ID = "0x1002"
INTEL_VENDOR_ID = "0x8086"
# Unless `iogpu.wired_limit_mb` is set, Metal lets GPUs use about two thirds of a small and three quarters of
# a large unified memory (`recommendedMaxWorkingSetSize`, which llama.cpp prints when it starts).
APPLE_SHARE_SMALL, APPLE_SHARE_LARGE, APPLE_LARGE = 2 / 3, 3 / 4, 36 * 2**30

ENGINE_PROGRAMS = ("ollama", "llama", "lm studio", "lmstudio", "vllm")
EMBEDDED_CHILD = "server.backends.embedded.server_process"


@dataclass(frozen=True)
class GpuProcess:
    """A program that is using GPU memory. ``used`` is None if the driver does not report it."""

    pid: int
    name: str
    used: int | None


@dataclass(frozen=True)
class Gpu:
    """A GPU. ``unified`` means that it shares the machine's RAM."""

    name: str
    vendor: str
    total: int
    free: int | None
    unified: bool = False
    processes: tuple[GpuProcess, ...] = ()

    @property
    def used(self) -> int | None:
        """Bytes used by all programs; None if unknown."""
        return None if self.free is None else self.total - self.free


@dataclass(frozen=True)
class Machine:
    """RAM, cores and GPUs at one moment.

    Attributes:
        engine_ram: how much of the RAM in use (``ram_total - ram_available``) belongs to engines; None if
            unknown. On Linux this excludes weights mapped from a file, which count as available.
    """

    ram_total: int
    ram_available: int
    cores: int
    gpus: tuple[Gpu, ...] = ()
    engine_ram: int | None = None

    @property
    def gpu_free(self) -> int:
        """Bytes of GPU memory free for a model. Cards whose driver does not say are assumed to be empty."""
        return sum(gpu.total if gpu.free is None else gpu.free for gpu in self.gpus)

    @property
    def model_memory(self) -> int:
        """Bytes free where a model runs well: on the GPUs if there are any, otherwise in RAM."""
        return self.gpu_free if self.gpus else self.ram_available


def read_machine() -> Machine:
    """Return the machine's current state. This takes a few milliseconds and never raises."""
    memory = psutil.virtual_memory()
    return Machine(
        ram_total=memory.total,
        ram_available=memory.available,
        cores=psutil.cpu_count(logical=False) or psutil.cpu_count() or 1,
        gpus=read_gpus(),
        engine_ram=read_engine_ram(psutil.process_iter()) if sys.platform == "linux" else None,
    )


def read_engine_ram(processes: Iterable[psutil.Process]) -> int | None:
    """Return the RAM used by engine processes, excluding file-mapped pages; None if no engine is running.

    The embedded engine is a child of this process. Linux only; never raises.
    """
    held = []
    for process in processes:
        with contextlib.suppress(psutil.Error, OSError):
            if _is_engine(process):
                memory = process.memory_info()
                held.append(max(0, memory.rss - getattr(memory, "shared", 0)))
    return sum(held) if held else None


def _is_engine(process: psutil.Process) -> bool:
    name = process.name().lower()
    if name.startswith(ENGINE_PROGRAMS):
        return True
    return process.ppid() == os.getpid() and EMBEDDED_CHILD in process.cmdline()


def read_gpus() -> tuple[Gpu, ...]:
    """Return every GPU whose memory is known, in driver order. Never raises."""
    return (*_read_nvidia(), *read_drm(DRM), *_read_apple())


def _read_nvidia() -> tuple[Gpu, ...]:
    if sys.platform == "linux" and not _loads(NVIDIA_LIBRARY):
        return ()
    import pynvml  # noqa: PLC0415 - takes 40 ms and 1 MB, which a start without its driver avoids

    try:
        pynvml.nvmlInit()
    except pynvml.NVMLError:
        return ()
    try:
        count = pynvml.nvmlDeviceGetCount()
        return tuple(_read_nvidia_device(pynvml.nvmlDeviceGetHandleByIndex(i)) for i in range(count))
    except pynvml.NVMLError as error:
        logger.warning("the NVIDIA driver does not respond: %s", error)
        return ()
    finally:
        pynvml.nvmlShutdown()


def _loads(library: str) -> bool:
    try:
        ctypes.CDLL(library)
    except OSError:
        return False
    return True


def _read_nvidia_device(handle: object) -> Gpu:
    import pynvml  # noqa: PLC0415 - see _read_nvidia

    name = str(pynvml.nvmlDeviceGetName(handle))
    try:
        memory = pynvml.nvmlDeviceGetMemoryInfo(handle)
    except pynvml.NVMLError:
        # Machines with unified memory (DGX Spark, Jetson) report "Not Supported": their GPU uses the RAM.
        ram = psutil.virtual_memory()
        return Gpu(name, "nvidia", ram.total, ram.available, unified=True)
    return Gpu(name, "nvidia", int(memory.total), int(memory.free), processes=_read_nvidia_processes(handle))


def _read_nvidia_processes(handle: object) -> tuple[GpuProcess, ...]:
    import pynvml  # noqa: PLC0415 - see _read_nvidia

    found: dict[int, GpuProcess] = {}
    for read in (
        pynvml.nvmlDeviceGetComputeRunningProcesses,
        pynvml.nvmlDeviceGetGraphicsRunningProcesses,
    ):
        try:
            running = read(handle)
        except pynvml.NVMLError:
            continue  # some drivers list only one of the two kinds
        for process in running:
            # In a container and under WDDM, the driver does not report the memory of single processes.
            used = None if process.usedGpuMemory is None else int(process.usedGpuMemory)
            found[process.pid] = GpuProcess(process.pid, _process_name(process.pid), used)
    return tuple(found.values())


def _process_name(pid: int) -> str:
    try:
        return psutil.Process(pid).name()
    except psutil.Error:
        return f"process {pid}"


def read_drm(drm: Path) -> tuple[Gpu, ...]:
    """Return the AMD and Intel GPUs in Linux's ``/sys/class/drm`` (tests use another folder).

    AMD's driver reports VRAM and, for APUs, the RAM they may use (GTT). Intel's driver for discrete cards
    sometimes reports only their size.
    """
    gpus = []
    for card in sorted(drm.glob("card[0-9]*")):
        device = card / "device"
        vendor = _read_text(device / "vendor")
        if "-" in card.name:
            continue  # a connector such as card0-DP-1, not a card
        if vendor == AMD_VENDOR_ID:
            gpus.append(_read_amd(device))
        elif vendor == INTEL_VENDOR_ID and (total := _read_number(device / "lmem_total_bytes")):
            gpus.append(Gpu("Intel GPU", "intel", total, _read_number(device / "lmem_avail_bytes")))
    return tuple(gpu for gpu in gpus if gpu is not None)


def _read_amd(device: Path) -> Gpu | None:
    vram = _read_number(device / "mem_info_vram_total")
    if vram is None:
        return None
    vram_used = _read_number(device / "mem_info_vram_used") or 0
    gtt = _read_number(device / "mem_info_gtt_total") or 0
    gtt_used = _read_number(device / "mem_info_gtt_used") or 0
    name = _read_text(device / "product_name") or "AMD GPU"
    # An APU has a small VRAM and uses RAM through GTT; a discrete card has more VRAM than that.
    unified = gtt > vram
    if unified:
        return Gpu(name, "amd", vram + gtt, vram + gtt - vram_used - gtt_used, unified=True)
    return Gpu(name, "amd", vram, vram - vram_used)


def _read_apple() -> tuple[Gpu, ...]:
    if platform.system() != "Darwin" or platform.machine() != "arm64":
        return ()
    memory = psutil.virtual_memory()
    chip = _sysctl("machdep.cpu.brand_string") or "Apple GPU"
    return (apple_gpu(memory.total, memory.available, _sysctl_number("iogpu.wired_limit_mb"), chip),)


def apple_gpu(ram_total: int, ram_available: int, wired_limit_mb: int | None, chip: str = "Apple GPU") -> Gpu:
    """Return an Apple GPU. Its memory is the share of the RAM that Metal can use.

    ``wired_limit_mb`` is the value of ``sysctl iogpu.wired_limit_mb``; 0 or None is the system's default.
    """
    share = APPLE_SHARE_LARGE if ram_total > APPLE_LARGE else APPLE_SHARE_SMALL
    total = wired_limit_mb * 2**20 if wired_limit_mb else int(ram_total * share)
    return Gpu(chip, "apple", total, min(total, ram_available), unified=True)


def _sysctl_number(key: str) -> int | None:
    text = _sysctl(key)
    return int(text) if text.isdigit() else None


def _sysctl(key: str) -> str:
    sysctl = find_program("sysctl")
    if sysctl is None:
        return ""
    try:
        done = subprocess.run([sysctl, "-n", key], capture_output=True, text=True, timeout=2, check=True)
    except (OSError, ValueError, subprocess.SubprocessError):
        return ""
    return done.stdout.strip()


def _read_text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError):
        return ""


def _read_number(path: Path) -> int | None:
    text = _read_text(path)
    return int(text) if text.isdigit() else None
