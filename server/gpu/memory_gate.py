"""Memory-based admission control. Models are loaded only if they fit; each load corrects later estimates."""

import asyncio
import logging
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace

from server.backends.base import Backend, InstalledModel, LoadedModel, ReportsDevices, ReportsModelFile
from server.common.errors import BackendError, BackendUnreachable, ModelTooLarge
from server.common.sizes import gigabytes
from server.config.folders import Folders
from server.config.sections import BackendSettings
from server.engine.admission import SHARE_OF_RAM
from server.engine.selection import NUM_CTX_LADDER, USUAL_NUM_CTX
from server.gpu.engine_devices import with_engine_devices
from server.gpu.fit import Fit, fit, memory_of, room_of
from server.gpu.hardware import GpuProcess, Machine, read_machine
from server.gpu.load_corrections import Corrections

logger = logging.getLogger(__name__)

GIB = 2**30
SHARE_OF_GPUS = 0.8
"""Size limit for a model chosen by the app, as a fraction of total GPU memory. The rest is for its KV cache
and compute buffers.
"""
SHORTEST = 2048
"""Shortest context to choose when memory is tight (tokens). Tasks and answers need at least this much."""
FIT_SECONDS = 5.0
"""Timeout for asking the engine about all its models (seconds). A single model takes milliseconds."""
ADMITTED_SECONDS = 120.0
"""How long an admission stays valid: a model being loaded already takes up the memory it needs."""


class MemoryGate:
    """Implements ``Admission``. ``read`` reads the machine's state, which takes a few milliseconds."""

    def __init__(
        self, settings: BackendSettings, folders: Folders, read: Callable[[], Machine] = read_machine
    ) -> None:
        self._settings = settings
        self._read = read
        self._machine: Machine | None = None
        self._corrections = Corrections(folders.state / "model-memory.json")
        self._admitted: dict[str, tuple[int, int, float]] = {}
        self._reduced: dict[str, int] = {}
        self._expected: dict[tuple[str, str, int, int], int] = {}

    async def start(self) -> None:
        """Read the machine's state for the first time."""
        self._machine = await asyncio.to_thread(self._read)

    async def admit(self, backend: Backend, model: str, num_ctx: int, need: int) -> int:
        """See ``Admission``."""
        if self._settings.allow_spill or not isinstance(backend, ReportsModelFile):
            return num_ctx
        if (granted := await self._granted(backend, model, num_ctx, need)) is not None:
            return granted
        wanted = max(num_ctx, self._reduced.get(model, 0))
        found = await self.fit(backend, model, wanted)
        granted = wanted if found is None else self._choose_context(model, found, wanted, need)
        self._admitted[model] = (wanted, granted, time.monotonic())
        self._reduced[model] = wanted
        return granted

    async def fit(self, backend: Backend, model: str, num_ctx: int) -> Fit | None:
        """Return how the model fits right now; None if this cannot be determined.

        Raises:
            BackendUnreachable: the engine does not answer.
        """
        self._machine = machine = await asyncio.to_thread(self._read)
        return await self._fit(backend, model, num_ctx, machine)

    async def fit_all(self, backend: Backend, models: Iterable[InstalledModel]) -> Mapping[str, Fit]:
        """Return how each installed model fits with the usual context, by name. Models for which the engine
        does not answer within ``FIT_SECONDS`` are omitted.

        Raises:
            BackendUnreachable: the engine does not answer.
        """
        self._machine = machine = await asyncio.to_thread(self._read)
        found: dict[str, Fit] = {}
        deadline = time.monotonic() + FIT_SECONDS
        for each in models:
            if each.generates and time.monotonic() < deadline:
                fits = await self._fit(backend, each.name, USUAL_NUM_CTX, machine)
                found |= {each.name: fits} if fits is not None else {}
        return found

    async def compare(self, backend: Backend, loaded: tuple[LoadedModel, ...]) -> tuple[LoadedModel, ...]:
        """See ``Admission``. Each load's memory use is recorded only once."""
        return tuple([replace(each, estimated=await self._record_load(backend, each)) for each in loaded])

    def largest(self, backend: Backend) -> int:
        """See ``Admission``. The limit is 80 % of total GPU memory, or 60 % of total RAM."""
        machine = self._machine or self._read()
        self._machine = machine
        cards = [gpu.total for gpu in machine.gpus if not gpu.unified]
        if cards and not backend.capabilities.run_by_app:
            return round(SHARE_OF_GPUS * sum(cards))
        return round(SHARE_OF_RAM * machine.ram_total)

    async def _fit(self, backend: Backend, model: str, num_ctx: int, machine: Machine) -> Fit | None:
        if not isinstance(backend, ReportsModelFile):
            return None
        try:
            file = await backend.model_file(model)
        except BackendError as error:
            if isinstance(error, BackendUnreachable):
                raise
            logger.info("the memory of %s cannot be calculated: %s", model, error.cause)
            return None
        if isinstance(backend, ReportsDevices):
            machine = with_engine_devices(machine, await backend.devices())
        held = await self._held(backend, machine, on_gpu=file.on_gpu)
        room = room_of(machine, on_gpu=file.on_gpu, held=held)
        correction = self._corrections.factor(backend.kind, model)
        return fit(file, num_ctx, await backend.slots(model), room, correction)

    async def _granted(self, backend: Backend, model: str, num_ctx: int, need: int) -> int | None:
        """Return the context if there is no need to check memory, because the model is already loaded with
        enough context or was just admitted.
        """
        loaded = await backend.loaded() if backend.capabilities.list_loaded else ()
        current = next((each.num_ctx for each in loaded if each.name == model), 0)
        if current >= num_ctx:
            return num_ctx
        if current >= max(need, 1) and not self._settings.num_ctx and self._reduced.get(model, 0) > current:
            return current
        wanted, granted, at = self._admitted.get(model, (0, 0, 0.0))
        if time.monotonic() - at < ADMITTED_SECONDS and granted >= need and num_ctx in (wanted, granted):
            return granted
        return None

    def _choose_context(self, model: str, found: Fit, wanted: int, need: int) -> int:
        """Return ``wanted``, or the longest context on the ladder that fits if ``wanted`` does not and the
        user did not set it.

        Raises:
            ModelTooLarge: no context that holds ``need`` tokens fits.
        """
        if found.fits:
            return wanted
        steps = () if self._settings.num_ctx else (SHORTEST, *NUM_CTX_LADDER)
        fitting = [each for each in steps if need <= each <= found.longest]
        if fitting:
            logger.info("%s gets a context of %d tokens: %d would not fit", model, max(fitting), wanted)
            return max(fitting)
        raise _too_large(model, found, wanted)

    async def _held(self, backend: Backend, machine: Machine, *, on_gpu: bool) -> int:
        """Return the memory held by the engine's own models, which it frees to make room for another."""
        loaded = await backend.loaded() if backend.capabilities.list_loaded else ()
        if on_gpu and any(not gpu.unified for gpu in machine.gpus):
            return sum(each.size_vram for each in loaded)
        if not backend.capabilities.run_by_app:
            return sum(each.size for each in loaded)
        # The embedded engine maps weights from their file. Mapped weights already count as available.
        files = {each.name: each.size for each in await backend.installed()}
        return sum(max(0, each.size - files.get(each.name, 0)) for each in loaded)

    async def _record_load(self, backend: Backend, loaded: LoadedModel) -> int:
        """Record a loaded model's memory use and return its estimate in bytes; 0 if there is none."""
        key = (backend.kind, loaded.name, loaded.num_ctx, loaded.slots)
        if key in self._expected or not isinstance(backend, ReportsModelFile) or not loaded.num_ctx:
            return self._expected.get(key, 0)
        found = await self.fit(backend, loaded.name, loaded.num_ctx)
        if found is None:
            self._expected[key] = 0
            return 0
        file = await backend.model_file(loaded.name)
        computed = memory_of(file, loaded.num_ctx, loaded.slots).total
        self._expected[key] = found.memory.total
        taken = loaded.size
        if backend.capabilities.run_by_app:
            # The resident memory counts weights twice if llama.cpp maps them and repacks them for the CPU.
            # Mapped pages are freed as soon as another program needs the memory.
            taken = min(taken, computed)
        if taken and not await asyncio.to_thread(
            self._corrections.record, backend.kind, loaded.name, computed, taken, loaded.num_ctx
        ):
            logger.info("ignored the report that %s takes %d bytes", loaded.name, loaded.size)
        return self._expected[key]


def _too_large(model: str, found: Fit, wanted: int) -> ModelTooLarge:
    room = found.room
    holders = [each for each in room.processes if each.used and not _is_engine(each)]
    holding = ", ".join(f"{each.name} holds {gigabytes(each.used or 0)}" for each in holders[:2])
    on = f" on {len(room.free)} GPUs, split by layers" if len(room.free) > 1 else ""
    cause = (
        f"{model} with a context of {wanted:,} tokens needs {gigabytes(found.memory.total)} of {room.place}; "
        f"{gigabytes(room.total)} is available{on}" + (f" ({holding})." if holding else ".")
    )
    others = "use a smaller model, close other programs, or set allow_spill = true in [backend]"
    if not found.longest:
        return ModelTooLarge(cause, f"{others[0].upper()}{others[1:]}.")
    return ModelTooLarge(
        cause, f"A context of {found.longest} tokens would fit: set [backend] num_ctx to it, {others}."
    )


def _is_engine(process: GpuProcess) -> bool:
    return any(word in process.name.lower() for word in ("ollama", "llama", "token-saver"))
