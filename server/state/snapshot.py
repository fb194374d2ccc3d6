"""One picture of the whole app at one moment; it feeds the tray, the page and ``status --json``."""

from dataclasses import asdict, dataclass, field
from typing import Any, Literal

from server.engine.view import EngineView
from server.store.records import Totals

State = Literal["idle", "loaded", "working", "paused", "error"]


@dataclass(frozen=True)
class ModelActivity:
    """A model that is being downloaded (``download``), loaded (``load``) or measured (``measure``). Bytes,
    for the last steps; 0 where unknown. ``rate`` is bytes a second."""

    model: str
    phase: str
    completed: int = 0
    total: int = 0
    rate: float = 0.0


@dataclass(frozen=True)
class RunningOffload:
    """An offload that waits or runs. ``text`` is the end of what the model has written so far, of its first
    answer or of a later one (``round``, from 1); that answer has ``characters``."""

    id: str
    tool: str
    task: str
    client: str
    output: str
    model: str
    started_at: float
    stage: str
    detail: str = ""
    tokens: int = 0
    tokens_per_second: float = 0.0
    text: str = ""
    characters: int = 0
    round: int = 1


@dataclass(frozen=True)
class PendingApproval:
    """A call that waits for the user. ``paths`` are some of the ``files`` it would touch; at ``deadline``
    (seconds since the epoch) it is denied."""

    id: str
    tool: str
    client: str
    project: str
    reason: str
    files: int
    paths: tuple[str, ...]
    deadline: float


@dataclass(frozen=True)
class Snapshot:
    """The state of the app. ``state`` is what the icon shows; ``saved_*`` are signed nets."""

    version: str
    url: str
    state: State
    taken_at: float
    engine: EngineView
    activities: tuple[ModelActivity, ...] = ()
    running: tuple[RunningOffload, ...] = ()
    saved_today: Totals = field(default_factory=Totals)
    saved_all: Totals = field(default_factory=Totals)
    paused_until: float | None = None
    giving_way: str = ""
    """Why the app paused by itself, a sentence; it goes on by itself. Empty for the user's own pause."""
    approvals: tuple[PendingApproval, ...] = ()

    def as_json(self) -> dict[str, Any]:
        """Return the snapshot as plain JSON values."""
        return asdict(self)
