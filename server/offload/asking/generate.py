"""A single generation: wait for a slot, stream the answer, verify that the engine read the whole prompt."""

import time
from collections.abc import Callable
from contextlib import aclosing
from dataclasses import dataclass, replace

from server.backends.base import Completed, GenerationRequest, PromptProgress, TextDelta
from server.common.errors import BackendFailed, PromptTooLong
from server.engine.engine import Engine
from server.offload.run.progress import Progress
from server.offload.values import Generation, Prompt

LEAST_SHARE = 0.35
"""Share of the estimated prompt tokens below which the engine must have cut the prompt. Estimates run high:
up to 2.6 times the true count for tokenizers that merge digits.
"""
LEAST_COUNTED_SHARE = 0.9
"""The same share for prompts that the engine counted itself. Templates differ by a few tokens."""
WARMER_EACH_ROUND, WARMEST = 0.3, 1.0
SAMPLE_TEMPERATURE = 0.7
"""Temperature for samples that are compared with each other. At 0.2 a small model repeats its mistake."""
REPEATING = "repeating"
"""Finish reason for an answer stopped because it was repeating itself."""
COPYING = "copying"
"""Finish reason for an answer stopped because it copied the file instead of editing it."""
ENOUGH = "enough"
"""Finish reason for an answer stopped because the rest of it would add nothing."""
EDIT_MARK = "<<<<<"
"""The shortest start of an edit's first line that is read in answers; prompts show a longer one."""
COPIED = 1_500
"""Number of characters copied from the prompt before the first edit that stop an answer of edits. A whole
copy would not fit in the token limit anyway.
"""
WATCHED, LONGEST_CIRCLE = 3_000, 1_000
"""Number of characters at the end of an answer that are searched for a loop, and the longest loop period: a
small model also repeats whole functions. The searched text then holds at least three repetitions. Of 8,600
source files and documents, only a table of zeros does. A looping small model runs until its token limit,
which takes minutes on a CPU.
"""
SHORT_WATCHED, SHORT_CIRCLE = 600, 20
"""The same for a few characters that repeat: a small model counts digits without end, one token each. None of
5,512 source files and documents does.
"""
_COMPARED_FIRST = 150
"""Number of characters at the end that are searched for once, before the whole text is compared."""
_WATCH_EVERY = 64


@dataclass(frozen=True)
class Sampling:
    """Sampling settings for one offload, shared by all its rounds, and whether a user is waiting for it.
    ``name`` stands for it in the queue.
    """

    model: str
    temperature: float
    keep_alive: str | None
    lane: str
    interactive: bool
    name: str = ""

    def of_round(self, number: int) -> "Sampling":
        """Return the sampling settings for a round, counted from 1.

        Later rounds are warmer: a small model tends to repeat a rejected answer that is in the conversation.
        """
        warmer = self.temperature + WARMER_EACH_ROUND * (number - 1)
        return replace(self, temperature=max(self.temperature, min(warmer, WARMEST)))

    def fresh(self) -> "Sampling":
        """Return the sampling settings for one of several independent answers."""
        return replace(self, temperature=max(self.temperature, SAMPLE_TEMPERATURE))


async def generate(
    engine: Engine,
    prompt: Prompt,
    sampling: Sampling,
    progress: Progress,
    *,
    enough: Callable[[str], bool] | None = None,
) -> tuple[Generation, float]:
    """Return the answer and the seconds spent waiting for a slot.

    Args:
        engine: the engine that answers.
        prompt: the messages.
        sampling: the model and its settings.
        progress: told of each step.
        enough: returns whether the rest of an answer, given so far, would add nothing.

    Raises:
        BackendError: the engine failed, disappeared, or cut the prompt.
        QueueFull: the queue is full.
    """
    progress.stage("queue")
    asked_at = time.monotonic()
    async with engine.slot(sampling.lane, sampling.interactive, sampling.name):
        waited = time.monotonic() - asked_at
        loading = must_load(engine, sampling.model)
        progress.stage("load" if loading else "prompt", sampling.model)
        generation = await _stream(engine, prompt, sampling, progress, loading=loading, enough=enough)
    _require_whole_prompt(prompt, generation)
    return generation, waited


def must_load(engine: Engine, model: str) -> bool:
    """Return whether the engine loads the model before it can use it. False if the engine does not say which
    models are loaded.
    """
    view = engine.view()
    return view.capabilities.list_loaded and all(each.name != model for each in view.loaded)


def loads_to_count(engine: Engine, model: str) -> bool:
    """Return whether the engine loads the model to count the tokens of a prompt."""
    return engine.view().capabilities.count_tokens and must_load(engine, model)


async def _stream(
    engine: Engine,
    prompt: Prompt,
    sampling: Sampling,
    progress: Progress,
    *,
    loading: bool,
    enough: Callable[[str], bool] | None,
) -> Generation:
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
    asked_at = time.monotonic()
    first_at = loaded_at = 0.0
    count = 0
    async with aclosing(engine.generate(request)) as items:
        async for item in items:
            match item:
                case PromptProgress(processed=processed, total=total):
                    if loading and not loaded_at:
                        loaded_at = time.monotonic()
                        progress.stage("prompt", sampling.model)
                    progress.prompt(processed, total)
                case TextDelta(text=text, thinking=thinking):
                    if not first_at:
                        first_at = time.monotonic()
                        progress.stage("generate", sampling.model)
                    count += 1
                    rate = count / max(time.monotonic() - first_at, 0.05)
                    said = thoughts if thinking else texts
                    said.append(text)
                    progress.text("" if thinking else text, count, rate)
                    if count % _WATCH_EVERY == 0 and (
                        reason := _useless("".join(said), prompt, enough, thinking=thinking)
                    ):
                        progress.text("", count, rate, last=True)
                        return Generation(
                            "".join(texts),
                            "".join(thoughts),
                            reason,
                            prompt.prompt_tokens,
                            count,
                            prompt_seconds=first_at - asked_at,
                            generate_seconds=time.monotonic() - first_at,
                        )
                case Completed() as end:
                    rate = end.completion_tokens / end.generate_seconds if end.generate_seconds else 0.0
                    progress.text("", end.completion_tokens or count, rate, last=True)
                    if loading and not end.load_seconds:
                        began = loaded_at or (first_at or time.monotonic()) - end.prompt_seconds
                        end = replace(end, load_seconds=max(0.0, began - asked_at))
                    return _generation(texts, thoughts, end)
    raise BackendFailed(
        "The engine's stream ended without an end marker.", "Try again, and check the engine's log."
    )


def _useless(
    text: str, prompt: Prompt, enough: Callable[[str], bool] | None, *, thinking: bool
) -> str | None:
    """Return the finish reason for an answer that is not worth waiting for, or None. Thoughts may quote the
    file.
    """
    if _is_circling(text, prompt):
        return REPEATING
    if thinking:
        return None
    if enough is not None and enough(text):
        return ENOUGH
    return COPYING if _is_copying(text, prompt) else None


def _is_copying(text: str, prompt: Prompt) -> bool:
    """Return whether an answer that should consist of edits copies the file instead."""
    if len(text) < COPIED or EDIT_MARK in text:
        return False
    asked = (each.content for each in prompt.messages if each.role == "user" and EDIT_MARK in each.content)
    return any(text[-COPIED:] in content for content in asked)


def _is_circling(text: str, prompt: Prompt) -> bool:
    """Return whether an answer only repeats itself, using text that the prompt does not contain."""
    tails = (
        text[-watched:]
        for watched, longest in ((SHORT_WATCHED, SHORT_CIRCLE), (WATCHED, LONGEST_CIRCLE))
        if _repeats(text[-watched:], watched, longest)
    )
    given = [message.content for message in prompt.messages if message.role != "assistant"]
    return any(not any(tail in content for content in given) for tail in tails)


def _repeats(tail: str, watched: int, longest: int) -> bool:
    if len(tail) < watched:
        return False
    again = tail.rfind(tail[-_COMPARED_FIRST:], 0, -1)
    circle = watched - _COMPARED_FIRST - again
    return again >= 0 and circle <= longest and tail[circle:] == tail[:-circle]


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
    """Reject the answer if the engine silently cut the prompt.

    Raises:
        PromptTooLong: the engine read far fewer tokens than were sent.
    """
    least = prompt.prompt_tokens * (LEAST_COUNTED_SHARE if prompt.counted else LEAST_SHARE)
    if 0 < generation.prompt_tokens < least - 16:
        raise PromptTooLong(
            f"The engine read {generation.prompt_tokens:,} tokens of a prompt of about "
            f"{prompt.prompt_tokens:,}. It silently cut the rest, so its answer was discarded.",
            "Pass less text, or raise the model's context length in the engine.",
        )
