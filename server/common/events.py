"""What happened, published in process. The dashboard, the tray and progress reports listen.

Events are small frozen values. ``publish`` may be called from any thread; a listener is called
in the thread that publishes, at once, and must not block or raise.
"""

import logging
import threading
from collections.abc import Callable
from dataclasses import dataclass

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Event:
    """Something that happened."""


@dataclass(frozen=True)
class OffloadQueued(Event):
    """A task was accepted and waits for the engine. ``output`` and ``model`` are empty where the call
    names none."""

    offload_id: str
    tool: str
    task: str
    client: str
    output: str = ""
    model: str = ""


@dataclass(frozen=True)
class OffloadStage(Event):
    """An offload entered a stage: ``read``, ``fit``, ``download``, ``queue``, ``load``, ``prompt``,
    ``generate``, ``check``, ``repair``, ``deliver``."""

    offload_id: str
    stage: str
    detail: str = ""


@dataclass(frozen=True)
class OffloadText(Event):
    """The model wrote more. ``tokens`` is the count so far (approximate until the end)."""

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
    net_tokens: int


@dataclass(frozen=True)
class OffloadUndone(Event):
    """The bytes from before an offload were put back."""

    offload_id: str


@dataclass(frozen=True)
class JobChanged(Event):
    """A batch, or one of its items, is in another state."""

    job_id: str


@dataclass(frozen=True)
class SettingsChanged(Event):
    """A setting was changed from within the app: ``name`` is its table and key, ``where`` the file that has
    it. Its value may be secret."""

    name: str
    where: str = "config.toml"


@dataclass(frozen=True)
class EngineChanged(Event):
    """The backend was found, lost or replaced, or its loaded or installed models changed."""


@dataclass(frozen=True)
class ModelProgress(Event):
    """A model is being downloaded or loaded. Bytes and bytes a second, 0 where unknown; ``done`` on the last
    one."""

    model: str
    phase: str
    completed: int = 0
    total: int = 0
    done: bool = False
    error: str = ""
    rate: float = 0.0


@dataclass(frozen=True)
class MeasureProgress(Event):
    """A model is being measured: ``done`` of ``total`` steps, and the ``step`` that began. The last one has
    ``ended``, with the ``error`` where it came to nothing."""

    model: str
    step: str
    done: int
    total: int
    ended: bool = False
    error: str = ""


@dataclass(frozen=True)
class PauseChanged(Event):
    """Offloading was paused or resumed. ``until`` is seconds since the epoch, 0 for "until I resume".
    ``giving_way`` marks a pause that the app took by itself, for the ``reason``, and ends by itself."""

    paused: bool
    until: float = 0.0
    reason: str = ""
    giving_way: bool = False


@dataclass(frozen=True)
class ApprovalRequested(Event):
    """A call waits for the user. ``paths`` are some of the ``files`` it would touch; at ``deadline``
    (seconds since the epoch) it is denied."""

    approval_id: str
    tool: str
    client: str
    reason: str
    files: int
    paths: tuple[str, ...]
    deadline: float


@dataclass(frozen=True)
class ApprovalAnswered(Event):
    """A call that waited was answered. ``extent`` is ``once``, ``session`` or ``project``; ``by`` is
    ``tray``, ``dashboard``, ``client``, ``timeout`` or ``cancelled``."""

    approval_id: str
    approved: bool
    extent: str
    by: str
    reason: str = ""


@dataclass(frozen=True)
class PolicyReloaded(Event):
    """The policy file changed. ``error`` says where it is broken or gone; what holds then is in
    ``Loaded.until_then``."""

    path: str
    error: str = ""


@dataclass(frozen=True)
class RequestsRefused(Event):
    """Requests that were no business of their senders. ``source`` is their ``Origin``, else the ``Host`` that
    they asked for; ``path`` that of the first, empty where these are ``count`` more of a kind told before."""

    reason: str
    source: str
    path: str
    count: int = 1


@dataclass(frozen=True)
class BrowserLoggedIn(Event):
    """A login link was used: a browser can open the dashboard from now on."""


@dataclass(frozen=True)
class TokenReplaced(Event):
    """There is a new bearer token; what the old one opened is closed."""


@dataclass(frozen=True)
class ModelChoiceChanged(Event):
    """Which models may be chosen was changed. ``text`` says how."""

    text: str


@dataclass(frozen=True)
class AuditSwitched(Event):
    """The user let the app read the client's transcripts, or not any more."""

    on: bool


@dataclass(frozen=True)
class AuditEnded(Event):
    """The audit has read what was new in the transcripts: ``files`` had news."""

    files: int


Listener = Callable[[Event], None]


class EventBus:
    """Calls every listener with every event."""

    def __init__(self) -> None:
        self._listeners: tuple[Listener, ...] = ()
        self._lock = threading.Lock()

    def subscribe(self, listener: Listener) -> Callable[[], None]:
        """Call ``listener`` with every event from now on; the function returned ends that."""
        with self._lock:
            self._listeners = (*self._listeners, listener)

        def unsubscribe() -> None:
            with self._lock:
                self._listeners = tuple(each for each in self._listeners if each is not listener)

        return unsubscribe

    def publish(self, event: Event) -> None:
        """Tell every listener. One that raises is logged and does not stop the others."""
        for listener in self._listeners:
            try:
                listener(event)
            except Exception:
                logger.exception("a listener failed on %s", type(event).__name__)
