"""Short forms of requests to an engine."""

from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Any

from server.backends.base import Completed, GenerationItem, GenerationRequest, Message, TextDelta
from server.config.sections import BackendSettings, OffloadSettings
from server.config.settings import Settings


def settings(queue_limit: int = 512, **backend: Any) -> Settings:
    """Return settings with time limits for a busy machine; a test of a limit sets its own."""
    plain = Settings(backend=BackendSettings(**{"connect_timeout": 60.0, "silence_timeout": 60.0, **backend}))
    return plain.model_copy(update={"offload": OffloadSettings(queue_limit=queue_limit)})


def request(
    prompt: str = "hello", model: str = "qwen2.5-coder:0.5b", *, num_ctx: int = 4096, max_tokens: int = 256
) -> GenerationRequest:
    """Return a request of one message."""
    return GenerationRequest(model, (Message("user", prompt),), num_ctx, max_tokens, temperature=0, seed=7)


async def collect(items: AsyncGenerator[GenerationItem, None]) -> tuple[str, str, Completed]:
    """Return the answer, the thoughts and the end of one generation."""
    text, thoughts, end = "", "", None
    async with aclosing(items):
        async for item in items:
            assert end is None, "nothing comes after Completed"
            if isinstance(item, TextDelta) and item.thinking:
                thoughts += item.text
            elif isinstance(item, TextDelta):
                text += item.text
            elif isinstance(item, Completed):
                end = item
    assert end is not None
    return text, thoughts, end
