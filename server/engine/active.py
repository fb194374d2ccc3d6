"""The active backend: discovered when needed, dropped when lost, replaced when a better server starts."""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable
from typing import TypeVar

from server.backends.base import Backend, DownloadsOwnModels
from server.common.errors import BackendUnreachable, EngineBusy, TokenSaverError
from server.common.events import EventBus
from server.config.folders import Folders
from server.config.settings import Settings
from server.engine.discovery import discover, find_server, has_models
from server.engine.patience import Patience
from server.engine.status import EngineMonitor

logger = logging.getLogger(__name__)

T = TypeVar("T")

_UNUSED_SECONDS = 30.0
"""Seconds the embedded engine must be idle before a server replaces it."""


class CurrentBackend:
    """The active backend, if any.

    Args:
        forget: called when the backend changes, because what is known about its models is no longer valid.
        wake: called when the engine's state should be polled.
    """

    def __init__(
        self,
        settings: Settings,
        folders: Folders,
        events: EventBus,
        monitor: EngineMonitor,
        *,
        forget: Callable[[], None],
        wake: Callable[[], None],
    ) -> None:
        self.backend: Backend | None = None
        """None until a backend is found, and again once it is lost."""
        self._settings = settings
        self._folders = folders
        self._events = events
        self._monitor = monitor
        self._forget = forget
        self._wake = wake
        self._lost: TokenSaverError | None = None
        self._used_at = 0.0
        self._discovering = asyncio.Lock()

    async def use(self) -> Backend:
        """Return the backend, discovering one if necessary.

        Raises:
            BackendUnreachable: no engine answers.
            EngineBusy: the configured engine is loading a model.
            SettingsError: the configured address is invalid, or on another machine without permission.
        """
        async with self._discovering:
            if self.backend is None:
                try:
                    self.backend = await self._discover()
                except TokenSaverError as error:
                    self._monitor.show_error(error)
                    raise
                logger.info("engine: %s", self.backend.label)
                self._forget()
                self._wake()
            return self.backend

    async def use_when_ready(self) -> Backend:
        """Return the backend like ``use``, but wait a while if it is loading a model."""
        patience = self.patience()
        while True:
            try:
                return await self.use()
            except EngineBusy as busy:
                await patience.wait(busy)

    async def call(self, request: Callable[[Backend], Awaitable[T]]) -> T:
        """Send a request to the backend. If the backend is gone, discover another one and retry. If it is
        busy, wait a while.

        Raises:
            BackendUnreachable: no engine answers.
            EngineBusy: the engine is still busy.
            TokenSaverError: any other error raised by the request.
        """
        patience = self.patience()
        while True:
            try:
                return await self._call(request)
            except EngineBusy as busy:
                await patience.wait(busy)

    def patience(self) -> Patience:
        """Return the patience one call has with a busy engine."""
        return Patience(self._settings.backend.busy_timeout)

    async def _call(self, request: Callable[[Backend], Awaitable[T]]) -> T:
        backend = await self.use()
        self.mark_used()
        try:
            return await request(backend)
        except BackendUnreachable as error:
            await self.drop(backend, error)
        return await request(await self.use())

    def mark_used(self) -> None:
        """Record that the engine was just used."""
        self._used_at = time.monotonic()

    async def verify(self, backend: Backend) -> None:
        """Check whether the backend still answers after a failure."""
        try:
            await backend.check()
        except BackendUnreachable as error:
            await self.drop(backend, error)
        except TokenSaverError as error:
            self._monitor.show_error(error)

    async def drop(self, backend: Backend | None, error: TokenSaverError) -> None:
        """Stop using a backend that is gone. Engines run by the app are kept: they restart their process."""
        if backend is None or backend is not self.backend:
            return
        self._monitor.show_error(error)
        if backend.capabilities.run_by_app:
            return
        self.backend, self._lost = None, error
        self._wake()
        await backend.close()

    async def prefer_server(self, is_working: Callable[[], bool]) -> bool:
        """Replace the embedded engine with a server that has started since, unless the engine is in use.

        Returns:
            Whether the engine was replaced.
        """
        backend = self.backend
        if self._settings.backend.kind != "auto" or backend is None or not backend.capabilities.run_by_app:
            return False
        if self._in_use(is_working) or (self._monitor.view.loaded and not self._lost):
            return False
        try:
            server = await find_server(self._settings)
        except TokenSaverError:
            return False
        useless = not self._settings.backend.url and not await has_models(server)
        if useless or self._in_use(is_working) or self.backend is not backend:
            await server.close()
            return False
        await backend.close()
        self.backend, self._lost = server, None
        self._monitor.notice = ""
        self._forget()
        return True

    async def close(self) -> None:
        """Close the backend's connections and stop its child processes."""
        backend, self.backend = self.backend, None
        if backend:
            await backend.close()

    async def _discover(self) -> Backend:
        found = await discover(self._settings, self._folders, self._events)
        backend, self._monitor.notice = found.backend, found.notice
        if not isinstance(backend, DownloadsOwnModels):
            self._lost = None
        elif self._lost and not backend.has_weights(backend.default_model()):
            # The user's own engine is gone. A download of a gigabyte is no substitute for it.
            await backend.close()
            raise self._lost
        return backend

    def _in_use(self, is_working: Callable[[], bool]) -> bool:
        return time.monotonic() - self._used_at < _UNUSED_SECONDS or is_working()
