"""Simulated machines and the app's recommendations for them, for the documentation and tests.

``COMMON`` lists models people run for chores, by memory size, collected from forums and guides in November
2026.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from server.common.sizes import gigabytes
from server.gpu.hardware import Gpu, Machine
from server.models.catalogue import SHIPPED, parse_catalogue
from server.models.recommend import GIB, Recommendation, recommend
from server.models.selector import SelectorSettings

COMMON: Mapping[int, tuple[str, ...]] = {
    8: ("qwen3.5:9b", "qwen3.5:4b"),
    16: ("gemma4:12b", "qwen2.5-coder:14b", "gpt-oss:20b"),
    24: ("qwen3.8:27b", "qwen3.6:35b-a3b", "gemma4:31b", "glm-4.7-flash"),
}
"""Models by memory in GB. Machines with more memory run the 24 GB models and larger ones."""


@dataclass(frozen=True)
class SimulatedMachine:
    """A machine. ``memory`` is its size class in ``COMMON``, in GB."""

    name: str
    memory: int
    machine: Machine


def _card(name: str, vendor: str, size: int, free: float, count: int = 1) -> tuple[Gpu, ...]:
    return (Gpu(name, vendor, size * GIB, round(free * GIB)),) * count


MACHINES = (
    SimulatedMachine("CPU only, 8 GB", 8, Machine(8 * GIB, round(5.5 * GIB), 4)),
    SimulatedMachine("CPU only, 24 GB", 16, Machine(24 * GIB, 20 * GIB, 8)),
    SimulatedMachine(
        "8 GB card, half used",
        8,
        Machine(32 * GIB, 20 * GIB, 8, _card("NVIDIA GeForce RTX 4060", "nvidia", 8, 4)),
    ),
    SimulatedMachine(
        "8 GB card", 8, Machine(32 * GIB, 20 * GIB, 8, _card("NVIDIA GeForce RTX 4060", "nvidia", 8, 7.5))
    ),
    SimulatedMachine(
        "16 GB card", 16, Machine(32 * GIB, 24 * GIB, 8, _card("NVIDIA GeForce RTX 4080", "nvidia", 16, 15.4))
    ),
    SimulatedMachine(
        "24 GB card", 24, Machine(64 * GIB, 50 * GIB, 16, _card("NVIDIA GeForce RTX 4090", "nvidia", 24, 23))
    ),
    SimulatedMachine(
        "two 24 GB cards",
        24,
        Machine(64 * GIB, 50 * GIB, 16, _card("NVIDIA GeForce RTX 3090", "nvidia", 24, 23, count=2)),
    ),
    SimulatedMachine(
        "128 GB unified",
        24,
        Machine(128 * GIB, 110 * GIB, 16, (Gpu("Apple M3 Max", "apple", 96 * GIB, 96 * GIB, unified=True),)),
    ),
    SimulatedMachine(
        "AMD, 16 GB", 16, Machine(32 * GIB, 24 * GIB, 8, _card("AMD Radeon RX 7800 XT", "amd", 16, 15.4))
    ),
    SimulatedMachine(
        "Intel, 16 GB", 16, Machine(32 * GIB, 24 * GIB, 8, _card("Intel Arc A770", "intel", 16, 15.4))
    ),
)


def recommended(simulated: SimulatedMachine) -> tuple[Recommendation, ...]:
    """Return the built-in catalogue ranked for coding on this machine, with nothing installed."""
    _, models = parse_catalogue(SHIPPED.read_text(encoding="utf-8"), str(SHIPPED))
    catalogue = [each for each in models if each.engine == "ollama"]
    return recommend(simulated.machine, (), catalogue, SelectorSettings(), "coding")


def line_of(simulated: SimulatedMachine) -> str:
    """Return the machine's row for the table in the documentation."""
    first, second, *_ = recommended(simulated)
    usual = [each for each in recommended(simulated) if each.model.name in COMMON[simulated.memory]]
    why = "" if first in usual else "; ".join(_why_not(each) for each in usual)
    size, spare = gigabytes(first.model.size), gigabytes(first.left)
    return f"| {simulated.name} | {first.model.name} | {size} | {spare} | {second.model.name} | {why} |"


def _why_not(each: Recommendation) -> str:
    reason = f"{gigabytes(each.missing)} short" if not each.fits else "slow" if each.slow else "fits"
    return f"{each.model.name}: {reason}"
