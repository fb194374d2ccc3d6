"""In-process events for the dashboard, the tray and progress reports.

Events are small frozen values. ``publish`` can be called from any thread. Listeners run in the publishing
thread and must neither block nor raise.
"""

import logging
import threading
from collections.abc import Callable
from dataclasses import dataclass

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Event:
    """Base class for all events."""


@dataclass(frozen=True)
class OffloadQueued(Event):
    """A task was accepted and is waiting for the engine. ``output``, ``model`` and ``files`` are empty if the
    call did not specify them. ``job_id`` is the batch of the task, empty if it is not part of one.
    """

    offload_id: str
    tool: str
    task: str
    client: str
    output: str = ""
    model: str = ""
    files: tuple[str, ...] = ()
    job_id: str = ""


@dataclass(frozen=True)
class OffloadStage(Event):
    """An offload reached a stage: ``read``, ``fit``, ``download``, ``queue``, ``load``, ``prompt``,
    ``generate``, ``check``, ``repair``, ``sample`` or ``deliver``."""

    offload_id: str
    stage: str
    detail: str = ""


@dataclass(frozen=True)
class PromptRead(Event):
    """The engine has read ``done`` of the ``total`` tokens in an offload's prompt. Not all engines report
    this.
    """

    offload_id: str
    done: int
    total: int


@dataclass(frozen=True)
class OffloadText(Event):
    """The model wrote more text. ``tokens`` is the count so far, approximate until the end."""

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
    """An offload's files were restored to their previous contents. ``text`` says it, with the file."""

    offload_id: str
    text: str = "The previous contents were restored."


@dataclass(frozen=True)
class ResultDigested(Event):
    """A digest replaced a result in Claude Code, or was recorded as a loss. ``kind`` is the result's kind."""

    kind: str


@dataclass(frozen=True)
class JobChanged(Event):
    """The state of a batch or of one of its items changed."""

    job_id: str


@dataclass(frozen=True)
class SettingsChanged(Event):
    """A setting was changed from within the app. ``name`` is its table and key; ``where`` is the file that
    contains it. ``before`` and ``after`` are its values in words, both empty if they may be secret.
    """

    name: str
    where: str = "config.toml"
    before: str = ""
    after: str = ""


@dataclass(frozen=True)
class EngineChanged(Event):
    """An engine was found, lost or replaced, or its loaded or installed models changed."""


@dataclass(frozen=True)
class ModelProgress(Event):
    """Progress of downloading or loading a model. Sizes are in bytes, ``rate`` in bytes per second, 0 if
    unknown. ``done`` marks the last event."""

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
    ``giving_way`` marks a pause that the app itself began because of ``reason`` and will end automatically.
    """

    paused: bool
    until: float = 0.0
    reason: str = ""
    giving_way: bool = False


@dataclass(frozen=True)
class ApprovalRequested(Event):
    """A call needs the user's approval. ``files`` is the number of files the call would touch; ``paths``
    lists some of them. The call is denied at ``deadline`` (seconds since the epoch). ``task`` is its task in
    words and ``output`` the file it would write; both are empty for calls without one.
    """

    approval_id: str
    tool: str
    client: str
    reason: str
    files: int
    paths: tuple[str, ...]
    deadline: float
    task: str = ""
    output: str = ""


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
    """The policy file changed. ``error`` says why it cannot be read, if so. ``Loaded.until_then`` describes
    the rules in force until it is corrected.
    """

    path: str
    error: str = ""


@dataclass(frozen=True)
class RequestsRefused(Event):
    """The web server refused requests. ``source`` is their ``Origin`` or, failing that, the requested
    ``Host``. ``path`` is the path of the first request; it is empty if the event adds ``count`` more requests
    of a kind already reported.
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
    """The bearer token was replaced. Sessions opened with the old token have been closed."""


@dataclass(frozen=True)
class ModelChoiceChanged(Event):
    """The list of models eligible for use changed. ``text`` describes the change."""

    text: str


@dataclass(frozen=True)
class TranscriptChecksSwitched(Event):
    """The user switched transcript checking for the client on or off."""

    on: bool


@dataclass(frozen=True)
class TranscriptCheckEnded(Event):
    """A transcript check ended. ``files`` is the number of transcripts with new entries."""

    files: int


Listener = Callable[[Event], None]


class EventBus:
    """Delivers every event to every listener."""

    def __init__(self) -> None:
        self._listeners: tuple[Listener, ...] = ()
        self._lock = threading.Lock()

    def subscribe(self, listener: Listener) -> Callable[[], None]:
        """Call ``listener`` with every event from now on. Call the returned function to unsubscribe."""
        with self._lock:
            self._listeners = (*self._listeners, listener)

        def unsubscribe() -> None:
            with self._lock:
                self._listeners = tuple(each for each in self._listeners if each is not listener)

        return unsubscribe

    def publish(self, event: Event) -> None:
        """Call every listener. If one raises, the error is logged and the others are still called."""
        for listener in self._listeners:
            try:
                listener(event)
            except Exception:
                logger.exception("a listener failed on %s", type(event).__name__)
