"""A dry run of digests over Claude Code's transcripts, estimating the savings by kind.

Each token of a result is paid for when it enters the context, and again with every later request in the
session until the client compacts the context. A result is considered a loss if the transcript shows that
Claude ran the same command or read the same file again without an edit in between. From then on, results of
this kind are no longer digested in that project.
"""

import json
import re
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from decimal import Decimal
from pathlib import Path
from typing import Any

from server.digests.engine import find_facts
from server.ledger.prices import Prices
from server.ledger.tokens import Family, family_of
from server.ledger.transcripts.context_cost import request_money
from server.ledger.transcripts.parse import blocks_of, usage_of
from server.ledger.transcripts.reader import find_transcripts, new_lines
from server.tool_results.digester import (
    LEAST_TOKENS,
    cost_of,
    fitting_digest,
    spares_enough,
    states_facts,
    tokens_of,
)
from server.tool_results.losses import facts_key, source_key
from server.tool_results.passing import Form, form_of
from server.tool_results.result import ToolResult, parse_event

LEAST_CHARACTERS = 4_000
"""Minimum length for a result to be examined (characters)."""
_TELLING = re.compile(rb'"type"\s*:\s*"(?:user|assistant)"')
_EDITS = frozenset({"Edit", "MultiEdit", "Write", "NotebookEdit"})

Progress = Callable[[int, int], None]
"""Called with the number of transcripts read so far and the total."""


@dataclass(frozen=True)
class KindEstimate:
    """Estimated savings by digests of one kind. Tokens are net of the digests; money is in micro-dollars."""

    kind: str
    results: int = 0
    losses: int = 0
    net_tokens: int = 0
    net_microusd: int = 0


@dataclass(frozen=True)
class DryRun:
    """The estimates by kind, largest first; the bill for the same sessions in micro-dollars; and the number
    of large results that would have passed through unchanged, by reason.
    """

    kinds: tuple[KindEstimate, ...]
    bill_microusd: int
    sessions: int
    passed: tuple[tuple[str, int], ...]

    @property
    def net_microusd(self) -> int:
        """The total that all kinds would have saved (micro-dollars)."""
        return sum(kind.net_microusd for kind in self.kinds)

    @property
    def share(self) -> float:
        """The share of the bill that all kinds would have saved."""
        return self.net_microusd / self.bill_microusd if self.bill_microusd else 0.0


def dry_run(
    folder: Path, prices: Prices, since: float = 0.0, progress: Progress = lambda _done, _all: None
) -> DryRun:
    """Read the transcripts in ``folder`` modified since ``since`` (seconds since the epoch). Blocks."""
    transcripts = [each for each in find_transcripts(folder) if each.mtime_ns >= since * 1e9]
    run = _Run(prices)
    for number, transcript in enumerate(transcripts):
        progress(number, len(transcripts))
        run.read(transcript.path)
    progress(len(transcripts), len(transcripts))
    kinds = sorted(run.kinds.values(), key=lambda kind: -kind.net_microusd)
    return DryRun(tuple(kinds), round(run.bill), run.sessions, tuple(run.passed.most_common()))


@dataclass
class _Candidate:
    """A result that would have been digested, and the request that it followed."""

    result: ToolResult
    kind: str
    facts: str
    shown: int
    digest: int
    request: int
    lost: bool = False


@dataclass
class _Chain:
    """A conversation: the usage of its requests by message, calls awaiting their result, and candidates."""

    usage: dict[str, tuple[str, dict[str, Any]]] = field(default_factory=dict)
    uses: dict[str, dict[str, Any]] = field(default_factory=dict)
    recent: list[_Candidate] = field(default_factory=list)
    open: list[_Candidate] = field(default_factory=list)


class _Run:
    def __init__(self, prices: Prices) -> None:
        self.kinds: dict[str, KindEstimate] = {}
        self.passed: Counter[str] = Counter()
        self.bill = 0.0
        self.sessions = 0
        self._prices = prices
        self._left_alone: set[tuple[str, str]] = set()

    def read(self, path: Path) -> None:
        """Read one transcript, skipping unreadable files and lines."""
        chains: dict[str, _Chain] = {}
        for record in _records(path):
            chain = chains.setdefault(str(record.get("agentId") or record.get("isSidechain") or ""), _Chain())
            if record["type"] == "assistant":
                self._take_answer(chain, record["message"])
            elif record.get("isCompactSummary"):
                self._settle(chain)
            else:
                self._take_results(chain, record, path)
        for chain in chains.values():
            self._settle(chain)
            self._add_bill(chain)
        self.sessions += bool(chains)

    def _take_answer(self, chain: _Chain, message: dict[str, Any]) -> None:
        if message.get("id") and isinstance(message.get("usage"), dict):
            chain.usage[str(message["id"])] = str(message.get("model", "")), message["usage"]
        for block in blocks_of(message):
            if block.get("type") == "tool_use" and isinstance(block.get("input"), dict):
                chain.uses[str(block.get("id"))] = block
                if block.get("name") in _EDITS:
                    chain.recent.clear()

    def _take_results(self, chain: _Chain, record: dict[str, Any], path: Path) -> None:
        for block in blocks_of(record["message"]):
            use = chain.uses.pop(str(block.get("tool_use_id")), None)
            if use is None or block.get("is_error"):
                continue
            result = _result(record, use, block, path)
            if result is None or len(result.text) < LEAST_CHARACTERS:
                continue
            family = family_of(next(reversed(chain.usage.values()), ("", {}))[0])
            if (found := self._judge(chain, result, family)) is not None:
                chain.recent.append(found)
                chain.open.append(found)

    def _judge(self, chain: _Chain, result: ToolResult, family: Family) -> _Candidate | None:
        whole = tokens_of(result.text, family)
        if whole < LEAST_TOKENS:
            return None
        form = form_of(result)
        reason = form.reason or self._loss(chain, result, form)
        if not reason and (form.kind, str(result.project)) in self._left_alone:
            reason = "digests stopped after a loss"
        made = None
        if not reason:
            found = find_facts(result.text, command=form.command, name=form.name)
            made = fitting_digest(found, whole, family)
        if made is not None and not states_facts(made):
            reason = "text of an unknown kind"
        digest = cost_of(made.text, family) if made is not None else 0
        if not reason and not spares_enough(digest, whole):
            reason = "a digest would not save half"
        if made is None or reason:
            self.passed[reason] += 1
            return None
        shown = tokens_of(result.shown(), family)
        facts = facts_key(made.text)
        return _Candidate(result, form.kind, facts, shown, digest, len(chain.usage))

    def _loss(self, chain: _Chain, result: ToolResult, form: Form) -> str:
        """Record the loss this result reveals, if any. Return any reason to leave the result unchanged."""
        key = source_key(result)
        for each in chain.recent:
            if source_key(each.result) == key and not each.lost:
                each.lost = True
                self._left_alone.add((form.kind, str(result.project)))
                return "Claude came back for it"
        return ""

    def _settle(self, chain: _Chain) -> None:
        """Add the candidates to the estimates, because their context ends here."""
        models = [model for model, _ in chain.usage.values()]
        for each in chain.open:
            rides = len(chain.usage) - each.request
            price = self._prices.find(models[min(each.request, len(models) - 1)] if models else "")
            a_token = price.cache_write + price.cache_read * max(rides - 1, 0) if rides > 0 else Decimal(0)
            tokens = -each.digest if each.lost else each.shown - each.digest
            before = self.kinds.get(each.kind, KindEstimate(each.kind))
            self.kinds[each.kind] = replace(
                before,
                results=before.results + 1,
                losses=before.losses + each.lost,
                net_tokens=before.net_tokens + tokens,
                net_microusd=before.net_microusd + round(tokens * a_token),
            )
        chain.open.clear()
        chain.recent.clear()

    def _add_bill(self, chain: _Chain) -> None:
        for model, counts in chain.usage.values():
            usage, price = usage_of(counts), self._prices.find(model)
            self.bill += request_money(usage, price) + usage.output * float(price.output)


def _result(
    record: dict[str, Any], use: dict[str, Any], block: dict[str, Any], path: Path
) -> ToolResult | None:
    """Return the result in the form the hook would have received."""
    response = record.get("toolUseResult")
    if str(use.get("name")).startswith("mcp__") or response is None:
        response = block.get("content")
    event = {
        "tool_name": use.get("name"),
        "tool_input": use["input"],
        "tool_response": response,
        "cwd": record.get("cwd") or str(path.parent),
        "session_id": str(record.get("sessionId")),
        "tool_use_id": str(use.get("id")),
        "transcript_path": str(path),
    }
    return parse_event(json.dumps(event).encode(), "")


def _records(path: Path) -> Iterator[dict[str, Any]]:
    try:
        for _, line in new_lines(path, 0):
            if not _TELLING.search(line):
                continue
            try:
                record = json.loads(line)
            except (ValueError, RecursionError):
                continue  # cut off, or of a newer format
            known = isinstance(record, dict) and record.get("type") in ("user", "assistant")
            if known and isinstance(record.get("message"), dict):
                yield record
    except OSError:
        return  # deleted in the meantime, or without permission to read
