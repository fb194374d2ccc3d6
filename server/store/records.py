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
class OffloadStart:
    """An offload as it begins; written before anything runs, so that a crash leaves a row."""

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
class UndoRecord:
    """What undo needs: the bytes before (None: there was no file) and the digest after."""

    path: str
    before: bytes | None
    after_digest: str


@dataclass(frozen=True)
class OffloadEnd:
    """How an offload ended. ``outcome`` is one of ``offload.values.OUTCOMES``; ``timings`` are seconds
    by stage: queue, load, prompt, generate, check, write, total."""

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


@dataclass(frozen=True)
class OffloadRow:
    """One line of the history's list. ``outcome`` is ``running`` until the offload ends, and
    ``interrupted`` where the hub went away before it did."""

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
    """Exact sums over offloads that ended."""

    offloads: int = 0
    delivered: int = 0
    handed_back: int = 0
    failed: int = 0
    net_tokens: int = 0
    net_microusd: int = 0
    spared_tokens: int = 0
    spent_tokens: int = 0


@dataclass(frozen=True)
class DayTotal:
    """The sums of one local day, ``YYYY-MM-DD``."""

    day: str
    totals: Totals = field(default_factory=Totals)
