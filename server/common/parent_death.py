"""Ties a child process of the app to its parent: it ends when the parent does, however that went.

``python -P -m server.common.parent_death MODULE ARGUMENT…`` runs
a module that knows nothing of this, such as pip.
"""

import ctypes
import os
import runpy
import select
import signal
import sys
import threading

PR_SET_PDEATHSIG = 1
"""From ``linux/prctl.h``."""


def end_with_parent() -> None:
    """End this process when its parent is gone. Standard input must be a pipe that the parent holds open,
    with nothing left in it.

    A thread waits for the end of standard input. On Linux the kernel watches as well, since that thread
    gets no turn while a library holds the interpreter for seconds, as llama.cpp does to load a model; the
    kernel's watch is over the thread that started this process, which has to be one that stays.
    """
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
        stdin = select.poll()
        stdin.register(0, select.POLLHUP)
        if stdin.poll(0):  # the parent went before the kernel was told
            os._exit(0)
    threading.Thread(target=_end_with_stdin, daemon=True).start()


def _end_with_stdin() -> None:
    while os.read(0, 1):  # not sys.stdin: a thread that waits in there breaks the interpreter's shutdown
        pass
    os._exit(0)


def main() -> None:
    """Run the module that the command line names."""
    end_with_parent()
    del sys.argv[0]
    runpy.run_module(sys.argv[0], run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    main()
