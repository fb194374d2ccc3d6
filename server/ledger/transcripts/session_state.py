"""State of one transcript between passes: plain values, stored as JSON."""

import json
from dataclasses import dataclass, field
from typing import Any

from server.ledger.accuracy import Accuracy
from server.ledger.transcripts.account_state import Accounts
from server.ledger.transcripts.followup import Followup

OFFLOADING = frozenset({"offload_work", "compress_context", "batch_offload"})
"""Tools whose calls are offloads. ``check_job`` only asks about an offload."""

# Layout of the stored state. Transcripts with an older layout are read again from the start.
VERSION = 7


@dataclass
class FollowedCall:
    """One of the app's calls. ``*_tokens`` are true sizes if ``*_measured`` is set, otherwise estimates.
    ``prompt_tokens`` is the size of the request that made the call. ``job`` is the batch the call started or
    asked about. ``requests`` counts the requests that sent the result in ``chain``; the first of them wrote
    it to the cache. ``gone``: a compaction removed the result from the context. ``borrowed``: a forked
    session repeats the call, and another transcript has it.
    """

    tool: str
    model: str
    prompt_tokens: int
    call_tokens: float
    result_tokens: float = 0.0
    call_measured: bool = False
    result_measured: bool = False
    answered: bool = False
    changed: bool = True
    job: str = ""
    chain: str = ""
    requests: int = 0
    gone: bool = False
    borrowed: bool = False
    offloads: list[Followup] = field(default_factory=list)


@dataclass
class Chain:
    """The current answer in the main conversation or one subagent, with its results: estimates by tool use id
    (0 for a result that was not sampled). ``tools`` holds the tool names, ``injected`` the estimate for the
    client's and the user's text since then.
    """

    message_id: str = ""
    model: str = ""
    prompt: int = 0
    output: int = 0
    estimate: float = 0.0
    texts: list[int] = field(default_factory=list)
    uses: dict[str, float] = field(default_factory=dict)
    tools: dict[str, str] = field(default_factory=dict)
    results: dict[str, float] = field(default_factory=dict)
    injected: float = 0.0
    thinking: bool = False
    other: bool = False
    borrowed: bool = False


@dataclass
class SessionState:
    """Everything known about one transcript. ``reads``: files that Claude read, with their tokens if the file
    was large and not edited later. ``broken``: the number of incomplete lines. ``requests``: by chain.
    """

    chains: dict[str, Chain] = field(default_factory=dict)
    calls: dict[str, FollowedCall] = field(default_factory=dict)
    waiting: dict[str, dict[str, Any]] = field(default_factory=dict)
    reads: dict[str, int] = field(default_factory=dict)
    seen: list[str] = field(default_factory=list)
    chances: dict[str, list[int]] = field(default_factory=dict)
    accuracy: dict[str, Accuracy] = field(default_factory=dict)
    accounts: Accounts = field(default_factory=Accounts)
    requests: dict[str, int] = field(default_factory=dict)
    answers: int = 0
    broken: int = 0

    def as_json(self) -> str:
        """Return the state as JSON."""
        return json.dumps({"version": VERSION, **vars(self)}, default=vars, separators=(",", ":"))

    @classmethod
    def from_json(cls, text: str) -> "SessionState | None":
        """Restore the state; None if it has a different layout."""
        values = json.loads(text)
        if values.pop("version", None) != VERSION:
            return None
        values["chains"] = {key: Chain(**chain) for key, chain in values["chains"].items()}
        values["accuracy"] = {key: Accuracy(**each) for key, each in values["accuracy"].items()}
        values["accounts"] = Accounts.from_values(values["accounts"])
        for key, call in values["calls"].items():
            offloads = [Followup(**each) for each in call.pop("offloads")]
            values["calls"][key] = FollowedCall(**call, offloads=offloads)
        return cls(**values)
