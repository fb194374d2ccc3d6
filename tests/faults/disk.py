"""A disk without room, for this process and its children, on any file system and without any right."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def no_file_beyond(size: int) -> Iterator[None]:
    """Let every write fail that would make a file larger than ``size`` bytes, as a used up quota does."""
    if sys.platform == "win32":
        raise OSError("Windows knows no such limit")
    import resource  # not there on Windows

    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
