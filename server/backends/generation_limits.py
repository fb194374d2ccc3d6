"""Two checks on every generation: that the engine read the whole prompt, and that it ends some day."""

import re
from collections.abc import Iterable

from server.backends.base import GenerationRequest, Message
from server.backends.wire import Garbled
from server.common.errors import PromptTooLong

# Possessive, and only where a word begins: a long run without a letter is read once, not from each character.
_WORD = re.compile(r"(?<!\S)(?:(?!\s)[\W\d_])*+[^\W\d_]\S*+")

# The longest tokens in use are runs of some 128 blanks; an answer beyond this is not bounded by max_tokens.
_CHARACTERS_PER_TOKEN = 256
_SLACK = 65_536


def fewest_tokens(messages: Iterable[Message]) -> int:
    """Return a number of tokens that the messages have at least.

    Tokenizers split at white space before anything else, so that every word is a token or more.
    """
    return sum(len(_WORD.findall(message.content)) for message in messages)


def require_whole_prompt(request: GenerationRequest, prompt_tokens: int) -> None:
    """Return when ``prompt_tokens``, as the engine counted them, can be the whole prompt (0: not told).

    Raises:
        PromptTooLong: the engine cut the prompt without saying so.
    """
    fewest = fewest_tokens(request.messages)
    if 0 < prompt_tokens < fewest:
        raise PromptTooLong(
            f"The engine read only {prompt_tokens:,} tokens of a prompt that has at least {fewest:,}: "
            "it cut the rest in silence, so its answer was thrown away.",
            "Pass less, or raise the model's context length in the engine.",
        )


def too_long(sent: int, limit: int) -> PromptTooLong:
    """Return the error for a prompt of ``sent`` tokens where ``limit`` fit (0 where unknown)."""
    if not sent or not limit:
        return PromptTooLong("The prompt does not fit the model's context.", _LESS)
    return PromptTooLong(
        f"The prompt has {sent:,} tokens, {max(sent - limit, 1):,} more than the context of {limit:,} holds.",
        _LESS,
    )


_LESS = "Pass fewer or smaller files, or set a larger [backend] num_ctx if the model allows it."


class RunawayGuard:
    """Ends an answer that goes far beyond the tokens asked for, so that no engine fills the memory."""

    def __init__(self, max_tokens: int) -> None:
        self._left = max_tokens * _CHARACTERS_PER_TOKEN + _SLACK

    def take(self, text: str) -> None:
        """Count ``text``.

        Raises:
            Garbled: the answer is longer than ``max_tokens`` can be.
        """
        self._left -= len(text)
        if self._left < 0:
            raise Garbled("an answer far longer than it was asked for")
