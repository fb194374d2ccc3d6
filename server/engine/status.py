"""What was last seen of the engine, and news of it only when that changed."""

import logging
import time
from collections.abc import Iterator
from contextlib import contextmanager

from server.backends.base import Backend, Capabilities, DownloadsOwnModels, InstalledModel, LoadedModel
from server.backends.model_names import resolve
from server.common.errors import ModelNotFound, TokenSaverError
from server.common.events import EngineChanged, EventBus, ModelProgress
from server.engine.admission import Admission
from server.engine.selection import default_model
from server.engine.view import LOOKING, EngineView

logger = logging.getLogger(__name__)

_INSTALLED_SECONDS = 30.0
"""How old the list of installed models may be; what is loaded is asked for at every look."""


class EngineMonitor:
    """The view of the engine. Publishes ``EngineChanged`` when it is another than before."""

    def __init__(self, configured_model: str, events: EventBus) -> None:
        self.view = EngineView("", "", "", Capabilities(), error=LOOKING)
        self._configured_model = configured_model
        self._events = events
        self._installed: tuple[InstalledModel, ...] = ()
        self._installed_at = -_INSTALLED_SECONDS
        self._begun = self._newest = 0

    def forget_installed(self) -> None:
        """Ask for the installed models at the next look."""
        self._installed_at = -_INSTALLED_SECONDS

    async def refresh(self, backend: Backend, admission: Admission) -> tuple[LoadedModel, ...]:
        """Look at the engine, let ``admission`` compare, and return what is loaded. Of looks at the same time
        the one that began last is shown: one that began before a load may end after it.

        Raises:
            BackendUnreachable: it is gone.
            BackendFailed: it answers with an error.
        """
        self._begun += 1
        mine = self._begun
        if time.monotonic() - self._installed_at >= _INSTALLED_SECONDS:
            self._installed = await backend.installed()
            self._installed_at = time.monotonic()
        loaded = await backend.loaded() if backend.capabilities.list_loaded else ()
        loaded = await admission.measure(backend, loaded)
        if mine < self._newest:
            return loaded
        self._newest = mine
        self._show(
            EngineView(
                kind=backend.kind,
                label=backend.label,
                url=backend.url,
                capabilities=backend.capabilities,
                installed=self._installed,
                loaded=loaded,
                default_model=self._default(backend, loaded, admission.largest(backend)),
            )
        )
        return loaded

    def show_error(self, error: TokenSaverError) -> None:
        """Show that there is no engine, or that it fails, and why."""
        was, text = self.view, f"{error.cause} {error.next_step}"
        self._show(EngineView(was.kind, was.label, was.url, Capabilities(), error=text))

    def _show(self, view: EngineView) -> None:
        if view != self.view:
            if view.error and view.error != self.view.error:
                logger.warning("engine: %s", view.error)
            self.view = view
            self._events.publish(EngineChanged())

    def _default(self, backend: Backend, loaded: tuple[LoadedModel, ...], largest: int) -> str:
        try:
            if self._configured_model:
                return resolve(self._configured_model, self._installed)
            if isinstance(backend, DownloadsOwnModels):
                return backend.default_model()
            return default_model(self._installed, loaded, largest)
        except ModelNotFound:
            return ""


@contextmanager
def shown_loading(events: EventBus, backend: Backend, model: str) -> Iterator[None]:
    """Tell that ``model`` is being loaded, for the time of the context, and how that ended."""
    if isinstance(backend, DownloadsOwnModels):  # which tells itself when it loads
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
