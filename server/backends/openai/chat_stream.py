"""Parser for streamed ``/v1/chat/completions`` answers: server-sent events with one JSON object each.

Some servers ignore ``stream`` and send the whole answer as one object, possibly over several lines.
"""

from typing import Any

from server.backends.base import (
    Completed,
    FinishReason,
    GenerationItem,
    GenerationRequest,
    PromptProgress,
    TextDelta,
)
from server.backends.error_texts import UNSAID, error_details, error_in
from server.backends.finish_reasons import finish_reason_of
from server.backends.generation_limits import RunawayGuard
from server.backends.thinking import ThinkingSplitter
from server.backends.wire import (
    Garbled,
    StreamError,
    TextJoiner,
    object_of,
    objects_of,
    parse_object,
    seconds_of,
    tokens_of,
)

_MOST_LINES = 100_000
"""Maximum number of lines in an answer sent as one JSON object."""


class ChatReader:
    """Converts the lines of one answer to items, and returns the result at the end.

    ``progress`` increases while the engine reads the prompt or sends text.
    """

    def __init__(self, request: GenerationRequest) -> None:
        self.done = False
        self._prompt_read = 0
        self._max_tokens = request.max_tokens
        self._guard = RunawayGuard(request.max_tokens)
        self._splitter = ThinkingSplitter()
        self._text, self._thought = TextJoiner(), TextJoiner()
        self._finish: object = None
        self._answered = False
        self._event = ""
        self._object: list[str] = []
        self._pieces = 0
        self._usage: dict[str, Any] = {}
        self._timings: dict[str, Any] = {}

    @property
    def progress(self) -> int:
        """Number of prompt tokens read plus the number of text pieces received."""
        return self._prompt_read + self._pieces

    def read(self, line: str) -> list[GenerationItem]:
        """Return the items from one line.

        Raises:
            Garbled: the line does not follow the protocol.
            StreamError: the engine reported a failure.
        """
        if self._object or line.lstrip().startswith("{"):
            return self._read_object(line)
        field, _, value = line.partition(":")
        if field == "error":  # older llama-servers
            raise StreamError(_message(error_details(parse_object(value))))
        if field == "event":
            self._event = value.strip()
        if field != "data":  # keep-alive comments, event names, ids
            if field not in ("", "event", "id", "retry"):
                raise Garbled(f"a line that is not a server-sent event: {line[:80]!r}")
            return []
        event, self._event = self._event, ""
        value = value.strip()
        if value == "[DONE]":
            self.done = True
            return []
        if event == "error":
            raise StreamError(_failure(value))
        return self._read_chunk(parse_object(value))

    def finish(self) -> list[GenerationItem]:
        """Return any text still held back when the stream ends.

        Raises:
            Garbled: the stream ended before the answer did, or the engine stopped mid-answer.
        """
        if self._object:
            parse_object("\n".join(self._object))  # the invalid line is the reason
        self._reason()
        return [*self._splitter.feed(self._text.end()), *self._splitter.finish()]

    def completed(self) -> Completed:
        """Return the result of the generation. Counts and times that the engine does not report are 0."""
        details = object_of(self._usage.get("prompt_tokens_details"))
        timings = self._timings
        return Completed(
            finish_reason=self._reason(),
            prompt_tokens=tokens_of(self._usage.get("prompt_tokens"))
            or tokens_of(timings.get("prompt_n")) + tokens_of(timings.get("cache_n")),
            completion_tokens=self._tokens,
            prompt_seconds=seconds_of(timings.get("prompt_ms"), 1000),
            generate_seconds=seconds_of(timings.get("predicted_ms"), 1000),
            cached_tokens=tokens_of(details.get("cached_tokens")) or tokens_of(timings.get("cache_n")),
        )

    @property
    def _tokens(self) -> int:
        usage, timings = self._usage.get("completion_tokens"), self._timings.get("predicted_n")
        return tokens_of(usage) or tokens_of(timings) or self._pieces

    def _reason(self) -> FinishReason:
        return finish_reason_of(
            self._finish, ended=self.done and self._answered, tokens=self._tokens, max_tokens=self._max_tokens
        )

    def _read_object(self, line: str) -> list[GenerationItem]:
        """Read a line of a JSON object sent outside an event: either a failure or the whole answer."""
        self._object.append(line)
        if len(self._object) > _MOST_LINES:
            raise Garbled(f"JSON of more than {_MOST_LINES:,} lines")
        if not line.rstrip().endswith("}"):
            return []
        try:
            whole = parse_object("\n".join(self._object))
        except Garbled:
            return []
        self._object = []
        choices = objects_of(whole.get("choices"))
        if not choices:
            raise StreamError(_message(error_details(whole)))
        items = self._read_chunk(whole)
        self.done = True
        return items

    def _read_chunk(self, chunk: dict[str, Any]) -> list[GenerationItem]:
        if (error := error_in(chunk)) is not None:
            raise StreamError(_message(error))
        self._usage = object_of(chunk.get("usage")) or self._usage
        self._timings = object_of(chunk.get("timings")) or self._timings
        items: list[GenerationItem] = []
        if progress := object_of(chunk.get("prompt_progress")):
            done, total = tokens_of(progress.get("processed")), tokens_of(progress.get("total"))
            self._prompt_read = max(self._prompt_read, done)
            items.append(PromptProgress(done, total))
        for choice in objects_of(chunk.get("choices"))[:1]:
            items += self._read_delta(object_of(choice.get("delta")) or object_of(choice.get("message")))
            self._answered = True
            self._finish = choice.get("finish_reason") or self._finish
        return items

    def _read_delta(self, delta: dict[str, Any]) -> list[GenerationItem]:
        thought = self._thought.read(delta.get("reasoning_content") or delta.get("reasoning"))
        text = self._text.read(delta.get("content"))
        self._pieces += bool(thought) + bool(text)
        self._guard.take(thought + text)
        items: list[GenerationItem] = [TextDelta(thought, thinking=True)] if thought else []
        return [*items, *self._splitter.feed(text)] if text else items


def _message(details: dict[str, Any]) -> str:
    return details.get("message") or UNSAID


def _failure(data: str) -> str:
    """Return the text of an error event, whose data is JSON or plain text."""
    try:
        return _message(error_details(parse_object(data)))
    except Garbled:
        return data[:500] or UNSAID
