"""One round with the model: wait for a slot, stream the answer, see that the whole prompt was read."""

import time
from contextlib import aclosing
from dataclasses import dataclass

from server.backends.base import Completed, GenerationRequest, PromptProgress, TextDelta
from server.backends.engine import Engine
from server.errors import BackendFailed, PromptTooLong
from server.offload.progress import Progress
from server.offload.values import Generation, Prompt

LEAST_SHARE = 0.35
"""Share of an estimated prompt below which the engine must have cut it. Estimates are rather too high:
up to 2.6 times where a tokenizer joins digits."""
LEAST_COUNTED_SHARE = 0.9
"""The same where the engine counted the prompt itself; templates differ by a few tokens."""


@dataclass(frozen=True)
class Sampling:
    """How to sample, and who waits: settings of one offload that every round shares."""

    model: str
    temperature: float
    keep_alive: str | None
    client: str
    interactive: bool


async def generate(
    engine: Engine, prompt: Prompt, sampling: Sampling, progress: Progress
) -> tuple[Generation, float]:
    """Return the answer, and the seconds waited for a slot.

    Raises:
        BackendError: the engine failed, is gone, or cut the prompt.
        QueueFull: as many tasks wait as the queue holds.
    """
    progress.stage("queue")
    asked_at = time.monotonic()
    async with engine.slot(sampling.client, sampling.interactive):
        waited = time.monotonic() - asked_at
        loaded = {each.name for each in engine.view().loaded}
        progress.stage("prompt" if not loaded or sampling.model in loaded else "load", sampling.model)
        generation = await _stream(engine, prompt, sampling, progress)
    _require_whole_prompt(prompt, generation)
    return generation, waited


async def _stream(engine: Engine, prompt: Prompt, sampling: Sampling, progress: Progress) -> Generation:
    request = GenerationRequest(
        model=sampling.model,
        messages=prompt.messages,
        num_ctx=prompt.num_ctx,
        max_tokens=prompt.max_tokens,
        temperature=sampling.temperature,
        keep_alive=sampling.keep_alive,
    )
    texts: list[str] = []
    thoughts: list[str] = []
    first_at = 0.0
    count = 0
    async with aclosing(engine.generate(request)) as items:
        async for item in items:
            match item:
                case PromptProgress(processed=processed, total=total):
                    progress.say(f"prompt: {processed:,} of {total:,} tokens")
                case TextDelta(text=text, thinking=thinking):
                    if not first_at:
                        first_at = time.monotonic()
                        progress.stage("generate", sampling.model)
                    count += 1
                    rate = count / max(time.monotonic() - first_at, 0.05)
                    (thoughts if thinking else texts).append(text)
                    progress.text("" if thinking else text, count, rate)
                case Completed() as end:
                    rate = end.completion_tokens / end.generate_seconds if end.generate_seconds else 0.0
                    progress.text("", end.completion_tokens or count, rate, last=True)
                    return _generation(texts, thoughts, end)
    raise BackendFailed(
        "The engine ended its answer without saying so.", "Try again; look at the engine's log."
    )


def _generation(texts: list[str], thoughts: list[str], end: Completed) -> Generation:
    return Generation(
        text="".join(texts),
        thinking="".join(thoughts),
        finish_reason=end.finish_reason,
        prompt_tokens=end.prompt_tokens,
        completion_tokens=end.completion_tokens,
        load_seconds=end.load_seconds,
        prompt_seconds=end.prompt_seconds,
        generate_seconds=end.generate_seconds,
    )


def _require_whole_prompt(prompt: Prompt, generation: Generation) -> None:
    """Refuse an answer to a prompt that the engine cut in silence.

    Raises:
        PromptTooLong: it read far fewer tokens than were sent.
    """
    least = prompt.prompt_tokens * (LEAST_COUNTED_SHARE if prompt.counted else LEAST_SHARE)
    if 0 < generation.prompt_tokens < least - 16:
        raise PromptTooLong(
            f"The engine read {generation.prompt_tokens:,} tokens of a prompt of about "
            f"{prompt.prompt_tokens:,}: it cut the rest in silence, so its answer was thrown away.",
            "Pass less, or raise the model's context length in the engine.",
        )
