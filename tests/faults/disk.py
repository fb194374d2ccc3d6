"""Simulated full disk for this process and its children, on any file system, without privileges."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def no_file_beyond(size: int) -> Iterator[None]:
    """Make every write beyond ``size`` bytes of a file fail, like an exhausted quota."""
    if sys.platform == "win32":
        raise OSError("Windows knows no such limit")
    import resource  # missing on Windows

    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
