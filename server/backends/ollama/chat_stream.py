"""Parser of a streamed answer of Ollama's ``/api/chat``: one JSON object per line, the last one ``done``."""

from server.backends.base import Completed, GenerationRequest, TextDelta
from server.backends.generation_limits import RunawayGuard
from server.backends.thinking import ThinkingSplitter
from server.backends.wire import (
    Garbled,
    StreamError,
    count_of,
    label_of,
    number_of,
    object_of,
    parse_object,
    text_of,
)

_NANOSECONDS = 1e9


class ChatReader:
    """Converts the lines of one answer to text; ``completed`` is set after the last line."""

    def __init__(self, request: GenerationRequest) -> None:
        self.completed: Completed | None = None
        self._guard = RunawayGuard(request.max_tokens)
        self._splitter = ThinkingSplitter()

    def read(self, line: str) -> list[TextDelta]:
        """Return the text in one line.

        Raises:
            Garbled: the line does not follow the protocol.
            StreamError: Ollama reports a failure.
        """
        fields = parse_object(line)
        if "error" in fields:
            raise StreamError(label_of(fields["error"]) or "an error without a message")
        message = object_of(fields.get("message"))
        thought, text = text_of(message.get("thinking")), text_of(message.get("content"))
        self._guard.take(thought + text)
        deltas = [TextDelta(thought, thinking=True)] if thought else []
        if text:
            deltas += self._splitter.feed(text)
        if fields.get("done") is True:
            deltas += self._splitter.finish()
            self.completed = Completed(
                finish_reason="length" if fields.get("done_reason") == "length" else "stop",
                prompt_tokens=count_of(fields.get("prompt_eval_count")),
                completion_tokens=count_of(fields.get("eval_count")),
                load_seconds=number_of(fields.get("load_duration")) / _NANOSECONDS,
                prompt_seconds=number_of(fields.get("prompt_eval_duration")) / _NANOSECONDS,
                generate_seconds=number_of(fields.get("eval_duration")) / _NANOSECONDS,
            )
        return deltas

    def end(self) -> Completed:
        """Return the result of the generation.

        Raises:
            Garbled: the stream ended before the answer did.
        """
        if self.completed is None:
            raise Garbled("only a part of its answer and then ended")
        return self.completed
