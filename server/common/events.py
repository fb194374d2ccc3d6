"""In-process events for the dashboard, the tray and progress reports.

Events are small frozen values. Any thread can call ``publish``. A listener runs in the publishing thread and
must neither block nor raise.
"""

import logging
import threading
from collections.abc import Callable
from dataclasses import dataclass

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Event:
    """Base class of all events."""


@dataclass(frozen=True)
class OffloadQueued(Event):
    """A task was accepted and waits for the engine. ``output``, ``model`` and ``files`` are empty if the call
    did not name them.
    """

    offload_id: str
    tool: str
    task: str
    client: str
    output: str = ""
    model: str = ""
    files: tuple[str, ...] = ()


@dataclass(frozen=True)
class OffloadStage(Event):
    """An offload entered a stage: ``read``, ``fit``, ``download``, ``queue``, ``load``, ``prompt``,
    ``generate``, ``check``, ``repair``, ``sample`` or ``deliver``."""

    offload_id: str
    stage: str
    detail: str = ""


@dataclass(frozen=True)
class PromptRead(Event):
    """The engine read ``done`` of the ``total`` tokens of an offload's prompt. Not every engine
    reports this.
    """

    offload_id: str
    done: int
    total: int


@dataclass(frozen=True)
class OffloadText(Event):
    """The model wrote more text. ``tokens`` is the count so far; it is approximate until the end."""

    offload_id: str
    text: str
    tokens: int
    tokens_per_second: float


@dataclass(frozen=True)
class OffloadEnded(Event):
    """An offload ended. ``outcome`` is one of ``offload.values.OUTCOMES``."""

    offload_id: str
    outcome: str
    summary: str


@dataclass(frozen=True)
class OffloadUndone(Event):
    """The files of an offload were restored to their former contents."""

    offload_id: str


@dataclass(frozen=True)
class ResultDigested(Event):
    """A digest replaced a result inside Claude Code, or was recorded as a loss. ``kind`` is the kind of
    result.
    """

    kind: str


@dataclass(frozen=True)
class JobChanged(Event):
    """The state of a batch or of one of its items changed."""

    job_id: str


@dataclass(frozen=True)
class SettingsChanged(Event):
    """A setting was changed from within the app. ``name`` is its table and key; ``where`` is the file with
    the setting. The value is left out because it can be secret.
    """

    name: str
    where: str = "config.toml"


@dataclass(frozen=True)
class EngineChanged(Event):
    """The engine was found, lost or replaced, or its loaded or installed models changed."""


@dataclass(frozen=True)
class ModelProgress(Event):
    """Progress of a model's download or load. Sizes in bytes, ``rate`` in bytes per second, 0 if unknown.
    ``done`` marks the last event."""

    model: str
    phase: str
    completed: int = 0
    total: int = 0
    done: bool = False
    error: str = ""
    rate: float = 0.0


@dataclass(frozen=True)
class MeasureProgress(Event):
    """Progress of a measurement: ``done`` of ``total`` steps are complete and ``step`` has begun. The last
    event has ``ended`` set, and ``error`` if the measurement failed."""

    model: str
    step: str
    done: int
    total: int
    ended: bool = False
    error: str = ""


@dataclass(frozen=True)
class PauseChanged(Event):
    """Offloading was paused or resumed. ``until`` is in seconds since the epoch; 0 means "until I resume".
    ``giving_way`` marks a pause that the app started for ``reason`` and will end automatically.
    """

    paused: bool
    until: float = 0.0
    reason: str = ""
    giving_way: bool = False


@dataclass(frozen=True)
class ApprovalRequested(Event):
    """A call waits for the user's approval. ``files`` counts the files that the call would touch; ``paths``
    lists some of these files. The call is denied at ``deadline`` (seconds since the epoch).
    """

    approval_id: str
    tool: str
    client: str
    reason: str
    files: int
    paths: tuple[str, ...]
    deadline: float


@dataclass(frozen=True)
class ApprovalAnswered(Event):
    """A waiting call was approved or denied. ``extent`` is ``once``, ``session`` or ``project``; ``by`` is
    ``tray``, ``dashboard``, ``client``, ``timeout`` or ``cancelled``."""

    approval_id: str
    approved: bool
    extent: str
    by: str
    reason: str = ""


@dataclass(frozen=True)
class PolicyReloaded(Event):
    """The policy file changed. ``error`` says why the file cannot be read. ``Loaded.until_then`` names the
    rules that apply until the file is corrected.
    """

    path: str
    error: str = ""


@dataclass(frozen=True)
class RequestsRefused(Event):
    """The web server refused requests. ``source`` is their ``Origin``, or else the requested ``Host``.
    ``path`` is the path of the first request. It is empty in an event that adds ``count`` more requests of
    a kind already reported.
    """

    reason: str
    source: str
    path: str
    count: int = 1


@dataclass(frozen=True)
class BrowserLoggedIn(Event):
    """A login link was used, so a browser can now open the dashboard."""


@dataclass(frozen=True)
class TokenReplaced(Event):
    """The bearer token was replaced. Sessions opened with the old token were closed."""


@dataclass(frozen=True)
class ModelChoiceChanged(Event):
    """The list of models that may be chosen changed. ``text`` describes the change."""

    text: str


@dataclass(frozen=True)
class TranscriptChecksSwitched(Event):
    """The user switched the check of the client's transcripts on or off."""

    on: bool


@dataclass(frozen=True)
class TranscriptCheckEnded(Event):
    """A transcript check ended. ``files`` counts the transcripts with new entries."""

    files: int


Listener = Callable[[Event], None]


class EventBus:
    """Delivers every event to every listener."""

    def __init__(self) -> None:
        self._listeners: tuple[Listener, ...] = ()
        self._lock = threading.Lock()

    def subscribe(self, listener: Listener) -> Callable[[], None]:
        """Call ``listener`` with every event from now on. The returned function unsubscribes the listener."""
        with self._lock:
            self._listeners = (*self._listeners, listener)

        def unsubscribe() -> None:
            with self._lock:
                self._listeners = tuple(each for each in self._listeners if each is not listener)

        return unsubscribe

    def publish(self, event: Event) -> None:
        """Call every listener. If a listener raises, the error is logged and the other listeners are still
        called.
        """
        for listener in self._listeners:
            try:
                listener(event)
            except Exception:
                logger.exception("a listener failed on %s", type(event).__name__)
