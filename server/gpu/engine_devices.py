"""GPUs as the engine sees them, supplementing those that drivers report."""

import sys
from collections.abc import Sequence
from dataclasses import replace

from server.backends.base import EngineDevice
from server.backends.embedded.vulkan_extra import DISTRIBUTION, VERSION
from server.gpu.hardware import Gpu, Machine


def with_engine_devices(machine: Machine, devices: Sequence[EngineDevice] | None) -> Machine:
    """Return the machine with the engine's devices as its GPUs if no driver reports a GPU.

    Drivers report more (processes, current use), but not for every vendor and operating system.
    """
    if machine.gpus or not devices:
        return machine
    gpus = tuple(Gpu(each.description, "", each.total, each.free) for each in devices)
    return replace(machine, gpus=gpus)


def idle_gpu(machine: Machine, devices: Sequence[EngineDevice] | None) -> str:
    """Return the name of a GPU that the engine leaves idle, or an empty string if the engine uses a GPU,
    there is no GPU, or the engine has not been asked.
    """
    if devices is None or devices:
        return ""
    return next((gpu.name for gpu in machine.gpus if not gpu.unified), "")


def idle_gpu_advice(name: str) -> tuple[str, str]:
    """Return the problem and its fix, one sentence each."""
    extra = f"uv pip install --python {sys.executable} {DISTRIBUTION}=={VERSION}"
    return (
        f"the built-in engine computes on the CPU; {name} is idle",
        "install Ollama, or a llama-server that uses the GPU (brew install llama.cpp, winget install "
        f"llama.cpp, on Linux {extra}), then restart the app",
    )
