"""Cost of a conversation, counted from the real requests of Claude Code."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

from server.ledger.prices import Price
from server.ledger.tokens import Family, estimate_call, estimate_definition, estimate_result, estimate_tokens
from tests.standins.messages import Text, Turn

FAMILY: Family = "B"


@dataclass(frozen=True)
class Cost:
    """Tokens of one conversation: written by Claude, new in its context, and read again from the cache.

    Everything before the chore's first turn (Claude Code's prompt, the definitions of all tools) counts as
    cached, because a session has many chores. ``opening`` is its size, which shows a server's share.
    """

    output: int = 0
    new: int = 0
    cached: int = 0
    opening: int = 0

    def __add__(self, other: "Cost") -> "Cost":
        return Cost(
            self.output + other.output,
            self.new + other.new,
            self.cached + other.cached,
            self.opening + other.opening,
        )

    def microusd(self, price: Price) -> float:
        """Return the cost in micro-dollars."""
        tokens = self.output * price.output + self.new * price.cache_write + self.cached * price.cache_read
        return float(tokens)


@dataclass(frozen=True)
class Spent:
    """The cost of a chore: Claude's own, and a sub-agent's at the prices of its model."""

    main: Cost = Cost()
    side: Cost = Cost()
    side_price: Price | None = None

    def __add__(self, other: "Spent") -> "Spent":
        price = self.side_price or other.side_price
        return Spent(self.main + other.main, self.side + other.side, price)

    def microusd(self, price: Price) -> float:
        """Return the cost in micro-dollars; ``price`` is that of Claude's own model."""
        own = self.main.microusd(price)
        return own + (self.side.microusd(self.side_price) if self.side_price is not None else 0.0)


def count(requests: Sequence[dict[str, Any]], last: Turn) -> Cost:
    """Count a conversation from the bodies sent to ``/v1/messages``, and the turn that ended it."""
    turns: dict[int, dict[str, Any]] = {}
    for request in requests:
        if request.get("tools"):
            turns.setdefault(sum(each["role"] == "assistant" for each in request["messages"]), request)
    first = next(iter(turns.values()))
    prefix = sum(_definition(json.dumps(tool)) for tool in first["tools"]) + _text(str(first["system"]))
    sizes = [prefix + sum(_message(message) for message in turn["messages"]) for turn in turns.values()]
    said = [message for message in [*turns.values()][-1]["messages"] if message["role"] == "assistant"]
    end = sum(estimate_tokens(block.text, FAMILY) for block in last if isinstance(block, Text))
    return Cost(
        output=sum(_message(message) for message in said) + round(end),
        new=sizes[-1] - sizes[0],
        cached=sizes[0] + sum(sizes[:-1]),
        opening=sizes[0],
    )


def _message(message: dict[str, Any]) -> int:
    content = message["content"]
    blocks = [{"type": "text", "text": content}] if isinstance(content, str) else content
    return round(sum(_block(json.dumps(block, sort_keys=True)) for block in blocks))


@cache
def _block(raw: str) -> float:
    block = json.loads(raw)
    if block["type"] == "tool_use":
        return estimate_call(block["input"], FAMILY)
    if block["type"] == "tool_result":
        content = block.get("content", "")
        text = content if isinstance(content, str) else "".join(part.get("text", "") for part in content)
        return estimate_result(text, FAMILY, bool(block.get("is_error")))
    return estimate_tokens(str(block.get("text", "")), FAMILY)


@cache
def _text(text: str) -> int:
    return round(estimate_tokens(text, FAMILY))


@cache
def _definition(raw: str) -> int:
    return round(estimate_definition(json.loads(raw), FAMILY))
