"""Limits on every generation: the engine must read the whole prompt, keep making progress, and stop."""

import re
import time
from collections.abc import Iterable

from server.backends.base import GenerationRequest, Message
from server.backends.wire import Garbled
from server.common.errors import PromptTooLong

# Possessive, and only at the start of a word: a long run without letters is scanned once, not per character.
_WORD = re.compile(r"(?<!\S)(?:(?!\s)[\W\d_])*+[^\W\d_]\S*+")

# The longest tokens in use are runs of about 128 spaces. A longer answer is not limited by max_tokens.
_CHARACTERS_PER_TOKEN = 256
_SLACK = 65_536

_MOST_CHARACTERS = 8
"""Maximum average number of characters per token in a prompt. Code and prose have about four."""
_FULL = 0.9
"""Minimum fraction of the context that a truncated prompt fills."""


def minimum_tokens(messages: Iterable[Message]) -> int:
    """Return a lower bound for the number of tokens in the messages.

    Tokenizers split on whitespace first, so every word is at least one token.
    """
    return sum(len(_WORD.findall(message.content)) for message in messages)


class PromptCounts:
    """Interprets the prompt token counts reported by one engine.

    Some engines count only tokens that were not in their cache (Ollama 0.30, some gateways), so a small count
    alone does not mean that the prompt was truncated.
    """

    def __init__(self) -> None:
        self._seen_whole: set[str] = set()

    def whole(self, request: GenerationRequest, count: int, cached: int = 0) -> int:
        """Return the number of tokens in the whole prompt; 0 if unknown because the engine did not count
        cached tokens.

        Args:
            request: the request that was answered.
            count: the number that the engine reported; 0 if it reported none.
            cached: the reported number of cached tokens, which ``count`` may include.

        Raises:
            PromptTooLong: the engine silently truncated the prompt. Once the engine has counted a whole
            prompt for the model, this is checked only if the count fills the context.
        """
        total = count + cached if 0 < count < cached else count
        minimum = minimum_tokens(request.messages)
        if total >= max(minimum, _characters(request.messages) // _MOST_CHARACTERS):
            self._seen_whole.add(request.model)
            return total
        if 0 < total < minimum and total + cached < minimum:
            fills = total >= _FULL * request.num_ctx
            if fills or request.model not in self._seen_whole:
                raise _truncated(total, minimum)
        return 0 if request.model in self._seen_whole else total


def too_long(sent: int, limit: int) -> PromptTooLong:
    """Return the error for a prompt of ``sent`` tokens with a limit of ``limit`` (0 if unknown)."""
    if not sent or not limit:
        return PromptTooLong("The prompt does not fit in the model's context.", _LESS)
    return PromptTooLong(
        f"The prompt has {sent:,} tokens, {max(sent - limit, 1):,} more than fit in the context of "
        f"{limit:,}.",
        _LESS,
    )


_LESS = "Pass fewer or smaller files, or set a larger [backend] num_ctx if the model allows it."


class RunawayGuard:
    """Stops an answer that is far longer than requested before it fills up memory."""

    def __init__(self, max_tokens: int) -> None:
        self._left = max_tokens * _CHARACTERS_PER_TOKEN + _SLACK

    def take(self, text: str) -> None:
        """Count the characters of ``text``.

        Raises:
            Garbled: the answer is longer than ``max_tokens`` tokens could possibly be.
        """
        self._left -= len(text)
        if self._left < 0:
            raise Garbled("an answer far longer than requested")


class StallGuard:
    """Aborts an answer that continues without progress, for example with nothing but keep-alive comments.

    Args:
        seconds: the longest time allowed without progress.
    """

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._progress = 0
        self._since = time.monotonic()

    def note(self, progress: int) -> None:
        """Record the current progress, a number that never decreases."""
        if progress > self._progress:
            self._progress = progress
            self._since = time.monotonic()

    def check(self) -> None:
        """Check that there has been progress recently.

        Raises:
            Garbled: there was no progress.
        """
        if time.monotonic() - self._since > self._seconds:
            raise Garbled(f"no text for {self._seconds:g} s, but kept the connection open")


def _characters(messages: Iterable[Message]) -> int:
    return sum(len(message.content) for message in messages)


def _truncated(count: int, minimum: int) -> PromptTooLong:
    return PromptTooLong(
        f"The engine read only {count:,} tokens of a prompt with at least {minimum:,}. It truncated the "
        "prompt without an error, so its answer was discarded.",
        "Pass less text, or raise the model's context length in the engine.",
    )
