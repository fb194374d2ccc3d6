"""A process that wraps a command and ends every process the command started (Linux).

The command's orphans, including those in other sessions, become children of this process. It ends them when
the command exits, when it receives SIGTERM, or when the app is gone.
"""

import contextlib
import ctypes
import os
import signal
import sys
from types import FrameType

from server.execution.sandbox import leftovers

assert sys.platform == "linux"  # also for mypy, which does not check the lines below on other platforms
from server.execution.sandbox.privileges import become_subreaper  # noqa: E402

# No pathlib here: its import takes 10 ms at every start of a check.

_PR_SET_PDEATHSIG = 1


def main() -> None:
    """Run the command in ``sys.argv``: the parent's process ID, a descriptor for errors, the command line."""
    parent, errors, words = int(sys.argv[1]), int(sys.argv[2]), sys.argv[3:]
    become_subreaper()
    signal.signal(signal.SIGTERM, _end)
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM, 0, 0, 0)
    if os.getppid() != parent:
        return
    os.set_inheritable(errors, False)
    pid = os.fork()
    if pid == 0:
        _become(words, errors)
    os.close(errors)
    status = _status_of(pid)
    leftovers.end_descendants()
    os._exit(status)


def _become(words: list[str], errors: int) -> None:
    """Replace this process with the command. Report errors through the descriptor."""
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    os.setsid()
    try:
        os.execvp(words[0], words)  # noqa: S606 - no shell is wanted
    except OSError as error:
        os.write(errors, (error.strerror or str(error)).encode())
    os._exit(127)


def _status_of(pid: int) -> int:
    """Wait for the command and return its exit status, or 128 plus the signal number if a signal ended it."""
    while True:
        ended, status = os.wait()
        if ended == pid:
            code = os.waitstatus_to_exitcode(status)
            return code if code >= 0 else 128 - code


def _end(_number: int, _frame: FrameType | None) -> None:
    with contextlib.suppress(OSError):
        leftovers.end_descendants()
    os._exit(128 + signal.SIGTERM)
