"""The engine in use: found, watched, lost, found again; and the queue in front of it.

Everything that works with a model goes through here; the parts are ``current`` (which engine), ``watch``
and ``sight`` (what is seen of it), ``selection`` (which model), ``queue`` (who is next) and ``downloads``
(each once).
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
)
from server.backends.embedded.catalogue import pinned_name
from server.common.errors import BackendError, BackendUnreachable, TokenSaverError
from server.common.events import EventBus
from server.config.folders import Folders
from server.config.settings import Settings
from server.engine.active import CurrentBackend
from server.engine.admission import Admission, AdmitAll
from server.engine.concurrency import Parallel
from server.engine.downloads import Downloads
from server.engine.model_cache import A_WHILE, MOMENT, ModelCache
from server.engine.pause_gate import PauseGate
from server.engine.poll import IDLE_SECONDS, LOST_SECONDS, WATCHED_SECONDS, EnginePoll
from server.engine.queue import FairQueue
from server.engine.selection import choose_model, choose_num_ctx, refuse_blocked
from server.engine.status import EngineMonitor, shown_loading
from server.engine.view import EngineView


class Engine:
    """The engine in use. For one event loop; ``view`` and ``watched`` may be used from any thread."""

    def __init__(self, settings: Settings, folders: Folders, events: EventBus) -> None:
        self.refuses: Callable[[str], bool] = lambda _model: False
        """Whether the user blocks a model; ``choose_model`` and ``pull`` heed it."""
        self.admission: Admission = AdmitAll()
        """Whether a model fits in memory; ``num_ctx`` and so every load heeds it."""
        self.gate = PauseGate()
        """Closed while offloading is paused: no slot is given, and what holds one ends."""
        self.watched = False
        """Whether somebody looks on, so that what is loaded is looked at more often."""
        self._settings = settings
        self._events = events
        self._queue = FairQueue(settings.offload.queue_limit)
        self._concurrency = Parallel(self._queue, settings.backend.slots)
        self._downloads = Downloads(events)
        self._monitor = EngineMonitor(settings.backend.model, events)
        self._contexts: dict[str, int] = {}
        self._choosing: defaultdict[str, asyncio.Lock] = defaultdict(asyncio.Lock)
        self._model_cache = ModelCache()
        self._poll = EnginePoll(self._look, self._interval)
        self._active = CurrentBackend(
            settings, folders, events, self._monitor, forget=self._forget_models, stir=self._poll.wake
        )

    async def start(self) -> None:
        """Find the engine and keep watch, in the background. Never raises."""
        self._poll.start()

    async def close(self) -> None:
        """End the watch, the downloads and the engine's connections and child processes."""
        await self._poll.close()
        await self._downloads.close()
        await self._active.close()

    def view(self) -> EngineView:
        """Return the engine as last seen; no I/O."""
        return self._monitor.view

    @property
    def downloads(self) -> tuple[PullProgress, ...]:
        """How far each download under way is."""
        return self._downloads.running()

    @property
    def slots(self) -> int:
        """How many tasks the engine works on at once, as last seen (at least 1)."""
        return self._queue.slots

    @property
    def waiting(self) -> int:
        """How many tasks wait for a slot."""
        return self._queue.waiting

    async def use(self) -> Backend:
        """Return the engine, looking for one if there is none.

        Raises:
            BackendUnreachable: none answers.
            SettingsError: the configured address is wrong, or on another machine without leave.
        """
        return await self._active.use()

    @asynccontextmanager
    async def slot(self, client: str, interactive: bool = True) -> AsyncGenerator[None]:
        """Wait for a turn at the engine, fairly among clients, and hold it for the time of the context.

        Raises:
            QueueFull: as many tasks wait as the queue holds.
            Paused: offloading is paused, or was paused meanwhile.
        """
        async with self.gate.passing(), self._queue.slot(client, interactive):
            yield

    async def generate(self, request: GenerationRequest) -> AsyncGenerator[GenerationItem, None]:
        """Generate with the engine in use; see ``Backend.generate``. Close the generator to stop."""
        backend = await self.use()
        self._active.note_use()
        loading = ExitStack()
        if backend.capabilities.list_loaded and not any(m.name == request.model for m in self.view().loaded):
            loading.enter_context(shown_loading(self._events, backend, request.model))
            loading.callback(self._poll.wake)  # once it writes it is loaded, and shown so
        try:
            async with aclosing(self._concurrency.measured(backend.generate(request))) as items:
                async for item in items:
                    loading.close()
                    yield item
        except BackendError:
            self._poll.in_background(self._active.verify(backend))
            raise
        finally:
            loading.close()
            self._active.note_use()
            self._poll.wake()

    async def choose_model(self, requested: str | None, recent: bool = False) -> str:
        """Return the installed model that ``requested`` means; for None, the configured or the best one.

        ``recent`` takes an answer of some seconds ago, as the items of a batch all ask the same.

        Raises:
            ModelNotFound: it means none or several; the message names the nearest.
            ModelBlocked: the user blocks it.
        """
        wanted = requested or self._settings.backend.model
        largest = self.admission.largest

        async def ask() -> str:
            return await self._active.ask(
                lambda backend: choose_model(backend, wanted, self.refuses, largest(backend))
            )

        return await self._model_cache.get(
            wanted, A_WHILE if recent else MOMENT, lambda model: not self.refuses(model), ask
        )

    async def num_ctx(self, model: str, need: int = 0) -> int:
        """Return the model's context length in tokens: always the same, as a change reloads the model.

        The configured one, else that of the model as loaded, else 8,192, never more than it supports.
        Where ``need`` tokens (prompt and answer) do not fit, it steps up the ladder, once and for good. A
        model that must be loaded for it gets less where the memory holds no more.

        Raises:
            ModelNotFound: the engine has no such model.
            ModelTooLarge: the model would not fit in the memory that is free.
        """
        # One asks at a time: who was asked for less must not have the last word.
        async with self._choosing[model]:
            return await self._num_ctx(model, need)

    async def _num_ctx(self, model: str, need: int) -> int:
        wanted = self._contexts.get(model, 0)
        if not wanted or (need > wanted and not self._settings.backend.num_ctx):
            wanted = await self._active.ask(
                lambda backend: choose_num_ctx(backend, model, need, self._settings.backend.num_ctx)
            )
        self._contexts[model] = await self._active.ask(
            lambda backend: self.admission.admit(backend, model, wanted, need)
        )
        return self._contexts[model]

    async def ensure_model(self, report: ReportPull, model: str | None = None) -> None:
        """Return when the model's weights are there: the embedded engine fetches them on first need.

        The download goes on when the caller gives up waiting, so that the next call finds it further.

        Raises:
            DownloadError: they could not be fetched.
            ModelNotFound: the engine knows no such model.
        """
        backend = await self.use()
        if isinstance(backend, DownloadsOwnModels):
            name = model or await self.choose_model(None)
            if not backend.has_weights(name):
                await self._downloads.follow(
                    name, report, lambda tell: backend.ensure_model(name, tell), keep=True
                )
                self._monitor.forget_installed()

    async def load(self, model: str, keep_alive: str | None = None) -> None:
        """Load the model with its context length and return when it is warm; ``keep_alive`` "0" unloads.

        Raises:
            ModelNotFound: the engine has no such model.
            BackendUnsupported: this engine cannot load on request.
        """
        name = await self.choose_model(model)
        if keep_alive in ("0", "0s", "0m"):
            await self.unload(name)
            return
        await self.ensure_model(_say_nothing, name)
        num_ctx = await self.num_ctx(name)
        with shown_loading(self._events, await self.use(), name):
            await self._active.ask(lambda backend: backend.load(name, num_ctx, keep_alive))
        await self.refresh()

    async def unload(self, model: str) -> None:
        """Free the model's memory; one that is not loaded is fine.

        Raises:
            ModelNotFound: the engine has no such model.
            BackendUnsupported: this engine cannot unload.
        """
        name = await self._active.ask(lambda backend: choose_model(backend, model))  # a blocked one too
        await self._active.ask(lambda backend: backend.unload(name))
        self._model_cache.forget()
        await self.refresh()

    async def pull(self, model: str, report: ReportPull) -> None:
        """Download a model, once for all who ask; it ends when the last of them is cancelled.

        Raises:
            DownloadError: it could not be fetched.
            ModelNotFound: the registry has no such model.
            ModelBlocked: the user blocks it.
            BackendUnsupported: this engine cannot download.
        """
        refuse_blocked(model, self.refuses)
        backend = await self.use()
        if isinstance(backend, DownloadsOwnModels):
            model = refuse_blocked(pinned_name(model), self.refuses)
        await self._downloads.follow(model, report, lambda tell: backend.pull(model, tell))
        self._monitor.forget_installed()
        await self.refresh()

    async def cancel_download(self, model: str) -> None:
        """End a download.

        Raises:
            NotFound: none of that name is under way.
        """
        await self._downloads.cancel(model)

    async def refresh(self, *, installed: bool = False) -> None:
        """Look at the engine now and show what is there; ``installed`` asks for the models on its disk, too,
        which are kept for a while. Never raises a ``TokenSaverError``."""
        backend = self._active.backend
        if installed:
            self._monitor.forget_installed()
        try:
            backend = await self.use()
            loaded = await self._monitor.refresh(backend, self.admission)
            await self._concurrency.refresh(backend, loaded, self.view().default_model)
        except BackendUnreachable as error:
            await self._active.lose(backend, error)
        except TokenSaverError as error:
            self._monitor.show_error(error)

    async def prefer_server(self) -> None:
        """Leave the embedded engine for a server that was started since, unless it is in use."""
        if await self._active.prefer_server(self._at_work):
            await self.refresh()

    async def _look(self) -> None:
        await self.refresh()
        await self.prefer_server()

    def _interval(self) -> float:
        if self._active.backend is None:
            return LOST_SECONDS
        return WATCHED_SECONDS if self.watched or self._queue.running else IDLE_SECONDS

    def _at_work(self) -> bool:
        return bool(self._queue.running or self._queue.waiting or self._downloads.running())

    def _forget_models(self) -> None:
        self._contexts.clear()
        self._model_cache.forget()
        self._monitor.forget_installed()


async def _say_nothing(progress: PullProgress) -> None:
    """Report to nobody."""
