"""The active engine and the queue in front of it. All model work passes through this module.

Its parts are ``active`` (the backend), ``poll`` and ``status`` (its state), ``selection`` and ``model_cache``
(the model), ``queue`` and ``concurrency`` (the order of work), ``downloads``, ``admission`` (memory) and
``pause_gate``.
"""

import asyncio
from collections import defaultdict
from collections.abc import AsyncGenerator, Callable
from contextlib import ExitStack, aclosing, asynccontextmanager

from server.backends.base import (
    Backend,
    DownloadsOwnModels,
    GenerationItem,
    GenerationRequest,
    PullProgress,
    ReportPull,
    ReportsDevices,
)
from server.backends.embedded.catalogue import pinned_name
from server.common.errors import BackendError, BackendUnreachable, EngineBusy, ModelNotFound, TokenSaverError
from server.common.events import EventBus
from server.config.folders import Folders
from server.config.settings import Settings
from server.engine.active import CurrentBackend
from server.engine.admission import Admission, AdmitAll
from server.engine.concurrency import ConcurrencyControl
from server.engine.downloads import Downloads
from server.engine.model_cache import BATCH_SECONDS, CALL_SECONDS, ModelCache
from server.engine.model_choices import ModelChoices
from server.engine.pause_gate import PauseGate
from server.engine.poll import IDLE_SECONDS, LOST_SECONDS, WATCHED_SECONDS, EnginePoll
from server.engine.queue import FairQueue
from server.engine.selection import choose_model, choose_num_ctx, refuse_blocked
from server.engine.status import EngineMonitor, publish_loading
from server.engine.view import EngineView


class Engine:
    """The active engine. It belongs to one event loop; any thread can use ``view`` and ``watched``."""

    def __init__(self, settings: Settings, folders: Folders, events: EventBus) -> None:
        self.is_blocked: Callable[[str], bool] = lambda _model: False
        """Returns whether the user has blocked a model. Checked by ``choose_model`` and ``pull``."""
        self.admission: Admission = AdmitAll()
        """Decides whether a model fits in memory. Consulted by ``num_ctx``, and therefore for every load."""
        self.gate = PauseGate()
        """Closed while offloading is paused: no slots are granted, and running work is aborted."""
        self.watched = False
        """Whether a page is showing the engine, which shortens the polling interval."""
        self._settings = settings
        self._events = events
        self._queue = FairQueue(settings.offload.queue_limit)
        self._concurrency = ConcurrencyControl(self._queue, settings.backend.slots)
        self._downloads = Downloads(events)
        self._monitor = EngineMonitor(settings.backend.model, events)
        self._contexts: dict[str, int] = {}
        self._choosing: defaultdict[str, asyncio.Lock] = defaultdict(asyncio.Lock)
        self._model_cache = ModelCache()
        self._choices = ModelChoices()
        self._poll = EnginePoll(self._refresh_and_prefer_server, self._interval)
        self._active = CurrentBackend(
            settings, folders, events, self._monitor, forget=self._forget_models, wake=self._poll.wake
        )

    async def start(self) -> None:
        """Discover the engine and start polling it in the background. Never raises."""
        self._poll.start()

    async def close(self) -> None:
        """Stop polling and downloads, close the engine's connections, and stop its child processes."""
        await self._poll.close()
        await self._downloads.close()
        await self._active.close()

    def view(self) -> EngineView:
        """Return the engine's last known state. Performs no I/O."""
        return self._monitor.view

    @property
    def downloads(self) -> tuple[PullProgress, ...]:
        """The progress of each running download."""
        return self._downloads.running()

    @property
    def slots(self) -> int:
        """Number of tasks the engine runs in parallel, at least 1."""
        return self._queue.slots

    @property
    def waiting(self) -> int:
        """Number of tasks waiting for a slot."""
        return self._queue.waiting

    @property
    def waiting_order(self) -> tuple[str, ...]:
        """Names of the waiting tasks, next first; those of offloads are their ids."""
        return self._queue.order

    async def use(self) -> Backend:
        """Return the engine, discovering one if necessary and waiting a while if it is loading.

        Raises:
            BackendUnreachable: no engine answers.
            EngineBusy: the configured engine is still loading a model.
            SettingsError: the configured address is invalid, or on another machine without permission.
        """
        return await self._active.use_when_ready()

    @asynccontextmanager
    async def slot(self, client: str, interactive: bool = True, name: str = "") -> AsyncGenerator[None]:
        """Wait for a slot and hold it while the context is open. Clients take turns. ``name`` stands for the
        task in ``waiting_order``.

        Raises:
            QueueFull: the queue is full.
            Paused: offloading is paused or was paused while waiting.
        """
        async with self.gate.passing(), self._queue.slot(client, interactive, name):
            yield

    async def generate(self, request: GenerationRequest) -> AsyncGenerator[GenerationItem, None]:
        """Generate with the active engine; see ``Backend.generate``. Close the generator to stop.

        If the engine is busy, the request is retried for a while.

        Raises:
            EngineChanged: the model was chosen on another engine, and the active engine lacks it.
            EngineBusy: the engine is still busy.
        """
        patience = self._active.patience()
        while True:
            begun = False
            try:
                async with aclosing(self._generate(self._choices.kept(request))) as items:
                    async for item in items:
                        begun = True
                        yield item
                return
            except EngineBusy as busy:
                if begun:
                    raise
                await patience.wait(busy)

    async def _generate(self, request: GenerationRequest) -> AsyncGenerator[GenerationItem, None]:
        backend = await self.use()
        self._active.mark_used()
        loading = ExitStack()
        if backend.capabilities.list_loaded and not any(m.name == request.model for m in self.view().loaded):
            loading.enter_context(publish_loading(self._events, backend, request.model))
            loading.callback(self._poll.wake)  # the first token shows that the model is loaded
        try:
            async with aclosing(self._concurrency.measured(backend.generate(request))) as items:
                async for item in items:
                    loading.close()
                    yield item
        except ModelNotFound as error:
            raise self._choices.explained(request.model, backend, error) from None
        except BackendError:
            self._poll.in_background(self._active.verify(backend))
            raise
        finally:
            loading.close()
            self._active.mark_used()
            self._poll.wake()

    async def choose_model(self, requested: str | None, recent: bool = False) -> str:
        """Return the installed model named by ``requested``, or the configured or best model if it is None.

        Args:
            recent: accept a choice made a few seconds ago. Used for batch items, which all ask for the same
            model.

        Raises:
            ModelNotFound: no model matches, or more than one does. The message names the most similar
            models.
            ModelBlocked: the user has blocked the model.
        """
        wanted = requested or self._monitor.configured_model
        largest = self.admission.largest

        async def choose_on(backend: Backend) -> str:
            model = await choose_model(backend, wanted, self.is_blocked, largest(backend))
            self._choices.record(model, backend)
            return model

        async def choose() -> str:
            return await self._active.call(choose_on)

        return await self._model_cache.get(
            wanted,
            BATCH_SECONDS if recent else CALL_SECONDS,
            lambda model: not self.is_blocked(model),
            choose,
        )

    async def use_by_default(self, model: str) -> None:
        """Use ``model`` from now on for calls that don't name a model."""
        self._monitor.configured_model = model
        self._model_cache.forget()
        await self.refresh()

    async def num_ctx(self, model: str, need: int = 0) -> int:
        """Return the model's context length in tokens. It rarely changes, because a change reloads the model.

        This is the configured length, the loaded model's length, or 8,192, but never more than the model
        supports. If ``need`` tokens (prompt and answer) do not fit, the length grows to the next step of the
        ladder and stays there. If the model has to be loaded and memory is tight, the length is smaller.

        Raises:
            ModelNotFound: the engine does not have this model.
            EngineChanged: the model was chosen on another engine, and the active engine lacks it.
            ModelTooLarge: the model does not fit in the free memory.
        """
        # One caller at a time, so that a smaller need cannot overwrite a larger one.
        async with self._choosing[model]:
            try:
                return await self._num_ctx(model, need)
            except ModelNotFound as error:
                raise self._choices.explained(model, self._active.backend, error) from None

    async def _num_ctx(self, model: str, need: int) -> int:
        wanted = self._contexts.get(model, 0)
        if not wanted or (need > wanted and not self._settings.backend.num_ctx):
            wanted = await self._active.call(
                lambda backend: choose_num_ctx(backend, model, need, self._settings.backend.num_ctx)
            )
        self._contexts[model] = await self._active.call(
            lambda backend: self.admission.admit(backend, model, wanted, need)
        )
        return self._contexts[model]

    async def ensure_model(self, report: ReportPull, model: str | None = None) -> None:
        """Make sure that the model's weights are on disk. The embedded engine downloads them on first use.

        If the caller stops waiting, the download continues and the next call has less time to wait.

        Raises:
            DownloadError: the weights could not be downloaded.
            ModelNotFound: the engine does not have this model.
        """
        backend = await self.use()
        if isinstance(backend, DownloadsOwnModels):
            name = model or await self.choose_model(None)
            if not backend.has_weights(name):
                await self._downloads.follow(
                    name, report, lambda tell: backend.ensure_model(name, tell), detach=True
                )
                self._monitor.forget_installed()

    async def load(self, model: str, keep_alive: str | None = None) -> None:
        """Load the model and return once it is ready. A ``keep_alive`` of "0" unloads it.

        Raises:
            ModelNotFound: the engine does not have this model.
            BackendUnsupported: this engine cannot load on request.
        """
        name = await self.choose_model(model)
        if keep_alive in ("0", "0s", "0m"):
            await self.unload(name)
            return
        if await self._is_kept_loaded(name):
            return
        await self.ensure_model(_ignore, name)
        num_ctx = await self.num_ctx(name)
        self._choices.keep(name, keep_alive)
        with publish_loading(self._events, await self.use(), name):
            await self._active.call(lambda backend: backend.load(name, num_ctx, keep_alive))
        await self.refresh()

    async def _is_kept_loaded(self, model: str) -> bool:
        """Return whether the model is loaded on a server that handles loading and unloading itself."""
        backend = await self.use()
        if backend.capabilities.load or not backend.capabilities.list_loaded:
            return False
        await self.refresh()
        return any(each.name == model for each in self.view().loaded)

    async def unload(self, model: str) -> None:
        """Free the model's memory. This is a no-op if the model is not loaded.

        Raises:
            ModelNotFound: the engine does not have this model.
            BackendUnsupported: this engine cannot unload.
        """
        name = await self._active.call(lambda backend: choose_model(backend, model))  # a blocked model too
        self._choices.keep(name, None)
        await self._active.call(lambda backend: backend.unload(name))
        self._model_cache.forget()
        await self.refresh()

    async def look_up(self, model: str) -> str:
        """Return the size and licence of a model to be downloaded, as text; empty if the engine does not
        report them or the model is already on disk.

        Raises:
            DownloadError: the model's source cannot be reached, or refuses.
            ModelNotFound: the model does not exist.
            ModelBlocked: the user blocks the model.
        """
        refuse_blocked(model, self.is_blocked)
        backend = await self.use()
        return await backend.look_up(pinned_name(model)) if isinstance(backend, DownloadsOwnModels) else ""

    async def pull(self, model: str, report: ReportPull) -> None:
        """Download a model, once for all callers. The download stops when its last caller is cancelled.

        Raises:
            DownloadError: the model could not be downloaded.
            ModelNotFound: the registry does not have this model.
            ModelBlocked: the user blocks the model.
            BackendUnsupported: this engine cannot download.
        """
        refuse_blocked(model, self.is_blocked)
        backend = await self.use()
        if isinstance(backend, DownloadsOwnModels):
            model = refuse_blocked(pinned_name(model), self.is_blocked)
        await self._downloads.follow(model, report, lambda tell: backend.pull(model, tell))
        self._monitor.forget_installed()
        await self.refresh()

    async def cancel_download(self, model: str) -> None:
        """Cancel a download.

        Raises:
            NotFound: the download is not running.
        """
        await self._downloads.cancel(model)

    async def refresh(self, *, installed: bool = False, devices: bool = False) -> None:
        """Update the engine's state now. Never raises a ``TokenSaverError``.

        Args:
            installed: also update the list of installed models, which is otherwise cached for a while.
            devices: also ask the engine for its devices, which takes about a second the first time.
        """
        backend = self._active.backend
        if installed:
            self._monitor.forget_installed()
        try:
            backend = await self._active.use()
            if devices and isinstance(backend, ReportsDevices):
                await backend.devices()
            loaded = await self._monitor.refresh(backend, self.admission)
            await self._concurrency.refresh(backend, loaded, self.view().default_model)
        except BackendUnreachable as error:
            await self._active.drop(backend, error)
        except TokenSaverError as error:
            self._monitor.show_error(error)

    async def prefer_server(self) -> None:
        """Replace the embedded engine with a server that has started since, unless the engine is in use."""
        if await self._active.prefer_server(self._is_working):
            await self.refresh()

    async def _refresh_and_prefer_server(self) -> None:
        await self.refresh()
        await self.prefer_server()

    def _interval(self) -> float:
        if self._active.backend is None:
            return LOST_SECONDS
        return WATCHED_SECONDS if self.watched or self._queue.running else IDLE_SECONDS

    def _is_working(self) -> bool:
        return bool(self._queue.running or self._queue.waiting or self._downloads.running())

    def _forget_models(self) -> None:
        self._contexts.clear()
        self._model_cache.forget()
        self._monitor.forget_installed()


async def _ignore(progress: PullProgress) -> None:
    """Discard a progress report."""
