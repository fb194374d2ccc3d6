"""The words of the policy: a call, the rules it meets, the decision that comes of it. All frozen.

A ``Policy`` is the same value whichever of the three file formats it was written in.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

FileFormat = Literal["intercept", "intercept short form", "policylayer"]
Action = Literal["evaluate", "allow", "deny", "require_approval"]
Verdict = Literal["allow", "deny", "limit", "approve"]
"""``limit``: a rate limit is used up. ``approve``: allowed once the user says so."""
Op = Literal["eq", "neq", "in", "not_in", "lt", "lte", "gt", "gte", "regex", "contains", "exists"]
OPS: tuple[Op, ...] = (
    "eq",
    "neq",
    "in",
    "not_in",
    "lt",
    "lte",
    "gt",
    "gte",
    "regex",
    "contains",
    "exists",
)

EVERY_TOOL = "*"
ITEM_TOOL = "offload_work"
"""The tool whose rules the items of a batch are held to."""
GLOBAL_SCOPE = "_global"
"""The scope of counters of ``*`` rules, as conditions name it: ``state._global.<counter>``."""
NO_RULE = "No rule concerns it, and the default allows it."
"""The reason of a call that nothing in the policy is about."""
APPROVAL_SECONDS = 300.0
"""How long an approval is waited for where the rule does not say (seconds)."""


@dataclass(frozen=True)
class Item:
    """A task of a batch: its arguments, as they were written and as ``read_as`` says of a ``Call``, and how
    many files it would touch."""

    arguments: Mapping[str, Any]
    read_as: Mapping[str, Any]
    files: int = 1


@dataclass(frozen=True)
class Call:
    """One tool call as the policy sees it. ``session`` is one client's connection: a ``grant``.

    ``files`` is how many files the call would touch, globs resolved (``call.files`` in conditions);
    ``paths`` names some of them for the one who is asked to approve; ``protected`` are those of its outputs
    that need approval whatever the rules say, by the patterns ``protected_by``. ``items`` are a batch's
    tasks: each is held to the rules of ``offload_work``, but for rate limits.

    ``read_as`` are the arguments with their paths as where the files lie: rules that let pass must hold for
    all of these (for ``arguments`` where there are none), those that deny or ask for one of them or for
    ``arguments``.
    """

    tool: str
    arguments: Mapping[str, Any] = field(default_factory=dict)
    client: str = ""
    session: str = ""
    project: str = ""
    files: int = 0
    paths: tuple[str, ...] = ()
    protected: tuple[str, ...] = ()
    protected_by: tuple[str, ...] = ()
    items: tuple[Item, ...] = ()
    read_as: tuple[Mapping[str, Any], ...] = ()


@dataclass(frozen=True)
class Window:
    """A span of time, aligned in UTC: minutes, hours and days by the calendar, others to the epoch."""

    seconds: int

    def start(self, now: float) -> int:
        """Return when the window that ``now`` lies in began (seconds since the epoch)."""
        return int(now // self.seconds) * self.seconds

    def __str__(self) -> str:
        return {60: "minute", 3600: "hour", 86400: "day"}.get(self.seconds, f"{self.seconds} s")


@dataclass(frozen=True)
class Counter:
    """What a rule counts: ``increment``, or the number at ``increment_from``, for each call that passes.

    ``scope`` is the tool, or ``_global``; ``per_grant`` counts each client's session apart.
    """

    scope: str
    name: str
    window: Window
    increment: float = 1.0
    increment_from: str = ""
    per_grant: bool = False

    def key(self, call: Call) -> str:
        """Return the counter's key in the store for this call."""
        grant = f"@{call.session}" if self.per_grant else ""
        return f"{self.scope}.{self.name}{grant}"


@dataclass(frozen=True)
class Condition:
    """``path op value``: ``path`` is ``args.…``, ``state.<scope>.<counter>`` or ``call.files``."""

    path: str
    op: Op
    value: Any

    def __str__(self) -> str:
        return f"{self.path} {self.op} {self.value!r}"


@dataclass(frozen=True)
class Rule:
    """One rule of one tool, or of all. ``line`` is where it stands in its file, from 1.

    An ``evaluate`` rule denies unless all conditions hold; a ``deny`` rule denies if all hold, always
    without any; ``require_approval`` asks if all hold. ``approval_seconds`` is how long it asks.
    ``source`` says where it stands if that is not the policy file.
    """

    name: str
    tool: str
    action: Action = "evaluate"
    conditions: tuple[Condition, ...] = ()
    counter: Counter | None = None
    limit: float | None = None
    on_deny: str = ""
    approval_seconds: float = APPROVAL_SECONDS
    line: int = 0
    source: str = ""

    @property
    def where(self) -> str:
        """The rule in words: ``"hourly limit" of offload_work (line 7)``."""
        if self.source:
            return self.source
        if not self.line:
            return f'"{self.name}" of this app'
        owner = "every tool" if self.tool == EVERY_TOOL else self.tool
        return f'"{self.name}" of {owner} (line {self.line})'

    @property
    def fingerprint(self) -> str:
        """What an approval is remembered for: a rule that was changed asks again."""
        conditions = "; ".join(sorted(str(condition) for condition in self.conditions))
        return f"{self.tool}/{self.name}/{self.action}/{conditions}"


@dataclass(frozen=True)
class Policy:
    """All rules of one file. ``tools`` holds every tool that the file lists, also those without rules."""

    format: FileFormat
    default: Literal["allow", "deny"] = "allow"
    hide: frozenset[str] = frozenset()
    tools: Mapping[str, tuple[Rule, ...]] = field(default_factory=dict)
    description: str = ""

    def hides(self, tool: str) -> bool:
        """Whether the tool is kept out of ``tools/list``, and refused."""
        return tool in self.hide or EVERY_TOOL in self.hide

    def rules_for(self, tool: str) -> tuple[Rule, ...]:
        """The rules that a call of the tool meets, in order: its own, then those of ``*``."""
        own = self.tools.get(tool, ()) if tool != EVERY_TOOL else ()
        return (*own, *self.tools.get(EVERY_TOOL, ()))


@dataclass(frozen=True)
class Reservation:
    """An amount that a call takes from a counter before it runs; given back if the call fails."""

    key: str
    window: Window
    window_start: int
    amount: float


@dataclass(frozen=True)
class Decision:
    """What the rules say of one call. ``rule`` decides, None where the default or ``hide`` does; ``also`` are
    the further ones that ask for approval: leave that was given for one is none for the others.

    ``reason`` is one sentence. ``retry_at`` is when a limit's window ends (seconds since the epoch).
    """

    verdict: Verdict
    reason: str
    rule: Rule | None = None
    reservations: tuple[Reservation, ...] = ()
    retry_at: float = 0.0
    also: tuple[Rule, ...] = ()
