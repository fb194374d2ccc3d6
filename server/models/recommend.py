"""Recommends models for this machine and a category of work, best first, each with a reason."""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

from server.backends.base import InstalledModel
from server.common.sizes import gigabytes
from server.gpu.fit import Fit, Room, left_in, room_of
from server.gpu.hardware import Machine
from server.gpu.memory import ModelMemory
from server.models.catalogue import CatalogueModel
from server.models.categories import Category
from server.models.evidence import NOTHING, Evidence
from server.models.selector import SelectorSettings
from server.models.speed import expected_rate

GIB = 2**30
_PARAMETERS = re.compile(r"(\d+(?:\.\d+)?)\s*([BM])", re.IGNORECASE)
# Memory beside the weights: KV cache and compute buffers for the usual 8,192 tokens. According to
# `memory.model_memory`, 0.3 GiB for a 1.5B model and 1.7 GiB for a dense 14B model with wide keys (Phi-4).
OVERHEAD_SHARE, OVERHEAD = 0.15, GIB // 2
# Number of layers assumed for splitting a model whose header is unknown; most models have 24 to 64.
USUAL_LAYERS = 32
# Billions of active parameters above which a CPU generates only a few tokens per second.
MOST_ACTIVE_ON_CPU = 4.0
# Tokens per second below which a measured model is slow: an answer of 500 tokens takes over two minutes.
SLOW_RATE = 4.0
RESERVE, RESERVE_SHARE = 2 * GIB, 8
CODING: tuple[Category, ...] = ("coding", "coding-agent", "japanese-coding")
AGENT_BENCHMARK = "SWE-bench Verified"


@dataclass(frozen=True)
class Recommendation:
    """A model and the facts that determine its rank.

    Attributes:
        left: bytes that would stay free; negative if the model does not fit.
        reserve: bytes that must stay free for other programs.
        evidence: evidence about the model from this machine.
        rate: expected tokens per second based on memory bandwidth; 0 if unknown.
    """

    model: CatalogueModel
    installed: bool
    custom: bool
    left: int
    slow: bool
    evidence: Evidence = NOTHING
    rate: float = 0.0
    reserve: int = 0

    @property
    def fits(self) -> bool:
        """Return whether the model fits in free memory and leaves the reserve."""
        return self.left >= self.reserve

    @property
    def missing(self) -> int:
        """Bytes of memory the model is short of; 0 if it fits."""
        return max(0, self.reserve - self.left)

    @property
    def line(self) -> str:
        """The model and the reason for its rank, on one line."""
        parts = ["your choice"] if self.custom else []
        if not self.model.size:
            parts.append("size unknown")
        elif self.fits:
            parts.append(f"fits ({gigabytes(self.left)} spare)")
        else:
            parts.append(f"does not fit right now ({gigabytes(self.missing)} short)")
        if self.slow:
            parts.append("slow here" if self.evidence.generate_rate else "slow without a GPU")
        about = "≈ " if self.model.size_estimated else ""
        parts.append("installed" if self.installed else f"{about}{gigabytes(self.model.size)} download")
        if self.evidence.summary:
            parts.append(self.evidence.summary)
        if self.rate and not self.evidence.generate_rate:
            parts.append(f"≈ {self.rate:.0f} tokens/s")
        if (quality := self.model.quality) and self.evidence.quality is None:
            parts.append(f"{quality.benchmark} {quality.value:g} ({quality.date})")
        parts.append(self.model.license or "licence unknown")
        return f"{self.model.name}: {' · '.join(parts)}"


def recommend(
    machine: Machine,
    installed: Iterable[InstalledModel],
    catalogue: Sequence[CatalogueModel],
    settings: SelectorSettings,
    category: Category,
    *,
    prefer_quality: bool = False,
    held: int = 0,
    evidence: Mapping[str, Evidence] = MappingProxyType({}),
    known_fits: Mapping[str, Fit] = MappingProxyType({}),
    on_gpu: bool = True,
) -> tuple[Recommendation, ...]:
    """Return the suitable models, best first; empty if the user's filters exclude every model.

    The order is: the user's own choice for the category; models that are not toys; models that fit; models
    that are not slow; models that have proved good here, then untested ones, then those that have proved bad
    (``evidence``), regardless of published figures; models made for the category; installed models (unless
    ``prefer_quality``); models in wide use; the better published figure; the larger model.

    Args:
        held: bytes held by the engine's loaded models, which it would free.
        known_fits: how installed models fit according to their own metadata, by name.
        on_gpu: whether the engine uses GPUs.
    """
    room = room_of(machine, on_gpu=on_gpu, held=held)
    have = {each.name.removesuffix(":latest"): each for each in installed if each.generates}
    known = {each.name: each for each in catalogue}
    own = settings.custom_recommendations.get(category, "")
    models = [
        *(_as_installed(each, have.get(each.name)) for each in known.values()),
        *(_unlisted(each) for name, each in have.items() if name not in known),
    ]
    if own and all(each.name != own for each in models):
        models.append(CatalogueModel(name=own))
    found = [
        _recommendation(
            machine,
            each,
            evidence.get(each.name, NOTHING),
            installed=each.name in have,
            custom=each.name == own,
            left=_left(each, room, known_fits.get(each.name)),
            reserve=reserve_of(machine, room),
            on_gpu=on_gpu,
        )
        for each in models
        if not settings.blocks(each.name) and (each.name == own or settings.allows_license(each.license))
    ]
    return tuple(sorted(found, key=lambda each: _key(each, category, prefer_quality=prefer_quality)))


def reserve_of(machine: Machine, room: Room) -> int:
    """Return the bytes a recommended model must leave free: 2 GiB if memory is shared with other programs,
    less on a small machine. A graphics card's own reserve is already part of its room.
    """
    if room.place == "GPU memory":
        return 0
    return min(RESERVE, machine.ram_total // RESERVE_SHARE)


def memory_needed(model: CatalogueModel) -> int:
    """Return the bytes a model needs with the usual context, estimated from its file size."""
    return _expected(model).total


def memory_room(machine: Machine, held: int) -> int:
    """Return the bytes available to a model. ``held`` is the memory of loaded models, which would be
    freed.
    """
    return room_of(machine, held=held).total


def _expected(model: CatalogueModel) -> ModelMemory:
    if model.peak:
        return ModelMemory(model.size, 0, max(0, model.peak - model.size))
    return ModelMemory(model.size, round(model.size * OVERHEAD_SHARE) + OVERHEAD // 2, OVERHEAD // 2)


def _left(model: CatalogueModel, room: Room, known: Fit | None) -> int:
    return known.left if known else left_in(room, _expected(model), USUAL_LAYERS)


def _recommendation(
    machine: Machine,
    model: CatalogueModel,
    evidence: Evidence,
    *,
    installed: bool,
    custom: bool,
    left: int,
    reserve: int,
    on_gpu: bool,
) -> Recommendation:
    slow = not (machine.gpus and on_gpu) and model.active > MOST_ACTIVE_ON_CPU
    if evidence.generate_rate:
        slow = evidence.generate_rate < SLOW_RATE
    rate = expected_rate(machine, model, on_gpu=on_gpu)
    return Recommendation(model, installed, custom, left, slow, evidence, rate, reserve)


def _as_installed(model: CatalogueModel, installed: InstalledModel | None) -> CatalogueModel:
    """Return the model with the size of its installed file, and with the licence that the file names if the
    catalogue names none.
    """
    if installed is None or not installed.size:
        return model
    known = {"size": installed.size, "license": model.license or installed.license}
    return model.model_copy(update={**known, "size_estimated": False})


def _unlisted(model: InstalledModel) -> CatalogueModel:
    return CatalogueModel(
        name=model.name.removesuffix(":latest"),
        size=model.size,
        context=model.context_length,
        parameters=_billions(model.parameters),
        license=model.license,
    )


def _billions(text: str) -> float:
    """Parse an engine's parameter count, such as ``134.52M`` or ``1.5B``, into billions; 0 if unknown."""
    found = _PARAMETERS.fullmatch(text.strip())
    return float(found[1]) * (1 if found[2].upper() == "B" else 0.001) if found else 0.0


def _key(each: Recommendation, category: Category, *, prefer_quality: bool) -> tuple[object, ...]:
    suits = category in each.model.categories
    # Figures of different benchmarks are not comparable, so only the most common coding benchmark counts.
    quality = each.model.quality
    figure = quality.value if quality and category in CODING and quality.benchmark == AGENT_BENCHMARK else 0
    size = each.model.size if each.fits else -each.model.size  # too large: smallest first
    return (
        not each.custom,
        each.model.is_toy,
        not each.fits,
        each.slow,
        each.evidence.tier,
        -round(each.evidence.interval[0], 2) if each.evidence.tier == 0 else 0,
        not suits,
        not each.installed if not prefer_quality else False,
        not each.model.common if each.fits else False,
        -figure if each.fits else 0,
        -size,
        not each.installed,
        each.model.name,
    )
