"""Watches the parent process: a child of the app ends when its parent ends for whatever reason.

``python -P -m server.common.parent_death MODULE ARGUMENT…`` runs any module, such as pip, under this watch.
"""

import ctypes
import os
import runpy
import select
import signal
import sys
import threading
from collections.abc import Callable

PR_SET_PDEATHSIG = 1
"""From ``linux/prctl.h``."""


def end_with_parent(before: Callable[[], None] | None = None) -> None:
    """End this process as soon as its parent has ended, calling ``before`` first if time allows.

    Standard input must be a pipe that the parent holds open, with no data left in it. A thread waits for EOF.
    On Linux the kernel watches as well (``PR_SET_PDEATHSIG``), because a library that holds the interpreter
    lock for seconds, as llama.cpp does while loading a model, blocks that thread. What the kernel watches is
    the thread that started this process, so that thread must live as long as the parent.
    """
    if sys.platform == "linux":
        die_with_parent()
        stdin = select.poll()
        stdin.register(0, select.POLLHUP)
        if stdin.poll(0):  # the parent ended before prctl was called
            if before is not None:
                before()
            os._exit(0)
    threading.Thread(target=_end_with_stdin, args=(before,), daemon=True).start()


def die_with_parent() -> None:
    """Have the kernel kill this process when the thread that started it ends. Linux only."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


def _end_with_stdin(before: Callable[[], None] | None) -> None:
    while os.read(0, 1):  # not sys.stdin: a thread blocked in it breaks the interpreter's shutdown
        pass
    if before is not None:
        before()
    os._exit(0)


def main() -> None:
    """Run the module named on the command line."""
    end_with_parent()
    del sys.argv[0]
    runpy.run_module(sys.argv[0], run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    main()
