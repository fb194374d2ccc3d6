"""Reads files that others can replace: never a link, a pipe or a device, and never more than a limit."""

import os
import stat
from pathlib import Path

_FLAGS = (
    os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)
)


def read_regular(path: Path, most: int) -> bytes:
    """Return a file's bytes.

    Raises:
        OSError: the file cannot be read, or is not a regular file.
        ValueError: it has more than ``most`` bytes.
    """
    descriptor = os.open(path, _FLAGS)
    with os.fdopen(descriptor, "rb") as file:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise OSError("not a regular file")
        data = file.read(most + 1)
    if len(data) > most:
        raise ValueError(f"larger than {most:,} bytes")
    return data
