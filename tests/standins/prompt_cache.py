"""Token counts of requests as the Messages API reports them: read from the prompt cache, written to it, sent.

A prompt is a row of blocks: tools, system prompt, then the blocks of each message. The blocks that an earlier
request of the same model has sent in the same order are read; the others are written, and each request
decides for how long. A block has the tokens of its text, and a call or a result those that the API adds.
"""

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any, NamedTuple

RESULT_FRAMING = 6
CALL_FRAMING = 22
PARAMETER_FRAMING = 25
"""Tokens that the API adds to a tool's result, to a call, and to each of its parameters, with its name
(``tests/data/calibration.csv.gz``)."""

Counter = Callable[[str], int]
"""Counts the tokens of a text."""


def by_characters(text: str) -> int:
    """Return one token for every four characters."""
    return max(1, len(text) // 4)


class Block(NamedTuple):
    """What the model reads of one block, and the tokens that the API adds to it."""

    text: str
    framing: int = 0


@dataclass
class PromptCache:
    """A prompt cache for one API.

    Args:
        count: counts the tokens of a text.
        hour_share: the share of a request's written tokens that are kept for 1 hour, by the request's number.
        cold: numbers of the requests that find nothing in the cache.
    """

    count: Counter = by_characters
    hour_share: Callable[[int], float] = lambda _: 0.0
    cold: frozenset[int] = frozenset()
    _seen: dict[str, set[str]] = field(default_factory=dict)

    def size(self, block: Block) -> int:
        """Return the tokens of a block."""
        return self.count(block.text) + block.framing

    def usage(self, request: dict[str, Any], number: int) -> dict[str, Any]:
        """Return the usage of a request's prompt, and remember its blocks."""
        seen = self._seen.setdefault(str(request.get("model")), set())
        read = written = 0
        prefix = ""
        for block in blocks_of(request):
            prefix = str(hash((prefix, block)))
            if prefix in seen and number not in self.cold:
                read += self.size(block)
            else:
                written += self.size(block)
            seen.add(prefix)
        hour = round(written * self.hour_share(number))
        return {
            "input_tokens": 3,
            "cache_creation_input_tokens": written,
            "cache_read_input_tokens": read,
            "cache_creation": {
                "ephemeral_1h_input_tokens": hour,
                "ephemeral_5m_input_tokens": written - hour,
            },
        }


def blocks_of(request: dict[str, Any]) -> Iterator[Block]:
    """Yield the blocks of a prompt, without their marks for the cache."""
    for tool in request.get("tools") or ():
        yield _plain(tool)
    yield from _content(request.get("system"))
    for message in request["messages"]:
        yield from _content(message["content"])


def _content(content: Any) -> Iterator[Block]:
    for block in [content] if isinstance(content, str) else content or ():
        yield Block(block) if isinstance(block, str) else _plain(block)


def _plain(block: dict[str, Any]) -> Block:
    kind = block.get("type")
    if kind == "text":
        return Block(str(block["text"]))
    if kind == "tool_use":
        values = [each if isinstance(each, str) else json.dumps(each) for each in block["input"].values()]
        return Block("\n".join(values), CALL_FRAMING + PARAMETER_FRAMING * len(values))
    if kind == "tool_result":
        texts = (each.text for each in _content(block.get("content")))
        return Block("\n".join(texts), RESULT_FRAMING)
    return Block(json.dumps({key: value for key, value in block.items() if key != "cache_control"}))
