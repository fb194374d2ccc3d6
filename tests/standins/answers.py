"""Answers of a stand-in's model by prompt, with their timing."""

import asyncio
import re
import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

_PIECE = re.compile(r" ?\w+|\s+|[^\w\s]")
_TEMPLATE_TOKENS = 24
_MESSAGE_TOKENS = 5


@dataclass(frozen=True)
class Answer:
    """One answer. ``delay`` is seconds before each piece, ``first_delay`` before the first one; the last one
    waits until ``held``, if that is given, is set.

    ``ends`` is how: ``stop`` (as it should), ``broken`` (the connection drops after the last piece),
    ``early`` (the stream ends without its last line), ``half`` (in the middle of a line), ``garbage``
    (a line that is not JSON), ``utf8`` (bytes that are not UTF-8), ``long`` (a line without end),
    ``error`` (the engine reports an error), ``endless`` (it never stops).
    ``reason`` is the finish reason of an answer that ends as it should.
    ``prompt_tokens`` overrides the count, as an engine that cuts in silence would.
    """

    text: str = "Hello!"
    thinking: str = ""
    delay: float = 0.0
    first_delay: float = 0.0
    ends: str = "stop"
    prompt_tokens: int | None = None
    tokens: tuple[str, ...] = ()
    held: threading.Event | None = None
    reason: Any = "stop"

    @property
    def pieces(self) -> list[str]:
        """The text token by token: ``tokens``, or ``text`` split by the stand-ins' tokenizer."""
        return list(self.tokens) or _PIECE.findall(self.text)

    async def before(self, number: int, pieces: int) -> None:
        """Wait before a piece; ``number`` counts from 0."""
        await asyncio.sleep(self.delay)
        while self.held is not None and number == pieces - 1 and not self.held.is_set():
            await asyncio.sleep(0.02)


def without_end(delay: float = 0.05) -> Answer:
    """Return an answer that takes minutes and whose last piece never comes. All words differ, because a
    repetitive answer would be stopped."""
    words = " ".join(f"word{number}" for number in range(4000))
    return Answer(words, delay=delay, held=threading.Event())


Choose = Callable[[str, dict[str, Any]], Answer | None]


class Answers:
    """Chooses the answer to a prompt: the first rule that fits, newest first, else ``default``."""

    def __init__(self) -> None:
        self.default = Answer()
        self._rules: list[Choose] = []

    def when(self, part: str, answer: Answer | str) -> None:
        """Give ``answer`` to every prompt that contains ``part``."""
        given = Answer(answer) if isinstance(answer, str) else answer
        self._rules.insert(0, lambda prompt, _: given if part in prompt else None)

    def choose(self, rule: Choose) -> None:
        """Add a rule that is called with the prompt (all messages, joined) and the request's body."""
        self._rules.insert(0, rule)

    def to(self, body: dict[str, Any]) -> Answer:
        """Return the answer to a chat request."""
        prompt = prompt_of(body)
        return next((answer for rule in self._rules if (answer := rule(prompt, body))), self.default)


def prompt_of(body: dict[str, Any]) -> str:
    """Return the text of all messages, joined by line breaks."""
    return "\n".join(str(message.get("content", "")) for message in body.get("messages") or [])


def count_tokens(messages: list[dict[str, Any]]) -> int:
    """Return the number of tokens in the messages, by the stand-ins' tokenizer."""
    texts = [str(message.get("content", "")) for message in messages]
    return _TEMPLATE_TOKENS + sum(_MESSAGE_TOKENS + len(_PIECE.findall(text)) for text in texts)
