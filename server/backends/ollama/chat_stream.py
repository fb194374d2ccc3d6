"""Parser for Ollama's streamed ``/api/chat`` answers: one JSON object per line, the last one ``done``."""

from server.backends.base import Completed, GenerationRequest, TextDelta
from server.backends.error_texts import UNSAID, error_in
from server.backends.finish_reasons import finish_reason_of
from server.backends.generation_limits import RunawayGuard
from server.backends.thinking import ThinkingSplitter
from server.backends.wire import (
    Garbled,
    StreamError,
    TextJoiner,
    object_of,
    parse_object,
    seconds_of,
    tokens_of,
)

_NANOSECONDS = 1e9


class ChatReader:
    """Converts the lines of one answer to text, setting ``completed`` after the last line.

    ``progress`` increases with each line that contains text.
    """

    def __init__(self, request: GenerationRequest) -> None:
        self.completed: Completed | None = None
        self.progress = 0
        self._max_tokens = request.max_tokens
        self._guard = RunawayGuard(request.max_tokens)
        self._splitter = ThinkingSplitter()
        self._text, self._thought = TextJoiner(), TextJoiner()

    def read(self, line: str) -> list[TextDelta]:
        """Return the text from one line.

        Raises:
            Garbled: the line does not follow the protocol, or Ollama stopped mid-answer.
            StreamError: Ollama reported a failure.
        """
        fields = parse_object(line)
        if (error := error_in(fields)) is not None:
            raise StreamError(error.get("message") or UNSAID)
        message = object_of(fields.get("message"))
        thought = self._thought.read(message.get("thinking"))
        text = self._text.read(message.get("content"))
        if fields.get("done") is True:
            text += self._text.end()
        self._guard.take(thought + text)
        self.progress += len(thought) + len(text)
        deltas = [TextDelta(thought, thinking=True)] if thought else []
        if text:
            deltas += self._splitter.feed(text)
        if fields.get("done") is True:
            deltas += self._splitter.finish()
            tokens = tokens_of(fields.get("eval_count"))
            self.completed = Completed(
                finish_reason=finish_reason_of(
                    fields.get("done_reason"), ended=True, tokens=tokens, max_tokens=self._max_tokens
                ),
                prompt_tokens=tokens_of(fields.get("prompt_eval_count")),
                completion_tokens=tokens,
                cached_tokens=tokens_of(fields.get("prompt_eval_cached_count")),
                load_seconds=seconds_of(fields.get("load_duration"), _NANOSECONDS),
                prompt_seconds=seconds_of(fields.get("prompt_eval_duration"), _NANOSECONDS),
                generate_seconds=seconds_of(fields.get("eval_duration"), _NANOSECONDS),
            )
        return deltas

    def end(self) -> Completed:
        """Return the result of the generation.

        Raises:
            Garbled: the stream ended before the answer did.
        """
        if self.completed is None:
            raise Garbled("only part of its answer and then ended")
        return self.completed
