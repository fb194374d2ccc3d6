"""One transcript's contribution to the reports, stored as JSON with its progress."""

import json
from dataclasses import dataclass, field
from typing import Any

from server.ledger.accuracy import Accuracy
from server.ledger.spread import Spread
from server.ledger.transcripts.accounts import Accountant
from server.ledger.transcripts.missed import READ_FILE
from server.ledger.transcripts.session_state import OFFLOADING, SessionState


@dataclass(frozen=True)
class PartCost:
    """One part of the context in one transcript: its size when the client listed it (estimated tokens, and
    characters), the same ``fitted`` to the size of the first request, the tokens that entered, its cost in
    micro-dollars, and the number of uses."""

    listed: float = 0.0
    characters: int = 0
    entered: float = 0.0
    money: float = 0.0
    uses: int = 0
    fitted: float = 0.0


@dataclass(frozen=True)
class Summary:
    """One transcript's figures for the reports.

    ``our_calls``: calls to this server. ``unmatched``: calls missing from the history. ``answers``: Claude's
    answers. ``broken``: incomplete lines. ``chances``: missed savings by kind (count, tokens). ``accuracy``:
    estimates and true counts by family. ``bill``: as in ``Accounts``; ``money`` is its sum in micro-dollars,
    at the prices of the table dated ``priced``. ``parts``: by part of the context. ``first_day``,
    ``last_day``: local days. ``side``: a subagent's transcript. ``session``: the session it belongs to.
    ``unrecorded``: by day, how much the client's own total exceeds the lines of this transcript, including
    the cost of its subagents (``bill.unrecorded_money``).
    """

    our_calls: int = 0
    unmatched: int = 0
    answers: int = 0
    broken: int = 0
    chances: dict[str, list[int]] = field(default_factory=dict)
    accuracy: dict[str, Accuracy] = field(default_factory=dict)
    bill: dict[str, list[int]] = field(default_factory=dict)
    money: float = 0.0
    priced: str = ""
    placeholders: int = 0
    parts: dict[str, PartCost] = field(default_factory=dict)
    habits: dict[str, float] = field(default_factory=dict)
    spreads: dict[str, Spread] = field(default_factory=dict)
    first_day: str = ""
    last_day: str = ""
    project: str = ""
    side: bool = False
    session: str = ""
    unrecorded: dict[str, float] = field(default_factory=dict)

    def as_json(self) -> str:
        """Return the summary as JSON."""
        return json.dumps(vars(self), default=vars, separators=(",", ":"))

    @classmethod
    def from_json(cls, text: str) -> "Summary":
        """Return the summary. Fields missing from older versions are empty."""
        values: dict[str, Any] = json.loads(text)
        values["accuracy"] = {key: Accuracy(**each) for key, each in values.get("accuracy", {}).items()}
        values["parts"] = {key: PartCost(**each) for key, each in values.get("parts", {}).items()}
        values["spreads"] = {key: Spread(**each) for key, each in values.get("spreads", {}).items()}
        return cls(**values)


def summarise(state: SessionState, accountant: Accountant, priced: str, session: str = "") -> Summary:
    """Return the figures that the reports add up."""
    large = [tokens for tokens in state.reads.values() if tokens]
    chances = dict(state.chances)
    if large:
        chances[READ_FILE] = [len(large), sum(large)]
    ours = [call for call in state.calls.values() if call.tool in OFFLOADING and not call.borrowed]
    accounts = state.accounts
    money, whole = accountant.money()
    return Summary(
        our_calls=len(ours),
        unmatched=sum(call.answered and not call.offloads for call in ours),
        answers=state.answers,
        broken=state.broken,
        chances=chances,
        accuracy=state.accuracy,
        bill=accountant.bill(),
        money=whole,
        priced=priced,
        placeholders=accounts.placeholders,
        parts=_parts(state, money),
        habits=accounts.habits,
        spreads=accounts.spreads,
        first_day=accounts.first_day,
        last_day=accounts.last_day,
        project=accounts.project,
        side="" not in accounts.chains,
        session=session,
        unrecorded=accounts.unrecorded,
    )


def _parts(state: SessionState, money: dict[str, float]) -> dict[str, PartCost]:
    accounts = state.accounts
    entered: dict[str, float] = {}
    for chain in accounts.chains.values():
        for part, tokens in chain.cost.entered.items():
            entered[part] = entered.get(part, 0.0) + tokens
    fitted = accounts.chains[""].cost.fitted if "" in accounts.chains else {}
    names = {*money, *accounts.listed, *accounts.uses}
    return {
        name: PartCost(
            round(sum(size[0] for size in accounts.listed.get(name, {}).values()), 1),
            round(sum(size[1] for size in accounts.listed.get(name, {}).values())),
            round(entered.get(name, 0.0), 1),
            round(money.get(name, 0.0), 2),
            accounts.uses.get(name, 0),
            round(fitted.get(name, 0.0), 1),
        )
        for name in sorted(names)
    }
