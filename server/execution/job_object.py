"""Runs a command in a process that takes everything the command started down with it (Windows).

The process enters its own job object before starting the command, so every child belongs to the job from the
start. No one else holds a handle to the job: when this process ends, Windows ends all processes in the job,
whether the command has finished, the app killed this process, or the app is gone.

Source: "Job Objects", ``JOB_OBJECT_LIMIT_KILL_ON_JOB_CLOSE``, in Microsoft's Win32 documentation.
"""

import ctypes
import subprocess
import sys
from collections.abc import Sequence
from typing import Protocol

NOT_STARTED = 0x7E5A0001
"""Exit status if the command cannot be started. The output then says why."""
_KILL_ON_JOB_CLOSE = 0x2000
_EXTENDED_LIMITS = 9
_SYNCHRONIZE = 0x00100000
_INFINITE = 0xFFFFFFFF


class Kernel(Protocol):
    """The Windows functions this module uses. Handles are numbers; every method raises OSError on failure."""

    def create_job(self) -> int:
        """Create a job whose processes end when its last handle is closed."""
        ...

    def enter(self, job: int) -> None:
        """Add this process, and everything it starts from now on, to the job."""
        ...

    def open_process(self, pid: int) -> int:
        """Open a process so that its exit can be waited for."""
        ...

    def wait_for_any(self, handles: Sequence[int]) -> int:
        """Wait until a process has ended and return its index."""
        ...


def main() -> None:
    """Run the command in ``sys.argv``: the parent's process ID, then the command."""
    if sys.platform == "win32":
        sys.exit(run_in_job(WindowsKernel(), int(sys.argv[1]), sys.argv[2:]))


def run_in_job(kernel: Kernel, parent: int, words: Sequence[str]) -> int:
    """Run the command in a job and return its exit status; 1 if the parent ends first.

    When this process then exits, Windows ends everything the command left running.
    """
    app = kernel.open_process(parent)
    kernel.enter(kernel.create_job())
    try:
        process = subprocess.Popen(
            words, stdin=subprocess.DEVNULL, stdout=sys.stdout.fileno(), stderr=sys.stderr.fileno()
        )
    except OSError as error:
        print(error.strerror or error, flush=True)  # noqa: T201 - the output is what the app reads
        return NOT_STARTED
    if kernel.wait_for_any([kernel.open_process(process.pid), app]) != 0:
        process.kill()
        process.wait()
        return 1
    return process.wait()


class _Basic(ctypes.Structure):
    """``JOBOBJECT_BASIC_LIMIT_INFORMATION``."""

    _fields_ = (
        ("per_process_user_time", ctypes.c_int64),
        ("per_job_user_time", ctypes.c_int64),
        ("limit_flags", ctypes.c_uint32),
        ("minimum_working_set", ctypes.c_size_t),
        ("maximum_working_set", ctypes.c_size_t),
        ("active_processes", ctypes.c_uint32),
        ("affinity", ctypes.c_size_t),
        ("priority_class", ctypes.c_uint32),
        ("scheduling_class", ctypes.c_uint32),
    )


class ExtendedLimits(ctypes.Structure):
    """``JOBOBJECT_EXTENDED_LIMIT_INFORMATION``."""

    _fields_ = (
        ("basic", _Basic),
        ("io_counters", ctypes.c_uint64 * 6),
        ("process_memory", ctypes.c_size_t),
        ("job_memory", ctypes.c_size_t),
        ("peak_process_memory", ctypes.c_size_t),
        ("peak_job_memory", ctypes.c_size_t),
    )


def limits_of_job() -> ExtendedLimits:
    """Return the job's limits: its processes end when its last handle is closed, and none can leave it."""
    limits = ExtendedLimits()
    limits.basic.limit_flags = _KILL_ON_JOB_CLOSE
    return limits


if sys.platform == "win32":

    class WindowsKernel:
        """Wrapper around the ``kernel32.dll`` functions that control job objects."""

        def __init__(self) -> None:
            self._dll = ctypes.WinDLL("kernel32", use_last_error=True)
            for name in ("CreateJobObjectW", "OpenProcess", "GetCurrentProcess"):
                getattr(self._dll, name).restype = ctypes.c_void_p
            self._dll.WaitForMultipleObjects.restype = ctypes.c_uint32

        def create_job(self) -> int:
            """Create a job whose processes end when its last handle is closed."""
            job = self._handle(self._dll.CreateJobObjectW(None, None))
            limits = limits_of_job()
            done = self._dll.SetInformationJobObject(
                ctypes.c_void_p(job), _EXTENDED_LIMITS, ctypes.byref(limits), ctypes.sizeof(limits)
            )
            self._handle(done)
            return job

        def enter(self, job: int) -> None:
            """Add this process to the job."""
            current = ctypes.c_void_p(self._dll.GetCurrentProcess())
            self._handle(self._dll.AssignProcessToJobObject(ctypes.c_void_p(job), current))

        def open_process(self, pid: int) -> int:
            """Open a process so that its exit can be waited for."""
            return self._handle(self._dll.OpenProcess(_SYNCHRONIZE, False, pid))

        def wait_for_any(self, handles: Sequence[int]) -> int:
            """Wait until a process has ended and return its index."""
            array = (ctypes.c_void_p * len(handles))(*handles)
            index = int(self._dll.WaitForMultipleObjects(len(handles), array, False, _INFINITE))
            if index >= len(handles):
                raise ctypes.WinError(ctypes.get_last_error())
            return index

        def _handle(self, value: int | None) -> int:
            if not value:
                raise ctypes.WinError(ctypes.get_last_error())
            return value
