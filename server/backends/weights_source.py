"""What both sources of weights share."""

from pathlib import Path


class SourceUnavailable(Exception):
    """This source cannot give the model; the text says why. The next one is tried."""


def size_of(path: Path) -> int:
    """Return a file's size in bytes, 0 where there is none."""
    return path.stat().st_size if path.exists() else 0
