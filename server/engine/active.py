"""Which engine is in use: found on need, given up when it is gone, left for a server that was started."""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable
from typing import TypeVar

from server.backends.base import Backend, DownloadsOwnModels
from server.common.errors import BackendUnreachable, TokenSaverError
from server.common.events import EventBus
from server.config.folders import Folders
from server.config.settings import Settings
from server.engine.discovery import discover, find_server
from server.engine.status import EngineMonitor

logger = logging.getLogger(__name__)

T = TypeVar("T")

_UNUSED_SECONDS = 30.0
"""Without use before the embedded engine is left for a server."""


class CurrentBackend:
    """The backend in use, if any. ``forget`` is called when it is another one: what was known of the models
    of the one before no longer holds. ``stir`` is called when there is something new to look at."""

    def __init__(
        self,
        settings: Settings,
        folders: Folders,
        events: EventBus,
        monitor: EngineMonitor,
        *,
        forget: Callable[[], None],
        stir: Callable[[], None],
    ) -> None:
        self.backend: Backend | None = None
        """None where none was found yet, and after it was lost."""
        self._settings = settings
        self._folders = folders
        self._events = events
        self._monitor = monitor
        self._forget = forget
        self._stir = stir
        self._lost: TokenSaverError | None = None
        self._used_at = 0.0
        self._discovering = asyncio.Lock()

    async def use(self) -> Backend:
        """Return the backend, looking for one if there is none.

        Raises:
            BackendUnreachable: none answers.
            SettingsError: the configured address is wrong, or on another machine without leave.
        """
        async with self._discovering:
            if self.backend is None:
                try:
                    self.backend = await self._found()
                except TokenSaverError as error:
                    self._monitor.show_error(error)
                    raise
                logger.info("engine: %s", self.backend.label)
                self._forget()
                self._stir()
            return self.backend

    async def ask(self, question: Callable[[Backend], Awaitable[T]]) -> T:
        """Ask the backend; where it is gone, look for one and ask that.

        Raises:
            BackendUnreachable: none answers.
            TokenSaverError: what else the question raises.
        """
        backend = await self.use()
        self.note_use()
        try:
            return await question(backend)
        except BackendUnreachable as error:
            await self.lose(backend, error)
        return await question(await self.use())

    def note_use(self) -> None:
        """Note that the engine works for somebody now."""
        self._used_at = time.monotonic()

    async def verify(self, backend: Backend) -> None:
        """Find out after a failure whether the backend is still there."""
        try:
            await backend.check()
        except BackendUnreachable as error:
            await self.lose(backend, error)
        except TokenSaverError as error:
            self._monitor.show_error(error)

    async def lose(self, backend: Backend | None, error: TokenSaverError) -> None:
        """Give up a backend that is gone. The embedded one is kept: it starts its process anew."""
        if backend is None or backend is not self.backend:
            return
        self._monitor.show_error(error)
        if isinstance(backend, DownloadsOwnModels):
            return
        self.backend, self._lost = None, error
        self._stir()
        await backend.close()

    async def prefer_server(self, at_work: Callable[[], bool]) -> bool:
        """Leave the embedded engine for a server that was started since, unless it is in use; say if so."""
        backend = self.backend
        if self._settings.backend.kind != "auto" or not isinstance(backend, DownloadsOwnModels):
            return False
        if self._busy(at_work) or (self._monitor.view.loaded and not self._lost):
            return False
        try:
            server = await find_server(self._settings)
        except TokenSaverError:
            return False
        if self._busy(at_work) or self.backend is not backend:
            await server.close()
            return False
        await backend.close()
        self.backend, self._lost = server, None
        self._forget()
        return True

    async def close(self) -> None:
        """End the backend's connections and child processes."""
        backend, self.backend = self.backend, None
        if backend:
            await backend.close()

    async def _found(self) -> Backend:
        backend = await discover(self._settings, self._folders, self._events)
        if not isinstance(backend, DownloadsOwnModels):
            self._lost = None
        elif self._lost and not backend.has_weights(backend.default_model()):
            # The user's own engine is gone. A download of a gigabyte is no answer to that.
            await backend.close()
            raise self._lost
        return backend

    def _busy(self, at_work: Callable[[], bool]) -> bool:
        return time.monotonic() - self._used_at < _UNUSED_SECONDS or at_work()
