"""Keeps the engine's last known state and publishes changes to it."""

import logging
import time
from collections.abc import Iterator
from contextlib import contextmanager

from server.backends.base import (
    Backend,
    Capabilities,
    DownloadsOwnModels,
    InstalledModel,
    LoadedModel,
    ReportsDevices,
)
from server.backends.model_names import resolve
from server.common.errors import ModelNotFound, TokenSaverError
from server.common.events import EngineChanged, EventBus, ModelProgress
from server.engine.admission import Admission
from server.engine.selection import default_model
from server.engine.view import LOOKING, EngineView

logger = logging.getLogger(__name__)

_INSTALLED_SECONDS = 30.0
"""How long the list of installed models is cached (seconds). Loaded models are fetched on every refresh."""


class EngineMonitor:
    """Keeps the view of the engine and publishes ``EngineChanged`` when it changes."""

    def __init__(self, configured_model: str, events: EventBus) -> None:
        self.view = EngineView("", "", "", Capabilities(), error=LOOKING)
        self.notice = ""
        """See ``EngineView``. Set when an engine is discovered."""
        self.configured_model = configured_model
        """The model for calls that don't name one. If empty, the app chooses."""
        self._events = events
        self._installed: tuple[InstalledModel, ...] = ()
        self._installed_at = -_INSTALLED_SECONDS
        self._started = self._shown = 0

    def forget_installed(self) -> None:
        """Fetch the list of installed models again on the next refresh."""
        self._installed_at = -_INSTALLED_SECONDS

    async def refresh(self, backend: Backend, admission: Admission) -> tuple[LoadedModel, ...]:
        """Fetch the engine's state, show it, and return the loaded models with their estimates.

        If refreshes overlap, the result of the last one to start is shown, because an earlier one may have
        started before a load and finished after it.

        Raises:
            BackendUnreachable: the engine does not answer.
            BackendFailed: the engine answers with an error.
        """
        self._started += 1
        number = self._started
        if time.monotonic() - self._installed_at >= _INSTALLED_SECONDS:
            self._installed = await backend.installed()
            self._installed_at = time.monotonic()
        loaded = await backend.loaded() if backend.capabilities.list_loaded else ()
        loaded = await admission.compare(backend, loaded)
        if number < self._shown:
            return loaded
        self._shown = number
        self._show(
            EngineView(
                kind=backend.kind,
                label=backend.label,
                url=backend.url,
                capabilities=backend.capabilities,
                installed=self._installed,
                loaded=loaded,
                default_model=self._default(backend, loaded, admission.largest(backend)),
                notice=self.notice,
                devices=backend.known_devices if isinstance(backend, ReportsDevices) else None,
                rejected_builds=backend.rejected_builds if isinstance(backend, ReportsDevices) else (),
            )
        )
        return loaded

    def show_error(self, error: TokenSaverError) -> None:
        """Show that no engine is active or that the engine is failing, and why."""
        old, text = self.view, f"{error.cause} {error.next_step}"
        self._show(EngineView(old.kind, old.label, old.url, Capabilities(), error=text))

    def _show(self, view: EngineView) -> None:
        if view != self.view:
            if view.error and view.error != self.view.error:
                logger.warning("engine: %s", view.error)
            self.view = view
            self._events.publish(EngineChanged())

    def _default(self, backend: Backend, loaded: tuple[LoadedModel, ...], largest: int) -> str:
        try:
            if self.configured_model:
                return resolve(self.configured_model, self._installed)
            if isinstance(backend, DownloadsOwnModels):
                return backend.default_model()
            return default_model(self._installed, loaded, largest)
        except ModelNotFound:
            return ""


@contextmanager
def publish_loading(events: EventBus, backend: Backend, model: str) -> Iterator[None]:
    """Publish that ``model`` is loading while the context is open, followed by the result."""
    if backend.capabilities.run_by_app:  # this engine publishes its loads itself
        yield
        return
    events.publish(ModelProgress(model, "load"))
    error = ""
    try:
        yield
    except TokenSaverError as failure:
        error = str(failure)
        raise
    finally:
        events.publish(ModelProgress(model, "load", done=True, error=error))
