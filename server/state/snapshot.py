"""The state of the whole app at one moment, for the tray, the dashboard and ``status --json``."""

from collections import Counter
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

from server.engine.view import EngineView
from server.store.records import Totals

State = Literal["idle", "loaded", "working", "paused", "error"]
LONGEST_TASK = 60
"""Maximum length of the task text in a batch's progress line (characters)."""


@dataclass(frozen=True)
class ModelActivity:
    """A model that is being downloaded (``download``), loaded (``load``) or measured (``measure``).
    ``completed`` and ``total`` are bytes, or steps of a measurement; 0 if unknown. ``rate`` is bytes per
    second."""

    model: str
    phase: str
    completed: int = 0
    total: int = 0
    rate: float = 0.0


@dataclass(frozen=True)
class RunningOffload:
    """A waiting or running offload. ``round`` counts the model's answers from 1; ``text`` is the end of the
    current answer and ``characters`` its full length so far. ``prompt_done`` of ``prompt_total`` tokens have
    been read since ``prompt_at`` (seconds since the epoch); all are 0 if the engine does not report them.
    ``files`` lists some of its inputs. ``job_id`` is its batch, empty if it is not part of one."""

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
    prompt_done: int = 0
    prompt_total: int = 0
    prompt_at: float = 0.0
    files: tuple[str, ...] = ()
    job_id: str = ""

    @property
    def waits(self) -> bool:
        """Whether the offload waits for the engine."""
        return self.stage == "queue"


@dataclass(frozen=True)
class WorkingBatch:
    """A batch at work. ``left`` of its ``total`` items have not ended."""

    id: str
    task: str
    client: str
    total: int
    left: int

    @property
    def line(self) -> str:
        """The batch and its progress as a single line for the user."""
        task = " ".join(self.task.split())
        short = task if len(task) <= LONGEST_TASK else f"{task[: LONGEST_TASK - 1]}…"
        return f"batch “{short}”, {self.left:,} of {self.total:,} tasks to go"


@dataclass(frozen=True)
class EndedOffload:
    """The most recently ended offload. ``outcome`` is one of ``offload.values.OUTCOMES``, or ``undone``."""

    id: str
    task: str
    output: str
    outcome: str


@dataclass(frozen=True)
class PendingApproval:
    """A call waiting for the user's approval. ``files`` is the number of files it would touch; ``paths``
    lists some of them. The call is denied at ``deadline`` (seconds since the epoch).
    """

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
    """The state of the app. ``state`` determines the tray icon; ``saved_*`` are signed net savings."""

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
    """Why the app paused automatically, as a sentence. Such a pause also ends automatically. Empty for the
    user's pause.
    """
    approvals: tuple[PendingApproval, ...] = ()
    last: EndedOffload | None = None
    """None if no offload has ended since the app started."""
    on_hold: tuple[str, ...] = ()
    """Batches stopped by the pause, one line for the user each."""
    batches: tuple[WorkingBatch, ...] = ()
    """Batches at work or stopped by the pause."""

    @property
    def counts(self) -> tuple[int, int]:
        """Return how many tasks are running and how many are waiting. Waiting tasks of a batch count from the
        start of the batch, although only some of them have started as offloads.
        """
        running = sum(not each.waits for each in self.running)
        started = Counter(each.job_id for each in self.running)
        waiting = sum(each.waits for each in self.running)
        # By batch, because the two figures of a batch are not read at the same moment.
        not_started = sum(max(0, batch.left - started[batch.id]) for batch in self.batches)
        return running, waiting + not_started

    def as_json(self) -> dict[str, Any]:
        """Return the snapshot as JSON-compatible values."""
        return asdict(self)
