"""Tests of the job object around a check, with Windows' calls simulated."""

import ctypes
import sys
from collections.abc import Sequence

import pytest

from server.execution.job_object import NOT_STARTED, limits_of_job, run_in_job

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="there the kernel is not simulated")

PARENT = 1


class SimulatedKernel:
    """Keeps the order of the calls. ``ends`` is the index of the first process to end; 0 is the command."""

    def __init__(self, ends: int = 0) -> None:
        self.calls: list[str] = []
        self._ends = ends

    def create_job(self) -> int:
        self.calls.append("create")
        return 7

    def enter(self, job: int) -> None:
        self.calls.append(f"enter {job}")

    def open_process(self, pid: int) -> int:
        self.calls.append("open the app" if pid == PARENT else "open the command")
        return pid

    def wait_for_any(self, handles: Sequence[int]) -> int:
        self.calls.append("wait")
        return self._ends


def test_the_job_is_entered_before_the_command_starts(capfd: pytest.CaptureFixture[str]) -> None:
    kernel = SimulatedKernel()
    status = run_in_job(kernel, PARENT, [sys.executable, "-c", "print('ran'); raise SystemExit(3)"])
    assert status == 3
    assert kernel.calls == ["open the app", "create", "enter 7", "open the command", "wait"]
    assert capfd.readouterr().out == "ran\n"


def test_the_end_of_the_app_ends_it() -> None:
    assert (
        run_in_job(SimulatedKernel(ends=1), PARENT, [sys.executable, "-c", "import time; time.sleep(60)"])
        == 1
    )


def test_a_command_that_cannot_be_started_is_told(capfd: pytest.CaptureFixture[str]) -> None:
    assert run_in_job(SimulatedKernel(), PARENT, ["/no/such/program"]) == NOT_STARTED
    assert capfd.readouterr().out == "No such file or directory\n"


def test_the_limits_have_windows_form() -> None:
    """Size and flag as in ``winnt.h``: 144 bytes on a 64-bit system."""
    limits = limits_of_job()
    assert ctypes.sizeof(limits) == 144
    assert limits.basic.limit_flags == 0x2000
    assert type(limits).basic.offset == 0
    assert type(limits.basic).limit_flags.offset == 16
