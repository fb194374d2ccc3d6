"""Pauses offloading while other programs are using much of the GPU memory."""

import asyncio
import logging
from collections.abc import Callable, Collection
from contextlib import suppress
from dataclasses import dataclass
from urllib.parse import urlsplit

import psutil

from server.common.errors import TokenSaverError
from server.common.sizes import gigabytes
from server.config.sections import YieldingSettings
from server.engine.engine import Engine
from server.engine.view import EngineView
from server.gpu.hardware import Gpu, read_gpus

logger = logging.getLogger(__name__)

POLL_SECONDS = 5.0
CONFIRMATIONS = 2
"""Number of consecutive polls that must agree before a pause starts or ends, because some programs use memory
only briefly.
"""
HYSTERESIS = 0.1
"""A pause ends once other programs' share falls this far below the limit."""
GIB = 2**30


@dataclass(frozen=True)
class OtherUsage:
    """GPU memory used by other programs.

    Attributes:
        held: bytes they use across all GPUs.
        total: total bytes of GPU memory.
        largest: name of the program using the most memory; empty if unknown.
    """

    held: int
    total: int
    largest: str = ""

    @property
    def share(self) -> float:
        """The share of GPU memory used by other programs, 0 to 1."""
        return self.held / self.total if self.total else 0.0


class YieldMonitor:
    """Polls the GPUs and calls ``give_way`` and ``go_on`` when the answer changes.

    The app does not pause again right after the user resumes: ``give_way`` is called again only once the
    reason has gone away and come back.
    """

    def __init__(
        self,
        settings: YieldingSettings,
        engine: Engine,
        give_way: Callable[[str], None],
        go_on: Callable[[], None],
    ) -> None:
        self.settings = settings
        self._engine = engine
        self._give_way = give_way
        self._go_on = go_on
        self._reason = ""
        self._confirmations = 0

    async def watch(self) -> None:
        """Poll until cancelled. A share of 0 in the settings never pauses, and ends a pause."""
        while True:
            await asyncio.sleep(POLL_SECONDS)
            share, view, giving_way = self.settings.yield_share, self._engine.view(), bool(self._reason)
            reason = await asyncio.to_thread(reason_to_yield, share, view, giving_way) if share else ""
            await self.observe(reason)

    async def observe(self, reason: str) -> None:
        """Process the result of one poll: the reason to pause, or an empty string."""
        self._confirmations = self._confirmations + 1 if bool(reason) != bool(self._reason) else 0
        if self._confirmations < CONFIRMATIONS:
            return
        self._confirmations, self._reason = 0, reason
        if not reason:
            logger.info("resuming: the GPU's memory is free again")
            self._go_on()
            return
        logger.info("pausing: %s", reason)
        self._give_way(reason)
        if self.settings.yield_unload:
            await self._unload()

    async def _unload(self) -> None:
        view = self._engine.view()
        if not view.capabilities.unload:
            return
        for model in view.loaded:
            with suppress(TokenSaverError):  # the model then keeps its memory, but the pause still applies
                await self._engine.unload(model.name)


def reason_to_yield(limit: float, view: EngineView, giving_way: bool) -> str:
    """Return the reason to pause now, as a sentence without a full stop; empty if none. Never raises.

    Args:
        limit: share of GPU memory (0 to 1) that other programs may use.
        giving_way: whether a pause is active; a pause ends only well below the limit.
    """
    gpus = [gpu for gpu in read_gpus() if not gpu.unified]
    if not gpus:
        return ""
    engine = find_listener(view.url)
    usage = other_usage(
        gpus,
        own_processes(engine),
        sum(model.size_vram for model in view.loaded),
        reported=view.capabilities.reports_vram or all(model.size_vram for model in view.loaded),
        known=engine is not None or not view.url,
    )
    return "" if usage is None else explain_yielding(usage, limit, giving_way=giving_way)


def explain_yielding(usage: OtherUsage, limit: float, *, giving_way: bool) -> str:
    """Return the reason to pause given ``usage``; empty if usage is below ``limit`` (0 to 1)."""
    if usage.share < (limit - HYSTERESIS if giving_way else limit):
        return ""
    program = usage.largest or "another program"
    return f"{program} uses {usage.held / 1e9:.1f} of the GPU's {gigabytes(usage.total)}"


def other_usage(
    gpus: Collection[Gpu], own: Collection[int], held: int, *, reported: bool, known: bool = True
) -> OtherUsage | None:
    """Return the GPU memory used by other programs, or None if it cannot be determined.

    Args:
        gpus: the machine's GPUs. Those with unified memory are ignored, because the system manages that
        memory.
        own: processes belonging to this app and its engine.
        held: bytes of GPU memory used by the engine's models.
        reported: whether the engine reports ``held``, in which case 0 means that its models use none.
        known: whether ``own`` includes the engine's processes. Another user's processes cannot be found, for
        example when Ollama runs as a system service.
    """
    cards = [gpu for gpu in gpus if not gpu.unified and gpu.used is not None]
    if not cards:
        return None
    total = sum(gpu.total for gpu in cards)
    processes = [process for gpu in cards for process in gpu.processes]
    others = [process for process in processes if process.pid not in own] if known else []
    largest = max(others, key=lambda each: each.used or 0, default=None)
    name = largest.name if largest and largest.used else ""
    if known and processes and all(process.used is not None for process in processes):
        return OtherUsage(sum(process.used or 0 for process in others), total, name)
    if not reported:
        return None
    return OtherUsage(max(0, sum(gpu.used or 0 for gpu in cards) - held), total, name)


def own_processes(engine: int | None) -> frozenset[int]:
    """Return this process, the engine's process (given by its ID), and all their descendants."""
    found: set[int] = set()
    for root in (psutil.Process().pid, engine):
        if root is None:
            continue
        with suppress(psutil.Error):
            found |= {root, *(child.pid for child in psutil.Process(root).children(recursive=True))}
    return frozenset(found)


def find_listener(url: str) -> int | None:
    """Return the process listening on a local address, or None if it cannot be determined."""
    port = urlsplit(url).port if url else None
    if port is None:
        return None
    try:
        connections = psutil.net_connections("tcp")
    except (psutil.Error, OSError):
        return None  # macOS reports this only to administrators
    listening = (each for each in connections if each.status == psutil.CONN_LISTEN)
    return next((each.pid for each in listening if getattr(each.laddr, "port", None) == port), None)
