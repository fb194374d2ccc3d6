"""The rows of the history as values. Instants are seconds since the epoch, money micro-dollars."""

from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class FileRecord:
    """A file of an offload. ``role`` is ``input`` or ``output``; ``digest`` is SHA-256 in hex."""

    path: str
    role: str
    digest: str
    size: int
    selection: str = ""


@dataclass(frozen=True)
class ReceiptRecord:
    """The ledger's figures for one offload: tokens and micro-dollars, never negative but the nets."""

    family: str
    price_model: str
    spared_input: int
    spared_output: int
    spent_output: int
    spent_input: int
    spent_share: int
    net_tokens: int
    spared_microusd: int
    spent_microusd: int
    net_microusd: int


@dataclass(frozen=True)
class OffloadStart:
    """An offload as it begins; written before anything runs, so that a crash leaves a row.

    ``receipt`` is what the call costs if nothing comes of it, for the case that the app dies meanwhile;
    ``job_id`` the batch that it is an item of.
    """

    id: str
    started_at: float
    tool: str
    task: str
    arguments: dict[str, Any]
    client: str
    session: str
    tool_use_id: str | None
    project: str
    output: str | None
    receipt: ReceiptRecord | None = None
    job_id: str | None = None


@dataclass(frozen=True)
class CheckRecord:
    """One check of one attempt."""

    name: str
    passed: bool
    message: str


@dataclass(frozen=True)
class AttemptRecord:
    """One round with the model. ``prompt`` is the messages, each ``{"role", "content"}``."""

    number: int
    kind: str
    prompt: tuple[dict[str, str], ...]
    answer: str
    thinking: str
    finish_reason: str
    prompt_tokens: int
    completion_tokens: int
    checks: tuple[CheckRecord, ...]


@dataclass(frozen=True)
class UndoRecord:
    """What undo needs: the bytes before (None: there was no file) and the digest after."""

    path: str
    before: bytes | None
    after_digest: str


@dataclass(frozen=True)
class OffloadEnd:
    """How an offload ended. ``outcome`` is one of ``offload.values.OUTCOMES``; ``timings`` are seconds
    by stage: queue, load, prompt, generate, check, write, total. ``attempts`` are those that were not
    written before."""

    ended_at: float
    outcome: str
    code: str
    summary: str
    model: str
    backend: str
    diff: str
    timings: dict[str, float]
    prompt_tokens: int
    completion_tokens: int
    files: tuple[FileRecord, ...]
    receipt: ReceiptRecord
    undo: UndoRecord | None = None
    attempts: tuple[AttemptRecord, ...] = ()


DASHBOARD = "dashboard"
SHELL = "token-saver"
OWN_CLIENTS = (DASHBOARD, SHELL)
"""Clients that are this app itself: the user asked, no agent wrote the call or reads the answer. So it
spares nothing and costs nothing."""
SHELL_SESSION = "shell-"
"""What a shell's session begins with."""


@dataclass(frozen=True)
class OffloadRow:
    """One line of the history's list. ``outcome`` is ``running`` until the offload ends, and
    ``interrupted`` where the hub went away before it did. ``audited_*`` are None until an audit."""

    id: str
    started_at: float
    ended_at: float | None
    tool: str
    task: str
    client: str
    project: str
    output: str | None
    outcome: str
    code: str
    summary: str
    model: str
    prompt_tokens: int
    completion_tokens: int
    seconds: float
    net_tokens: int
    net_microusd: int
    undone: bool
    audited_net_tokens: int | None = None
    audited_net_microusd: int | None = None

    @property
    def by_user(self) -> bool:
        """Whether the user asked for it: from the dashboard or a shell."""
        return self.client in OWN_CLIENTS


@dataclass(frozen=True)
class TranscriptCheckRecord:
    """What the client's own transcript says of one offload.

    ``ending`` is what Claude did with the result: ``read_again``, ``edited``, ``rewritten`` or
    ``left_alone``. ``survived`` is the share (0 to 1) of the delivered lines that were kept, None where
    nothing was written. ``measured`` tells whether the call's cost is the API's own count.
    """

    audited_at: float
    ending: str
    survived: float | None
    measured: bool
    receipt: ReceiptRecord


@dataclass(frozen=True)
class OffloadDetail:
    """Everything about one offload."""

    row: OffloadRow
    arguments: dict[str, Any]
    session: str
    tool_use_id: str | None
    backend: str
    diff: str
    timings: dict[str, float]
    files: tuple[FileRecord, ...]
    attempts: tuple[AttemptRecord, ...]
    receipt: ReceiptRecord | None
    undo: UndoRecord | None
    audit: TranscriptCheckRecord | None = None


@dataclass(frozen=True)
class OffloadFilter:
    """What the list shows. Empty means all; ``search`` looks into task and file names."""

    search: str = ""
    tool: str = ""
    outcome: str = ""
    model: str = ""
    project: str = ""
    client: str = ""
    since: float | None = None
    until: float | None = None


@dataclass(frozen=True)
class Totals:
    """Exact sums over offloads that ended.

    ``losing`` counts those with a negative net, ``by_user`` those that the user asked for. ``audited``
    counts those that were audited; for these alone, ``audited_estimate_*`` are the sums of the estimates
    and ``audited_net_*`` of what was found.
    """

    offloads: int = 0
    delivered: int = 0
    handed_back: int = 0
    failed: int = 0
    net_tokens: int = 0
    net_microusd: int = 0
    spared_tokens: int = 0
    spent_tokens: int = 0
    returned: int = 0
    cancelled: int = 0
    denied: int = 0
    interrupted: int = 0
    losing: int = 0
    by_user: int = 0
    prompt_tokens: int = 0
    completion_tokens: int = 0
    spared_microusd: int = 0
    spent_microusd: int = 0
    audited: int = 0
    audited_estimate_tokens: int = 0
    audited_net_tokens: int = 0
    audited_estimate_microusd: int = 0
    audited_net_microusd: int = 0

    @property
    def corrected_tokens(self) -> int:
        """The net with every estimate replaced by its audit where there is one."""
        return self.net_tokens - self.audited_estimate_tokens + self.audited_net_tokens

    @property
    def corrected_microusd(self) -> int:
        """As ``corrected_tokens``, in micro-dollars."""
        return self.net_microusd - self.audited_estimate_microusd + self.audited_net_microusd


@dataclass(frozen=True)
class DayTotal:
    """The sums of one local day, ``YYYY-MM-DD``."""

    day: str
    totals: Totals = field(default_factory=Totals)


@dataclass(frozen=True)
class GroupTotal:
    """The sums of one tool, model, project or day, by its ``name``."""

    name: str
    totals: Totals


@dataclass(frozen=True)
class Facets:
    """What the filters of the list can be set to, each sorted."""

    tools: tuple[str, ...] = ()
    models: tuple[str, ...] = ()
    projects: tuple[str, ...] = ()
    clients: tuple[str, ...] = ()
    outcomes: tuple[str, ...] = ()


@dataclass(frozen=True)
class TranscriptRecord:
    """How far one transcript was read, in bytes; ``state`` is what the next pass goes on from and
    ``summary`` what the reports add up, both JSON text."""

    path: str
    size: int
    mtime_ns: int
    position: int
    state: str
    summary: str


@dataclass(frozen=True)
class RecordedOffload:
    """An offload as the audit needs it. Paths are as recorded: absolute, or from ``project``."""

    id: str
    tool: str
    outcome: str
    project: str
    output: str
    diff: str
    inputs: tuple[FileRecord, ...]
    receipt: ReceiptRecord
    job_id: str = ""
