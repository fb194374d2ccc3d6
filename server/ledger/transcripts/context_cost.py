"""Cost of each part of a conversation's context. Together, the parts add up to the bill.

Each request pays for everything in its prompt. New tokens are written to the cache (or sent uncached), and
old tokens are read from it. After a pause, the old tokens are written again. A part that entered with ``n``
tokens therefore costs ``n`` times the price of a new token at that time, plus ``n`` times the price of an old
token for each later request. ``carried`` sums the prices of old tokens, so a part's cost is the difference of
two sums.

Token counts for new parts are estimates, scaled to add up to the growth of the prompt as counted by the API.
"""

from dataclasses import dataclass, field

from server.ledger.prices import Price
from server.ledger.transcripts.lines import Usage

FIXED = "client:system prompt and tools"
"""The fixed part of a request, until a snapshot shows what is in it."""
UNKNOWN = "client:unknown"


@dataclass
class ContextCost:
    """The context of one chain; plain JSON values. Money is in micro-dollars.

    ``tokens`` counts the tokens currently in the context by part. ``due`` is the amount to subtract from a
    part's tokens times ``carried``. ``settled`` is the cost of output and of parts that have left the
    context. ``waiting`` holds the estimates for parts that the next request will send for the first time.
    ``opening`` holds those of the first request, ``opened`` the value of ``carried`` less the price of a new
    token then, ``opening_counted`` whether they belong to this transcript. ``entered`` sums the tokens of
    each part that belong to it. ``fitted`` holds the parts of the chain's first request, scaled to its size.
    """

    carried: float = 0.0
    tokens: dict[str, float] = field(default_factory=dict)
    due: dict[str, float] = field(default_factory=dict)
    settled: dict[str, float] = field(default_factory=dict)
    waiting: dict[str, float] = field(default_factory=dict)
    opening: dict[str, float] = field(default_factory=dict)
    opened: float = 0.0
    opening_counted: bool = True
    entered: dict[str, float] = field(default_factory=dict)
    fitted: dict[str, float] = field(default_factory=dict)

    def expect(self, part: str, tokens: float) -> None:
        """Add a part that the next request will send for the first time. ``tokens`` is an estimate."""
        if tokens > 0:
            self.waiting[part] = self.waiting.get(part, 0.0) + tokens

    def request(self, usage: Usage, price: Price, *, counted: bool = True) -> float:
        """Charge a request for its prompt. Return what old tokens cost beyond being read from the cache.
        ``counted`` is false if the request, and so what entered with it, belongs to another transcript.
        """
        known = sum(self.tokens.values())
        growth = usage.prompt - known
        if not self.tokens:
            fresh = self._open(usage.prompt)
        elif growth < 0:
            self._shrink(usage.prompt / known)
            fresh = {}
        else:
            fresh = _scaled(self.waiting or {UNKNOWN: 1.0}, growth)
        self.waiting = {}
        new, old = _prices(usage, price, sum(fresh.values()))
        first = not self.tokens
        self.carried += old
        for part, tokens in fresh.items():
            self._enter(part, tokens, self.carried - new, counted=counted)
        if first:
            self.opened = self.carried - new
            self.opening_counted = counted
        return (old - float(price.cache_read)) * (usage.prompt - sum(fresh.values())) if known else 0.0

    def answer(self, parts: dict[str, float], tokens: int, price: Price) -> None:
        """Charge an answer of ``tokens`` output tokens, which the next request will send back."""
        for part, share in _scaled(parts or {"output:prose": 1.0}, tokens).items():
            self.settled[part] = self.settled.get(part, 0.0) + share * float(price.output)
            self.expect(part, share)

    def divide_fixed(self, parts: dict[str, float]) -> None:
        """Split the fixed part of the first request into the parts shown by a snapshot."""
        if FIXED not in self.tokens or not parts:
            return
        whole = sum(self.tokens[part] for part in self.opening if part in self.tokens)
        wanted = _scaled({**{k: v for k, v in self.opening.items() if k != FIXED}, **parts}, whole)
        for part in self.opening:
            if part in self.tokens:
                self._enter(part, -self.opening[part], self.opened, counted=self.opening_counted)
        for part, tokens in wanted.items():
            self._enter(part, tokens, self.opened, counted=self.opening_counted)
        for parts_by in (self.tokens, self.due, self.entered):
            parts_by.pop(FIXED, None)
        if self.fitted == self.opening:
            self.fitted = dict(wanted)
        self.opening = wanted

    def compact(self) -> None:
        """Empty the context, because the next request begins with a summary."""
        self._shrink(0.0)
        self.tokens, self.due, self.waiting, self.opening = {}, {}, {}, {}

    def money(self) -> dict[str, float]:
        """Return the cost of every part so far."""
        found = dict(self.settled)
        for part, tokens in self.tokens.items():
            found[part] = found.get(part, 0.0) + tokens * self.carried - self.due[part]
        return found

    def _open(self, prompt: int) -> dict[str, float]:
        """Return the parts of a first request. Content not shown in the transcript counts as fixed."""
        shown = sum(self.waiting.values())
        parts = dict(self.waiting)
        if prompt > shown and not any(part.startswith("client:built-in tools") for part in parts):
            parts[FIXED] = prompt - shown
        self.opening = _scaled(parts or {FIXED: 1.0}, prompt)
        self.fitted = self.fitted or dict(self.opening)
        return self.opening

    def _enter(self, part: str, tokens: float, due: float, *, counted: bool) -> None:
        self.tokens[part] = self.tokens.get(part, 0.0) + tokens
        self.due[part] = self.due.get(part, 0.0) + tokens * due
        if counted:
            self.entered[part] = self.entered.get(part, 0.0) + tokens

    def _shrink(self, factor: float) -> None:
        self.settled = self.money()
        self.tokens = {part: tokens * factor for part, tokens in self.tokens.items()}
        self.due = {part: tokens * self.carried for part, tokens in self.tokens.items()}


def request_money(usage: Usage, price: Price) -> float:
    """Return what a request's prompt costs, in micro-dollars."""
    return (
        usage.input * float(price.input)
        + usage.write_5m * float(price.cache_write)
        + usage.write_1h * float(price.cache_write_1h)
        + usage.read * float(price.cache_read)
    )


def _prices(usage: Usage, price: Price, fresh: float) -> tuple[float, float]:
    """Return the prices of a new token and of an old token in this request."""
    read = float(price.cache_read)
    sent = usage.input + usage.written
    paid = request_money(usage, price) - usage.read * read
    old = usage.prompt - fresh
    if sent >= fresh:
        new_price = paid / sent if sent else 0.0
        return new_price, ((sent - fresh) * new_price + usage.read * read) / old if old > 0 else 0.0
    return (paid + (fresh - sent) * read) / fresh, read


def _scaled(parts: dict[str, float], whole: float) -> dict[str, float]:
    total = sum(parts.values())
    return {part: tokens * whole / total for part, tokens in parts.items()} if total else {}
