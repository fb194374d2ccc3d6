"""Value types for the policy: a call, rules, decisions. All are frozen.

A ``Policy`` has the same form for all three file formats.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

FileFormat = Literal["intercept", "intercept short form", "policylayer"]
Action = Literal["evaluate", "allow", "deny", "require_approval"]
Verdict = Literal["allow", "deny", "limit", "approve"]
"""``limit``: a rate limit is used up. ``approve``: allowed after the user's approval."""
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
"""The tool whose rules apply to batch items."""
GLOBAL_SCOPE = "_global"
"""The scope, in conditions, of counters from ``*`` rules: ``state._global.<counter>``."""
NO_RULE = "No rule applies, and the default allows it."
"""The reason given when no rule applies to a call."""
APPROVAL_SECONDS = 300.0
"""How long to wait for approval if the rule has no timeout (seconds)."""


@dataclass(frozen=True)
class Item:
    """A task in a batch: its arguments, as written and as ``read_as`` (see ``Call``), and the number of files
    it would touch.
    """

    arguments: Mapping[str, Any]
    read_as: Mapping[str, Any]
    files: int = 1


@dataclass(frozen=True)
class Call:
    """One tool call as the policy sees it. ``session`` is one client's connection: a ``grant``.

    ``files`` is the number of files the call would touch, with globs resolved (``call.files`` in
    conditions). ``paths`` names some of them for the approval dialog. ``protected`` holds outputs that always
    need approval because of the patterns ``protected_by``. ``executed`` holds outputs that other programs
    run, as described by ``executed_as``. ``items`` holds a batch's tasks; the ``offload_work`` rules apply to
    each, except for rate limits.

    ``read_as`` holds the arguments with resolved paths. Rules that allow must hold for every entry (or for
    ``arguments`` if there are none). Rules that deny or ask apply if any entry or ``arguments`` matches.
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
    executed: tuple[str, ...] = ()
    executed_as: tuple[str, ...] = ()
    items: tuple[Item, ...] = ()
    read_as: tuple[Mapping[str, Any], ...] = ()


@dataclass(frozen=True)
class Window:
    """A time span, aligned in UTC: minutes, hours and days to the calendar, other spans to the epoch."""

    seconds: int

    def start(self, now: float) -> int:
        """Return the start of the window that contains ``now`` (seconds since the epoch)."""
        return int(now // self.seconds) * self.seconds

    def __str__(self) -> str:
        return {60: "minute", 3600: "hour", 86400: "day"}.get(self.seconds, f"{self.seconds} s")


@dataclass(frozen=True)
class Counter:
    """A rule's counter. Each admitted call adds ``increment``, or the number at ``increment_from``.

    ``scope`` is the tool, or ``_global``; ``per_grant`` counts each client session separately.
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
    """One rule for one tool, or for all. ``line`` is its line in the file, from 1.

    An ``evaluate`` rule denies unless all conditions hold. A ``deny`` rule denies if all conditions hold, and
    always if it has none. A ``require_approval`` rule asks if all conditions hold, and waits
    ``approval_seconds`` for an answer. ``source`` says where the rule comes from if not the policy file.
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
        """The key for a remembered approval. A changed rule has a different key, so it asks again."""
        conditions = "; ".join(sorted(str(condition) for condition in self.conditions))
        return f"{self.tool}/{self.name}/{self.action}/{conditions}"


@dataclass(frozen=True)
class Policy:
    """All rules from one file. ``tools`` has every tool that the file lists, including those without rules.
    ``off`` has the rules that are switched off. ``remark`` is a hint about the file, usually empty.
    """

    format: FileFormat
    default: Literal["allow", "deny"] = "allow"
    hide: frozenset[str] = frozenset()
    tools: Mapping[str, tuple[Rule, ...]] = field(default_factory=dict)
    off: tuple[Rule, ...] = ()
    description: str = ""
    remark: str = ""

    def hides(self, tool: str) -> bool:
        """Return whether the tool is omitted from ``tools/list`` and refused."""
        return tool in self.hide or EVERY_TOOL in self.hide

    def rules_for(self, tool: str) -> tuple[Rule, ...]:
        """Return the rules for calls to the tool, in order: the tool's own rules, then the ``*`` rules."""
        own = self.tools.get(tool, ()) if tool != EVERY_TOOL else ()
        return (*own, *self.tools.get(EVERY_TOOL, ()))


@dataclass(frozen=True)
class Reservation:
    """An amount that a call takes from a counter before it runs, given back if the call fails."""

    key: str
    window: Window
    window_start: int
    amount: float


@dataclass(frozen=True)
class Decision:
    """The rules' decision on one call. ``rule`` decided it; None if the default or ``hide`` did.
    ``also`` holds any further rules that ask for approval. Approval for one rule does not cover the
    others.

    ``reason`` is one sentence. ``retry_at`` is the end of a limit's window (seconds since the epoch).
    """

    verdict: Verdict
    reason: str
    rule: Rule | None = None
    reservations: tuple[Reservation, ...] = ()
    retry_at: float = 0.0
    also: tuple[Rule, ...] = ()
