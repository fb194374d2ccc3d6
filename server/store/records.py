"""History rows as values. Instants are seconds since the epoch; money is in micro-dollars.

``spared_*`` (saved for Claude) and ``spent_*`` (cost) have been the names of database columns and JSON fields
since version 0.1.0; other programs read them.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, get_args

ReadKind = Literal["file", "log"]
"""How Claude would have read an input: as a whole file, or just the tail of a log or a command's output."""


@dataclass(frozen=True)
class FileRecord:
    """A file used or written by an offload. ``role`` is ``input`` or ``output``; ``digest`` is its SHA-256 in
    hex.
    """

    path: str
    role: str
    digest: str
    size: int
    selection: str = ""


@dataclass(frozen=True)
class ReceiptRecord:
    """The ledger's figures for one offload: tokens and micro-dollars. Only the net figures can be negative.

    Attributes:
        spared_input: input tokens saved for Claude. ``spared_output`` counts the output tokens saved.
        spent_output: output tokens that the call cost Claude. ``spent_input`` counts the input tokens.
        spent_share: the call's share of the cost of the tool definitions and of its batch.
        net_tokens: saved minus cost, without the turns.
        spared_turns: turns saved for Claude, in thousandths. ``spent_turns`` counts the turns of the call.
        terms: formula, prices and habits behind the money (``server.ledger.terms``) as JSON; empty for
            receipts of formula 1.
    """

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
    spared_turns: int = 0
    spent_turns: int = 0
    terms: str = ""


@dataclass(frozen=True)
class OffloadStart:
    """The start of an offload. It is written before any work begins, so that a crash leaves a row.

    ``receipt`` holds the call's cost in case the offload yields no result. ``job_id`` is the batch the
    offload belongs to.
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
    """The result of one check in one attempt."""

    name: str
    passed: bool
    message: str


@dataclass(frozen=True)
class AttemptRecord:
    """One round with the model. ``prompt`` is the list of messages, each ``{"role", "content"}``.

    ``timings`` are seconds: ``began`` since the offload started, then the time in each stage, as in
    ``OffloadEnd``. It is empty for attempts of versions before 0.2.
    """

    number: int
    kind: str
    prompt: tuple[dict[str, str], ...]
    answer: str
    thinking: str
    finish_reason: str
    prompt_tokens: int
    completion_tokens: int
    checks: tuple[CheckRecord, ...]
    timings: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class UndoRecord:
    """What is needed for an undo: the old contents (None: the file did not exist) and the SHA-256 of the new
    contents.
    """

    path: str
    before: bytes | None
    after_digest: str


@dataclass(frozen=True)
class OffloadEnd:
    """The end of an offload. ``outcome`` is one of ``offload.values.OUTCOMES``. ``timings`` are seconds by
    stage: queue, load, prompt, generate, check, write, total. ``attempts`` holds attempts that have not been
    written yet. ``notices`` holds the result's notices. ``strength`` is the evidence for the result
    (``offload.values.STRENGTHS``; empty if there is none). ``chore_kind`` is one of
    ``offload.routing.kinds``. ``would_save_tokens`` is the net of the user's own call, as if Claude had made
    it.
    """

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
    notices: tuple[str, ...] = ()
    strength: str = ""
    chore_kind: str = ""
    would_save_tokens: int = 0


DASHBOARD = "dashboard"
SHELL = "token-saver"
OWN_CLIENTS = (DASHBOARD, SHELL)
"""The app's own clients. Their calls are made by the user, so they neither save nor cost Claude tokens."""
SHELL_SESSION = "shell-"
"""Prefix of a shell's session id."""
TEST_SESSION = f"{SHELL_SESSION}test-"
"""Prefix of the session ids used by ``doctor``. Offloads from these sessions are removed from the history."""


@dataclass(frozen=True)
class OffloadRow:
    """One row in the history list. ``outcome`` is ``running`` until the offload ends, and ``interrupted`` if
    the hub ended first. ``audited_*`` are None until the transcript check.
    """

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
    strength: str = ""
    reviewed: str = ""
    """The user's verdict (see ``reviews.Review``); empty if there is none."""
    would_save_tokens: int = 0
    """Net of the user's own call, as if Claude had made it; 0 for other calls."""
    job_id: str | None = None
    """The batch that contains the offload."""

    @property
    def by_user(self) -> bool:
        """Return whether the user started the offload, from the dashboard or a shell."""
        return self.client in OWN_CLIENTS


@dataclass(frozen=True)
class TranscriptCheckRecord:
    """What the client's own transcript shows about one offload.

    Attributes:
        ending: what Claude did with the result: ``read_again``, ``edited``, ``rewritten`` or ``left_alone``.
        survived: share (0 to 1) of the delivered lines that were kept; None if nothing was written.
        measured: whether the call's cost was counted by the API itself.
    """

    audited_at: float
    ending: str
    survived: float | None
    measured: bool
    receipt: ReceiptRecord


@dataclass(frozen=True)
class OffloadDetail:
    """Everything about one offload, for its page."""

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
    notices: tuple[str, ...] = ()


IN_BATCH, NO_BATCH = "any", "none"
"""Filters for the offloads of all batches, and for those outside a batch."""
REVIEWS = ("waiting", "kept", "undone", "rerun")
"""States of a written result in review. ``waiting``: neither reviewed nor undone."""
Order = Literal["newest", "saved", "lost", "slowest"]
"""Order of the list. ``saved`` and ``lost`` go by the net tokens, ``slowest`` by the seconds without the
queue.
"""
ORDERS: tuple[Order, ...] = get_args(Order)


@dataclass(frozen=True)
class OffloadFilter:
    """Filter for the list. An empty field matches every offload. ``search`` applies to task and file
    names. ``strength`` is one of ``offload.values.STRENGTHS``, ``review`` one of ``REVIEWS``, and ``batch``
    the id of a batch, ``IN_BATCH`` or ``NO_BATCH``. ``retried_codes`` leaves out batch items that ended with
    one of these codes, because the batch runs them again.
    """

    search: str = ""
    tool: str = ""
    outcome: str = ""
    model: str = ""
    project: str = ""
    client: str = ""
    strength: str = ""
    review: str = ""
    batch: str = ""
    since: float | None = None
    until: float | None = None
    retried_codes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Summary:
    """The offloads that match a filter. ``more`` means that only the newest ones were counted."""

    offloads: int = 0
    by_user: int = 0
    would_save_tokens: int = 0
    more: bool = False


@dataclass(frozen=True)
class Totals:
    """Exact totals over offloads that have ended.

    ``losing`` counts offloads with a negative net, ``by_user`` those started by the user, and ``audited``
    those covered by a transcript check. ``would_save_tokens`` is what the user's own offloads would have
    saved if Claude had made them. ``audited_estimate_*`` and ``audited_net_*`` total the estimates and the
    checked nets of the audited offloads.
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
    would_save_tokens: int = 0
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
        """The net, using checked figures instead of estimates where available."""
        return self.net_tokens - self.audited_estimate_tokens + self.audited_net_tokens

    @property
    def corrected_microusd(self) -> int:
        """``corrected_tokens`` in micro-dollars."""
        return self.net_microusd - self.audited_estimate_microusd + self.audited_net_microusd


@dataclass(frozen=True)
class DayTotal:
    """The totals for one local day, ``YYYY-MM-DD``."""

    day: str
    totals: Totals = field(default_factory=Totals)


@dataclass(frozen=True)
class GroupTotal:
    """The totals for the tool, model, project or day called ``name``."""

    name: str
    totals: Totals


@dataclass(frozen=True)
class Facets:
    """The values available for filtering the list, each sorted."""

    tools: tuple[str, ...] = ()
    models: tuple[str, ...] = ()
    projects: tuple[str, ...] = ()
    clients: tuple[str, ...] = ()
    outcomes: tuple[str, ...] = ()


@dataclass(frozen=True)
class TranscriptRecord:
    """Progress through one transcript, in bytes. ``state`` is for the next pass and ``summary`` for the
    reports, both as JSON.
    """

    path: str
    size: int
    mtime_ns: int
    position: int
    state: str
    summary: str


@dataclass(frozen=True)
class RecordedOffload:
    """An offload in the form the transcript check needs. Paths are absolute or relative to ``project``."""

    id: str
    tool: str
    outcome: str
    project: str
    output: str
    diff: str
    inputs: tuple[FileRecord, ...]
    receipt: ReceiptRecord
    job_id: str = ""
