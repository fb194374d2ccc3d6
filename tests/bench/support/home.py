"""A home of its own for a benchmark: neither the user's settings nor their ledger take part."""

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from server.config.folders import Folders, find_folders
from tests.engine_models import put_model


@contextmanager
def own_home(*models: str) -> Iterator[Folders]:
    """Use a new home that holds ``models``, and remove it at the end."""
    with tempfile.TemporaryDirectory(prefix="token-saver-bench-") as name:
        os.environ["TOKEN_SAVER_HOME"] = str(Path(name, "home"))
        folders = find_folders()
        for model in models:
            put_model(folders.data, model)
        yield folders
