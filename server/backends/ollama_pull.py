"""Reading Ollama's ``/api/pull``: progress by layer, and errors that arrive under status 200."""

from server.backends.base import PullProgress
from server.backends.ollama_errors import pull_error
from server.backends.wire import count_of, label_of, parse_object

_MOST_LAYERS = 1000


class PullReader:
    """Adds up the layers of one download."""

    def __init__(self, model: str) -> None:
        self.done = False
        self._model = model
        self._layers: dict[str, tuple[int, int]] = {}

    def read(self, line: str) -> PullProgress:
        """Return how far the download is.

        Raises:
            Garbled: the line is not what the protocol says.
            DownloadError: Ollama could not fetch the model.
            ModelNotFound: the registry has no such model.
        """
        fields = parse_object(line)
        if "error" in fields:
            raise pull_error(self._model, label_of(fields["error"]))
        status = label_of(fields.get("status"))
        self.done = status == "success"
        if (digest := label_of(fields.get("digest"))) and (
            digest in self._layers or len(self._layers) < 1000
        ):
            total = count_of(fields.get("total"))
            self._layers[digest] = (min(count_of(fields.get("completed")), total), total)
        completed, total = (sum(each[i] for each in self._layers.values()) for i in (0, 1))
        return PullProgress(self._model, status, completed, total)
