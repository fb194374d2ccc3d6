"""Parser for Ollama's ``/api/pull``, which reports progress by layer and sends errors with status 200."""

import os
import shutil
from pathlib import Path

from server.backends.address import is_loopback
from server.backends.base import PullProgress
from server.backends.embedded.weights.references import OnHub, parse_reference
from server.backends.ollama.errors import pull_error
from server.backends.wire import count_of, label_of, parse_object
from server.common.errors import NoDiskSpace
from server.common.sizes import gigabytes

_FOLDERS = ("~/.ollama/models", "/usr/share/ollama/.ollama/models")
"""Ollama's model folders unless ``OLLAMA_MODELS`` is set: the user's folder, and the one used by the Linux
service.
"""


def registry_name(model: str) -> str:
    """Return Ollama's name for a Hugging Face Hub model URL. Other names are returned unchanged."""
    reference = parse_reference(model) if "://" in model else None
    return reference.name if isinstance(reference, OnHub) else model


class PullReader:
    """Adds up the progress of a download's layers."""

    def __init__(self, model: str) -> None:
        self.done = False
        self._model = model
        self._layers: dict[str, tuple[int, int]] = {}

    def read(self, line: str) -> PullProgress:
        """Return the progress of the download.

        Raises:
            Garbled: the line does not follow the protocol.
            DownloadError: Ollama could not download the model.
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


def require_space(model: str, progress: PullProgress, url: str) -> None:
    """Check that the rest of a download fits on disk. If the disk is unknown, the check passes.

    Raises:
        NoDiskSpace: there is not enough disk space. Closing the request stops the download.
    """
    folder = _folder(url)
    left = progress.total - progress.completed
    if folder is None or left <= 0:
        return
    free = shutil.disk_usage(folder).free
    if free < left:
        raise NoDiskSpace(
            f"{model} needs {gigabytes(left)} more on the disk of {folder}; {gigabytes(free)} are free.",
            "Free some space or use a smaller model; the download can be resumed.",
        )


def _folder(url: str) -> Path | None:
    if not is_loopback(url):
        return None
    own = os.environ.get("OLLAMA_MODELS", "")
    candidates = [Path(each).expanduser() for each in ((own,) if own else _FOLDERS)]
    return next((each for each in candidates if each.is_dir()), None)
