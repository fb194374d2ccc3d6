"""A command in a terminal of its own, for tests of colours, widths, pagers and live output."""

import contextlib
import fcntl
import os
import pty
import struct
import termios
from pathlib import Path

from tests.forks import program


def run_in_terminal(
    *arguments: str, environ: dict[str, str], columns: int = 80, cwd: Path | None = None
) -> tuple[int, str]:
    """Run ``token-saver`` in a terminal; return its exit status and everything that the terminal received."""
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 40, columns, 0, 0))
    process = program.start(
        *arguments,
        env={"PATH": os.defpath, "TERM": "xterm-256color", "PAGER": "cat", **environ},
        cwd=cwd,
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        new_session=True,
    )
    os.close(theirs)
    received = b""
    with contextlib.suppress(OSError):  # the terminal is gone once the command has ended
        while part := os.read(ours, 65536):
            received += part
    os.close(ours)
    return process.wait(120), received.decode()
