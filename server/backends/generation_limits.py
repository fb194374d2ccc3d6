"""Limits on every generation: the engine must have read the whole prompt, and the answer must end."""

import re
from collections.abc import Iterable

from server.backends.base import GenerationRequest, Message
from server.backends.wire import Garbled
from server.common.errors import PromptTooLong

# Possessive, and only at the start of a word: a long run without letters is scanned once, not per character.
_WORD = re.compile(r"(?<!\S)(?:(?!\s)[\W\d_])*+[^\W\d_]\S*+")

# The longest tokens in use are runs of about 128 blanks; a longer answer is not limited by max_tokens.
_CHARACTERS_PER_TOKEN = 256
_SLACK = 65_536


def minimum_tokens(messages: Iterable[Message]) -> int:
    """Return a lower bound for the number of tokens in the messages.

    Tokenizers split at white space first, so every word is at least one token.
    """
    return sum(len(_WORD.findall(message.content)) for message in messages)


def require_whole_prompt(request: GenerationRequest, prompt_tokens: int) -> None:
    """Check that ``prompt_tokens``, as counted by the engine, can be the whole prompt (0: not reported).

    Raises:
        PromptTooLong: the engine truncated the prompt without an error.
    """
    minimum = minimum_tokens(request.messages)
    if 0 < prompt_tokens < minimum:
        raise PromptTooLong(
            f"The engine read only {prompt_tokens:,} tokens of a prompt with at least {minimum:,}: it "
            "truncated the prompt without an error, so its answer was discarded.",
            "Pass less, or raise the model's context length in the engine.",
        )


def too_long(sent: int, limit: int) -> PromptTooLong:
    """Return the error for a prompt of ``sent`` tokens with a limit of ``limit`` (0 if unknown)."""
    if not sent or not limit:
        return PromptTooLong("The prompt does not fit in the model's context.", _LESS)
    return PromptTooLong(
        f"The prompt has {sent:,} tokens, {max(sent - limit, 1):,} more than the context of {limit:,} holds.",
        _LESS,
    )


_LESS = "Pass fewer or smaller files, or set a larger [backend] num_ctx if the model allows it."


class RunawayGuard:
    """Stops an answer that is far longer than requested, before it fills the memory."""

    def __init__(self, max_tokens: int) -> None:
        self._left = max_tokens * _CHARACTERS_PER_TOKEN + _SLACK

    def take(self, text: str) -> None:
        """Count ``text``.

        Raises:
            Garbled: the answer is longer than ``max_tokens`` tokens can be.
        """
        self._left -= len(text)
        if self._left < 0:
            raise Garbled("an answer far longer than requested")
