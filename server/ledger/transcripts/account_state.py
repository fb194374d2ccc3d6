"""State of one transcript's accounts: plain values, stored as JSON between passes."""

from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from server.ledger.prices import Price
from server.ledger.spread import Spread
from server.ledger.transcripts.context_cost import ContextCost

FREE = Price("", *(Decimal(0) for _ in range(5)))
"""The price of a request that has been charged to another transcript."""


@dataclass
class ChainAccount:
    """The account of one chain: its context and the current request. ``result_tokens`` counts all results in
    the context, ``new_results`` those that no request has sent yet. ``free``: the current request was charged
    elsewhere. ``wrote``: the previous turn made a single call, which wrote a file.
    """

    cost: ContextCost = field(default_factory=ContextCost)
    usage: list[int] = field(default_factory=list)
    model: str = ""
    day: str = ""
    output: dict[str, float] = field(default_factory=dict)
    uses: dict[str, str] = field(default_factory=dict)
    result_tokens: float = 0.0
    new_results: float = 0.0
    free: bool = False
    wrote: bool = False


@dataclass
class Accounts:
    """The accounts of one transcript; plain JSON values.

    ``bill``: tokens by ``day model`` (or ``day model long``): input, 5-minute writes, 1-hour writes, reads,
    output, and requests. ``placeholders``: answers whose output is estimated. ``uses``: how often a part was
    used. ``listed``: the tokens and characters of each part of the set-up, by the kind of text the client
    used to put it into the context. ``charged``: keys of the messages charged since they were last stored.
    ``stated``: the client's own latest total by model, and ``stated_money`` the value of ``money`` at that
    time. ``unrecorded``: by day, how much more its totals grew than the lines account for, in micro-dollars
    (negative if the totals left out lines). ``borrows``: whether another transcript was charged for any
    message; ``owns``: whether this one was for any. ``habits``: sums of what Claude does, by name;
    ``spreads``: sizes, by name.
    """

    chains: dict[str, ChainAccount] = field(default_factory=dict)
    bill: dict[str, list[int]] = field(default_factory=dict)
    money: float = 0.0
    placeholders: int = 0
    uses: dict[str, int] = field(default_factory=dict)
    listed: dict[str, dict[str, list[float]]] = field(default_factory=dict)
    habits: dict[str, float] = field(default_factory=dict)
    spreads: dict[str, Spread] = field(default_factory=dict)
    reads: list[int] = field(default_factory=list)
    stated: dict[str, list[int]] = field(default_factory=dict)
    stated_money: float = 0.0
    unrecorded: dict[str, float] = field(default_factory=dict)
    borrows: bool = False
    owns: bool = False
    charged: list[int] = field(default_factory=list)
    first_day: str = ""
    last_day: str = ""
    project: str = ""

    @classmethod
    def from_values(cls, values: dict[str, Any]) -> "Accounts":
        """Create the accounts from their JSON values."""
        values["chains"] = {
            key: ChainAccount(**{**chain, "cost": ContextCost(**chain["cost"])})
            for key, chain in values["chains"].items()
        }
        values["spreads"] = {key: Spread(**each) for key, each in values["spreads"].items()}
        return cls(**values)

    def add(self, name: str, amount: float = 1.0) -> None:
        """Add to one of the habit totals."""
        self.habits[name] = self.habits.get(name, 0.0) + amount

    def spread(self, name: str) -> Spread:
        """Return the size distribution with this name."""
        return self.spreads.setdefault(name, Spread())
