"""The embedded engine: llama.cpp's server in a child process, with one model at a time.

The process starts on first use, exits ``keep_alive`` after the last use, and is restarted after a crash.
"""

import asyncio
import logging
import signal
import time
from collections.abc import AsyncGenerator, AsyncIterator, Mapping
from contextlib import aclosing, asynccontextmanager, suppress
from dataclasses import replace
from typing import Any

import psutil

from server.backends.base import (
    N_UBATCH,
    Capabilities,
    EngineDevice,
    GenerationItem,
    GenerationRequest,
    InstalledModel,
    LoadedModel,
    Message,
    ModelFile,
    ReportPull,
)
from server.backends.embedded.arguments import cpu_batch
from server.backends.embedded.buffers import device_memory
from server.backends.embedded.builds import BUILT_IN, Build, choose_build
from server.backends.embedded.child_process import Child, Order, start_child
from server.backends.embedded.gguf import read_gguf
from server.backends.embedded.model_files import ModelFiles
from server.backends.keep_alive import parse_keep_alive
from server.backends.openai.llama_server import LlamaServer
from server.common.aio import cancel_and_wait
from server.common.errors import BackendError, BackendFailed, BackendUnreachable
from server.common.events import EventBus, ModelProgress
from server.config.folders import Folders
from server.config.settings import Settings

logger = logging.getLogger(__name__)

MANY_CORES = 4
PROCESS, PROCESS_TOKEN = 16 * 2**20, 500
"""Memory the process uses in addition to its model, in bytes: for Python and the library, and for the
tokenizer's tables per vocabulary token. Measured on Linux as resident memory minus the buffers in llama.cpp's
log: 39 MiB with 49,152 tokens (SmolLM2), 88 and 89 MiB with 151,936 (Qwen2.5)."""


class _Server(LlamaServer):
    product = "The embedded engine"
    start_hint = "Try again. The engine restarts automatically."


class EmbeddedBackend:
    """The engine bundled with the app. Implements ``DownloadsOwnModels`` and ``DeletesModels``."""

    kind = "embedded"
    label = "Embedded llama.cpp"
    url = ""
    capabilities = Capabilities(
        load=True,
        unload=True,
        list_loaded=True,
        pull=True,
        keep_alive=True,
        set_num_ctx=True,
        count_tokens=True,
        delete=True,
        run_by_app=True,
    )

    def __init__(self, settings: Settings, folders: Folders, events: EventBus) -> None:
        self._settings = settings
        self._files = ModelFiles(settings.embedded, folders.models)
        self._log = folders.state / "embedded.log"
        self._events = events
        self._threads = settings.embedded.threads or _usual_threads()
        self._child: Child | None = None
        self._server: _Server | None = None
        self._starting: asyncio.Task[Child] | None = None
        self._ending: asyncio.Task[None] | None = None
        self._closed = False
        self._build: Build | None = None
        self.known_devices: tuple[EngineDevice, ...] | None = None
        self._choosing = asyncio.Lock()
        self._rejected: dict[str, str] = {}
        self._changing = asyncio.Lock()
        self._users = 0
        self._unused = asyncio.Event()
        self._unused.set()
        self._expires_at: float | None = None
        self._stay_seconds = parse_keep_alive(settings.backend.keep_alive)
        self._expiry: asyncio.Task[None] | None = None
        self._moved = asyncio.Event()
        self._watching: asyncio.Task[None] | None = None

    async def check(self) -> None:
        """Do nothing: the engine is part of the app and starts on first use."""

    async def installed(self) -> tuple[InstalledModel, ...]:
        """Return the models in the app's folder, the user's folders, and the caches of other programs."""
        return await asyncio.to_thread(self._files.installed)

    async def loaded(self) -> tuple[LoadedModel, ...]:
        """Return the loaded model. ``size`` is the process's resident memory plus its GPU memory."""
        child = self._child
        if child is None or not child.alive:
            return ()
        order = child.order
        names = [each.name for each in await self.devices()]
        vram = await asyncio.to_thread(device_memory, child.log, names) if names else 0
        size = child.memory + vram
        return (
            LoadedModel(order.model, size, vram, order.num_ctx, order.slots, expires_at=self._expires_at),
        )

    async def context_length(self, model: str) -> int:
        """Return the longest context according to the model's header; 0 if unknown."""
        return _longest_context(await self._header(model))

    async def model_file(self, model: str) -> ModelFile:
        """See ``ReportsModelFile``."""
        header = await self._header(model)
        on_gpu = await self.uses_gpu()
        size = await asyncio.to_thread(lambda: self._files.model(model).size)
        vocabulary = header.get("tokenizer.ggml.tokens", 0)
        return ModelFile(
            header,
            size,
            on_gpu=on_gpu,
            overhead=PROCESS + PROCESS_TOKEN * (vocabulary if isinstance(vocabulary, int) else 0),
            n_ubatch=N_UBATCH if on_gpu else cpu_batch(size, self._threads),
        )

    async def slots(self, model: str) -> int:  # noqa: ARG002 - equal for all models
        """Return the ``[embedded] slots`` setting."""
        return self._settings.embedded.slots

    async def load(self, model: str, num_ctx: int, keep_alive: str | None = None) -> None:
        """Start the process with the model, first unloading any other model."""
        async with self._using(model, num_ctx, keep_alive):
            pass

    async def unload(self, model: str) -> None:
        """Stop the process once its work is done, which frees all of its memory."""
        async with self._changing:
            if self._child is not None and self._child.order.model == model:
                await self._unused.wait()
                await self._stop()

    async def delete(self, model: str) -> None:
        """Delete a model (see ``DeletesModels``). Only files in the app's own folder can be deleted."""
        await asyncio.to_thread(self._files.delete, model)

    async def stop_listing(self, place: str) -> None:
        """See ``ListsPlaces``."""
        await asyncio.to_thread(self._files.stop_listing, place)

    async def pull(self, model: str, report: ReportPull) -> None:
        """Download a model from the catalogue, the hub or a URL. Local paths are used in place."""
        await self._files.fetch(model, report)

    async def look_up(self, model: str) -> str:
        """See ``DownloadsOwnModels``."""
        return await self._files.look_up(model)

    async def ensure_model(self, model: str, report: ReportPull) -> None:
        """See ``DownloadsOwnModels``."""
        if not self.has_weights(model):
            await self._files.fetch(model, report)

    def has_weights(self, model: str) -> bool:
        """See ``DownloadsOwnModels``."""
        return self._files.has(model)

    def local_name(self, model: str) -> str:
        """See ``DownloadsOwnModels``."""
        return self._files.local_name(model)

    def default_model(self) -> str:
        """See ``DownloadsOwnModels``."""
        return self._files.default_model()

    async def count_tokens(self, model: str, messages: tuple[Message, ...], num_ctx: int) -> int | None:
        """Return the prompt's length using the model's own template, loading the model if necessary."""
        if self._child and self._child.order.model == model:
            num_ctx = self._child.order.num_ctx
        async with self._using(model, num_ctx, None) as server:
            return await server.count_tokens(model, messages, num_ctx)

    async def generate(self, request: GenerationRequest) -> AsyncGenerator[GenerationItem, None]:
        """See ``Backend``."""
        async with self._using(request.model, request.num_ctx, request.keep_alive) as server:
            child = self._child
            try:
                async with aclosing(server.generate(request)) as items:
                    async for item in items:
                        yield item
            except (BackendFailed, BackendUnreachable) as error:
                raise await self._explained(error, child) from None

    async def uses_gpu(self) -> bool:
        """Return whether the build finds a GPU and ``[embedded] gpu_layers`` allows using it."""
        return bool(await self.devices())

    async def devices(self) -> tuple[EngineDevice, ...]:
        """See ``ReportsDevices``."""
        build = await self.build()
        self.known_devices = build.devices if self._settings.embedded.gpu_layers else ()
        return self.known_devices

    @property
    def rejected_builds(self) -> tuple[str, ...]:
        """See ``ReportsDevices``."""
        return tuple(f"{program} is not used: {reason}" for program, reason in self._rejected.items())

    async def build(self) -> Build:
        """Return the llama.cpp build that is running or will be started.

        Raises:
            SettingsError: ``[embedded] program`` is not a ``llama-server``.
        """
        async with self._choosing:
            if self._build is None:
                self._build = await choose_build(self._settings.embedded.program, self._rejected)
                self.label = self._build.label
                on_gpu = bool(self._build.devices and self._settings.embedded.gpu_layers)
                self.capabilities = replace(self.capabilities, reports_vram=on_gpu)
                logger.info("%s, %s", self.label, self._build.program or self._build.origin)
            return self._build

    async def close(self) -> None:
        """Stop the process, even while it is loading. It is not started again."""
        self._closed = True
        await cancel_and_wait(self._starting, self._expiry)
        await self._stop()

    @asynccontextmanager
    async def _using(self, model: str, num_ctx: int, keep_alive: str | None) -> AsyncIterator[_Server]:
        """Keep the process running with this model and context while the context manager is open."""
        async with self._changing:
            same = self._child is not None and self._child.order.model == model
            if keep_alive or not same:
                self._stay_seconds = parse_keep_alive(keep_alive or self._settings.backend.keep_alive)
            server = await self._ready(model, num_ctx)
            self._users += 1
            self._unused.clear()
            self._expires_at = None
        try:
            yield server
        finally:
            self._users -= 1
            if not self._users:
                self._unused.set()
                self._expire_after(self._stay_seconds)

    async def _ready(self, model: str, num_ctx: int) -> _Server:
        child = self._child
        fits = child is not None and child.order.model == model and child.order.num_ctx >= num_ctx
        if child is not None and self._server is not None and child.alive and fits:
            return self._server
        await self._unused.wait()
        await self._stop()
        path = str((await asyncio.to_thread(self._files.model, model)).path)
        self._events.publish(ModelProgress(model, "load"))
        error = ""
        try:
            self._child = await self._start_build(model, path, num_ctx)
        except BackendError as failure:
            error = str(failure)
            raise
        finally:
            self._events.publish(ModelProgress(model, "load", done=True, error=error))
        self._watching = asyncio.create_task(self._log_crash(self._child))
        self._server = _Server(self._child.url, self._child.api_key, self._settings)
        return self._server

    async def _start_build(self, model: str, path: str, num_ctx: int) -> Child:
        """Start the build with the model. If the build is a program that the app found by itself and it
        fails, reject it for good and try the next build.
        """
        build = await self.build()
        try:
            return await self._start(await self._order(build, model, path, num_ctx))
        except BackendFailed as error:
            if not build.program or self._settings.embedded.program not in ("", BUILT_IN):
                raise
            logger.warning("%s is no longer used: %s", build.program, error.cause)
            self._rejected[build.program] = error.cause.partition(": ")[2].rstrip(".") or error.cause
            self._build = None
            return await self._start_build(model, path, num_ctx)

    async def _order(self, build: Build, model: str, path: str, num_ctx: int) -> Order:
        return Order(
            model=model,
            path=path,
            num_ctx=num_ctx,
            slots=self._settings.embedded.slots,
            threads=self._threads,
            gpu_layers=self._settings.embedded.gpu_layers,
            cache_mib=self._settings.embedded.cache_mib,
            on_gpu=await self.uses_gpu(),
            program=build.program,
            environ=build.environ,
        )

    async def _log_crash(self, child: Child) -> None:
        """Log that the process ended, unless the app itself stopped it."""
        status = await child.ended()
        interrupted = self._closed or status in (-signal.SIGINT, 130)  # Ctrl+C reaches both processes
        if not (child.told_to_end or interrupted):
            how = f"signal {-status}" if status < 0 else f"exit code {status}"
            logger.warning(
                "the embedded engine crashed (process %s, %s): %s", child.pid, how, await child.ending()
            )

    async def _start(self, order: Order) -> Child:
        """Start the process in a task that ``close`` can cancel."""
        closed = BackendUnreachable("The embedded engine was closed.", "Try again.")
        if self._closed:
            raise closed
        self._starting = asyncio.create_task(start_child(order, self._log))
        try:
            return await self._starting
        except asyncio.CancelledError:
            caller = asyncio.current_task()
            if self._closed and caller is not None and not caller.cancelling():
                raise closed from None
            raise

    async def _stop(self) -> None:
        """Stop the process, even if the caller stops waiting."""
        child, server = self._child, self._server
        self._child = self._server = self._expires_at = None
        if child is not None and server is not None:
            self._ending = asyncio.create_task(_end(child, server))
        if self._ending is not None:
            await asyncio.shield(self._ending)

    async def _explained(self, error: BackendError, child: Child | None) -> BackendError:
        """Return the error to show: the crash, if the process crashed."""
        ending = await child.ending() if child else ""
        if not ending:
            return error
        return BackendFailed(
            f"The embedded engine crashed: {ending}.",
            "Try again. The engine restarts automatically. If it crashes again, choose a smaller model. "
            f"Its log is {self._log}.",
        )

    def _expire_after(self, seconds: float | None) -> None:
        self._expires_at = None if seconds is None else time.time() + seconds
        self._moved.set()
        if self._expiry is None or self._expiry.done():
            self._expiry = asyncio.create_task(self._expire())

    async def _expire(self) -> None:
        """Unload the model at its expiry time, which every use resets, possibly to an earlier time."""
        while self._child is not None:
            self._moved.clear()
            if self._expires_at is None:
                if not self._users:
                    return
                await self._unused.wait()
                continue
            left = self._expires_at - time.time()
            if left > 0:
                with suppress(TimeoutError):
                    async with asyncio.timeout(left):
                        await self._moved.wait()
                continue
            async with self._changing:
                if not self._users and self._expires_at is not None and self._expires_at <= time.time():
                    await self._stop()

    async def _header(self, model: str) -> Mapping[str, Any]:
        return await asyncio.to_thread(lambda: read_gguf(self._files.model(model).path))


async def _end(child: Child, server: _Server) -> None:
    await server.close()
    await child.end()


def _longest_context(header: Mapping[str, Any]) -> int:
    length = header.get(f"{header.get('general.architecture')}.context_length")
    return length if isinstance(length, int) else 0


def _usual_threads() -> int:
    """Return the number of cores, minus one on machines with more than ``MANY_CORES``."""
    cores = psutil.cpu_count(logical=False) or psutil.cpu_count() or 1
    return cores - 1 if cores > MANY_CORES else cores
