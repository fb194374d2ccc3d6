"""Parser of a streamed answer of ``/v1/chat/completions``: server-sent events with one JSON object each."""

from typing import Any

from server.backends.base import (
    Completed,
    FinishReason,
    GenerationItem,
    GenerationRequest,
    PromptProgress,
    TextDelta,
)
from server.backends.generation_limits import RunawayGuard
from server.backends.thinking import ThinkingSplitter
from server.backends.wire import (
    Garbled,
    StreamError,
    count_of,
    label_of,
    number_of,
    object_of,
    objects_of,
    parse_object,
    text_of,
)


class ChatReader:
    """Converts the lines of one answer to items, and returns the result at the end."""

    def __init__(self, request: GenerationRequest) -> None:
        self.done = False
        self._guard = RunawayGuard(request.max_tokens)
        self._splitter = ThinkingSplitter()
        self._finish: str = ""
        self._pieces = 0
        self._usage: dict[str, Any] = {}
        self._timings: dict[str, Any] = {}

    def read(self, line: str) -> list[GenerationItem]:
        """Return the items in one line.

        Raises:
            Garbled: the line does not follow the protocol.
            StreamError: the engine reports a failure.
        """
        field, _, value = line.partition(":")
        if field == "error":  # older llama-servers
            raise StreamError(_error_text(parse_object(value)))
        if field != "data":  # keep-alive comments, event names, ids
            if field.startswith("{"):
                raise StreamError(_error_text(parse_object(line)))
            if field not in ("", "event", "id", "retry"):
                raise Garbled(f"a line that is not a server-sent event: {line[:80]!r}")
            return []
        value = value.strip()
        if value == "[DONE]":
            self.done = True
            return []
        return self._read_chunk(parse_object(value))

    def finish(self) -> list[GenerationItem]:
        """Return the text that was held back.

        Raises:
            Garbled: the stream ended before the answer did.
        """
        if not self._finish:
            raise Garbled(f"only a part of its answer and then ended ({self._pieces} pieces)")
        return list(self._splitter.finish())

    def completed(self) -> Completed:
        """Return the result of the generation. Counts and times are 0 if the engine does not report them."""
        details = object_of(self._usage.get("prompt_tokens_details"))
        timings = self._timings
        return Completed(
            finish_reason=_finish_reason(self._finish),
            prompt_tokens=count_of(self._usage.get("prompt_tokens"))
            or count_of(timings.get("prompt_n")) + count_of(timings.get("cache_n")),
            completion_tokens=count_of(self._usage.get("completion_tokens"))
            or count_of(timings.get("predicted_n"))
            or self._pieces,
            prompt_seconds=number_of(timings.get("prompt_ms")) / 1000,
            generate_seconds=number_of(timings.get("predicted_ms")) / 1000,
            cached_tokens=count_of(details.get("cached_tokens")) or count_of(timings.get("cache_n")),
        )

    def _read_chunk(self, chunk: dict[str, Any]) -> list[GenerationItem]:
        if "error" in chunk:
            raise StreamError(_error_text(chunk))
        self._usage = object_of(chunk.get("usage")) or self._usage
        self._timings = object_of(chunk.get("timings")) or self._timings
        items: list[GenerationItem] = []
        if progress := object_of(chunk.get("prompt_progress")):
            items.append(PromptProgress(count_of(progress.get("processed")), count_of(progress.get("total"))))
        for choice in objects_of(chunk.get("choices"))[:1]:
            items += self._read_delta(object_of(choice.get("delta")))
            self._finish = label_of(choice.get("finish_reason")) or self._finish
        return items

    def _read_delta(self, delta: dict[str, Any]) -> list[GenerationItem]:
        thought = text_of(delta.get("reasoning_content")) or text_of(delta.get("reasoning"))
        text = text_of(delta.get("content"))
        self._pieces += bool(thought) + bool(text)
        self._guard.take(thought + text)
        items: list[GenerationItem] = [TextDelta(thought, thinking=True)] if thought else []
        return [*items, *self._splitter.feed(text)] if text else items


def _finish_reason(reason: str) -> FinishReason:
    return "length" if reason in ("length", "max_tokens") else "stop"


def _error_text(fields: dict[str, Any]) -> str:
    error = fields.get("error", fields)
    if isinstance(error, str):
        return label_of(error)[:500]
    return (label_of(object_of(error).get("message")) or "an error without a message")[:500]
