"""Interprets an engine's finish reason: a natural end, the length limit, or an incomplete answer."""

from typing import Any

from server.backends.base import FinishReason
from server.backends.wire import Garbled, excerpt

_NATURAL = frozenset(
    {"stop", "eos", "eos_token", "end_turn", "stop_sequence", "complete", "completed", "done"}
    | {"end_of_text", "finish_reason_stop", "tool_calls", "tool_call", "tool_use", "function_call"}
)
"""OpenAI, TGI, Anthropic, Cohere, Gemini and their imitators."""
_LENGTH = frozenset(
    {"length", "max_tokens", "model_length", "length_limit", "max_length", "max_output_tokens", "limit"}
    | {"model_context_window_exceeded", "finish_reason_max_tokens"}
)
"""OpenAI, Anthropic, Gemini, Mistral and others. DeepSeek and vLLM use ``length``."""


def finish_reason_of(value: object, *, ended: bool, tokens: int = 0, max_tokens: int = 0) -> FinishReason:
    """Return what a finish reason means.

    Some servers send no reason, an object with a ``type``, or the ID of a stop token. In that case the
    protocol's own end marker decides, and the token count shows whether the limit was reached.

    Args:
        value: the value from the JSON; None if missing.
        ended: whether the stream's end marker has arrived.
        tokens: number of tokens generated; 0 if unknown.
        max_tokens: the request's limit.

    Raises:
        Garbled: the engine stopped mid-answer, or the stream ended before the answer did.
    """
    word = _word(value)
    if word in _NATURAL:
        return "stop"
    if word in _LENGTH:
        return "length"
    if word:
        raise Garbled(f"an answer that it stopped itself (finish reason {excerpt(word, 40)})")
    if not ended:
        raise Garbled("only part of its answer and then ended")
    return "length" if 0 < max_tokens <= tokens else "stop"


def _word(value: object) -> str:
    if isinstance(value, dict):
        fields: dict[str, Any] = value
        value = fields.get("type")
    return value.strip().lower() if isinstance(value, str) else ""
