"""Giving way: pause while another program has the GPU's memory or a game runs full-screen; then go on."""

import asyncio
import logging
from collections.abc import Callable, Collection
from contextlib import suppress
from dataclasses import dataclass
from urllib.parse import urlsplit

import psutil

from server.common.errors import TokenSaverError
from server.config.settings import MannersSettings
from server.engine.engine import Engine
from server.engine.view import EngineView
from server.models.games import running_game
from server.models.hardware import Gpu, read_gpus

logger = logging.getLogger(__name__)

LOOK_SECONDS = 5.0
LOOKS = 2
"""How often in a row a thing must be seen before it counts: some take memory for a moment only."""
RELIEF = 0.1
"""The share of memory that others must give back beyond the limit before it goes on: no back and forth."""
HOLDER = 2**29
"""Bytes of GPU memory from which a full-screen window's program is a game or the like."""
GIB = 2**30


@dataclass(frozen=True)
class Others:
    """What other programs hold of the GPUs' memory, in bytes, and which holds the most (may be empty)."""

    held: int
    total: int
    largest: str = ""

    @property
    def share(self) -> float:
        """0 to 1."""
        return self.held / self.total if self.total else 0.0


class Yielding:
    """Looks every few seconds; ``give_way`` and ``go_on`` are called when the answer changes.

    A user who resumes is not asked again: nothing is said until the reason has gone and come back.
    """

    def __init__(
        self,
        settings: MannersSettings,
        engine: Engine,
        give_way: Callable[[str], None],
        go_on: Callable[[], None],
    ) -> None:
        self._settings = settings
        self._engine = engine
        self._give_way = give_way
        self._go_on = go_on
        self._reason = ""
        self._seen = 0

    async def watch(self) -> None:
        """Look again and again, until cancelled. Returns at once where the settings want nothing seen."""
        if not (self._settings.yield_share or self._settings.yield_to_games):
            return
        while True:
            await asyncio.sleep(LOOK_SECONDS)
            view, giving_way = self._engine.view(), bool(self._reason)
            await self.note(await asyncio.to_thread(look, self._settings, view, giving_way))

    async def note(self, found: str) -> None:
        """Take in one look: why to give way, empty for no reason."""
        self._seen = self._seen + 1 if bool(found) != bool(self._reason) else 0
        if self._seen < LOOKS:
            return
        self._seen, self._reason = 0, found
        if not found:
            logger.info("goes on")
            self._go_on()
            return
        logger.info("gives way: %s", found)
        self._give_way(found)
        if self._settings.yield_unload:
            await self._unload()

    async def _unload(self) -> None:
        view = self._engine.view()
        if not view.capabilities.unload:
            return
        for model in view.loaded:
            with suppress(TokenSaverError):  # then it keeps its memory; giving way holds all the same
                await self._engine.unload(model.name)


def look(settings: MannersSettings, view: EngineView, giving_way: bool) -> str:
    """Return why to give way now, a sentence without its full stop; empty for no reason. Never raises."""
    gpus = [gpu for gpu in read_gpus() if not gpu.unified]
    engine = listener(view.url) if gpus else None
    own = own_processes(engine) if gpus else frozenset()
    if settings.yield_share:
        held = sum(model.size_vram for model in view.loaded)
        others = others_on(gpus, own, held, told=_tells(view), known=engine is not None or not view.url)
        if others is not None and (why := why_yield(others, settings.yield_share, giving_way=giving_way)):
            return why
    if settings.yield_to_games:
        strangers = (process for gpu in gpus for process in gpu.processes if process.pid not in own)
        holders = {process.pid for process in strangers if (process.used or 0) >= HOLDER}
        if game := running_game(holders):
            return f"{game} runs full-screen"
    return ""


def why_yield(others: Others, limit: float, *, giving_way: bool) -> str:
    """Return why to give way to what others hold, empty where they hold less than ``limit`` (0 to 1)."""
    if others.share < (limit - RELIEF if giving_way else limit):
        return ""
    who = others.largest or "another program"
    return f"{who} has {others.held / GIB:.1f} of the GPU's {others.total / GIB:.1f} GiB"


def others_on(
    gpus: Collection[Gpu], own: Collection[int], held: int, *, told: bool, known: bool = True
) -> Others | None:
    """Return what other programs hold, None where it cannot be known.

    Args:
        gpus: those of the machine; unified memory is the system's own to share out and is left out.
        own: processes of this app and its engine.
        held: bytes that the engine's models have on GPUs.
        told: whether ``held`` is the engine's word, and not 0 because it does not say.
        known: whether the engine's processes are in ``own``. Those of another user are not to be found;
            Ollama as a system service is such a one, and no stranger to give way to.
    """
    cards = [gpu for gpu in gpus if not gpu.unified and gpu.used is not None]
    if not cards:
        return None
    total = sum(gpu.total for gpu in cards)
    processes = [process for gpu in cards for process in gpu.processes]
    strangers = [process for process in processes if process.pid not in own] if known else []
    largest = max(strangers, key=lambda each: each.used or 0, default=None)
    name = largest.name if largest and largest.used else ""
    if known and processes and all(process.used is not None for process in processes):
        return Others(sum(process.used or 0 for process in strangers), total, name)
    if not told:
        return None
    return Others(max(0, sum(gpu.used or 0 for gpu in cards) - held), total, name)


def own_processes(engine: int | None) -> frozenset[int]:
    """Return this process and the engine's, with all that they started."""
    found: set[int] = set()
    for root in (psutil.Process().pid, engine):
        if root is None:
            continue
        with suppress(psutil.Error):
            found |= {root, *(child.pid for child in psutil.Process(root).children(recursive=True))}
    return frozenset(found)


def listener(url: str) -> int | None:
    """Return the process that listens at an address of this machine, None where that cannot be known."""
    port = urlsplit(url).port if url else None
    if port is None:
        return None
    try:
        listening = psutil.net_connections("tcp")
    except (psutil.Error, OSError):
        return None  # macOS tells it to the administrator alone
    servers = (each for each in listening if each.status == psutil.CONN_LISTEN)
    return next((each.pid for each in servers if getattr(each.laddr, "port", None) == port), None)


def _tells(view: EngineView) -> bool:
    """Whether the engine says what its models have on GPUs, so that 0 means nothing."""
    return view.kind == "ollama" or all(model.size_vram for model in view.loaded)
