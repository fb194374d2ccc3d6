"""The supervisor for a batch of jobs: one restricted worker per job, with nothing left behind.

The supervisor reads one JSON document from standard input and writes one JSON line per job. When the app
closes its end of standard input, or ends for any reason, the supervisor and all its processes end.
"""

import base64
import contextlib
import fcntl
import json
import os
import select
import signal
import sys
import tempfile
import time
from collections.abc import Mapping
from typing import Any

from server.execution.sandbox import leftovers, worker

if sys.platform == "linux":
    from server.execution.sandbox.privileges import become_subreaper
    from server.execution.sandbox.process_limit import ProcessLimit

assert sys.platform == "linux"

# No pathlib here: its import takes 10 ms at every start of a job.

_KILLED_CHILD = 128 + signal.SIGKILL
_LOOK_SECONDS = 0.05
"""Interval at which memory, disk and process counts are measured (seconds)."""
_TAIL_BYTES = 200_000
_MOST_RECORD_BYTES = 8 << 20
_HIGHEST_DESCRIPTOR = 4096
"""Upper bound when closing descriptors. The supervisor itself opens only about a dozen."""


def main() -> None:
    """Read the batch, run its jobs one after another and report on each."""
    length = int.from_bytes(_read_exactly(8), "big")
    batch = json.loads(_read_exactly(length))
    become_subreaper()
    for job in batch["jobs"]:
        report = _do(job, batch["temporary"])
        os.write(1, json.dumps(report).encode() + b"\n")
        if report["ending"] == "cancelled":
            return


def _do(job: Mapping[str, Any], temporary: str) -> dict[str, Any]:
    folder = os.path.realpath(tempfile.mkdtemp(prefix="token-saver-sandbox-", dir=temporary))
    started = time.monotonic()
    streams = {name: os.memfd_create(name) for name in ("stdin", "stdout", "stderr", "results")}
    ready, ready_end = os.pipe()
    processes = ProcessLimit(job["limits"]["processes"]) if job["kind"] == "command" else None
    try:
        _write_files(job["files"], folder)
        os.write(streams["stdin"], _standard_input(job))
        os.lseek(streams["stdin"], 0, os.SEEK_SET)
        supervisor = os.getpid()
        pid = os.fork()
        if pid == 0:
            _become_worker(job, folder, (*streams.values(), ready_end), supervisor, processes)
        os.close(ready_end)
        ending, status = _Watch(job, folder, pid).wait()
        leftovers.end_descendants()
        answer = os.read(ready, 1000)
        if answer != b"ok" and ending != "cancelled":
            ending, status = "not started", None
        return {
            "ending": ending,
            "status": status,
            "reason": answer.removeprefix(b"ok").decode(errors="replace"),
            "stdout": base64.b64encode(_tail(streams["stdout"], _TAIL_BYTES)).decode(),
            "stderr": base64.b64encode(_tail(streams["stderr"], _TAIL_BYTES)).decode(),
            "results": base64.b64encode(_head(streams["results"], _MOST_RECORD_BYTES)).decode(),
            "seconds": time.monotonic() - started,
        }
    finally:
        leftovers.end_descendants()
        for descriptor in (*streams.values(), ready):
            os.close(descriptor)
        leftovers.remove_folder(folder)
        if processes is not None:
            processes.close()


def _become_worker(
    job: Mapping[str, Any],
    folder: str,
    descriptors: tuple[int, ...],
    supervisor: int,
    processes: ProcessLimit | None,
) -> None:
    """Turn the new process into a worker that holds only its own descriptors. Never returns."""
    try:
        for target, descriptor in enumerate([_above(each, 10) for each in descriptors]):
            os.dup2(descriptor, target, inheritable=True)
        os.closerange(len(descriptors), _HIGHEST_DESCRIPTOR)
        worker.run_job(job, folder, supervisor, processes)
    except BaseException as error:  # noqa: BLE001 - the supervisor learns the reason
        with contextlib.suppress(OSError):
            os.write(worker.READY, f"{error}".encode()[:900] or b"unknown")
        worker.leave(125)
    worker.leave(0)


class _Watch:
    """Waits for a job's first process, and ends it if it exceeds a limit or the app is gone."""

    def __init__(self, job: Mapping[str, Any], folder: str, pid: int) -> None:
        self.limits = job["limits"]
        self.command = job["kind"] != "python"
        self.folder, self.pid = folder, pid
        self.started = time.monotonic()
        self.deadline = self.started + self.limits["seconds"]

    def wait(self) -> tuple[str, int | None]:
        """Return how the job ended, with its exit status or signal."""
        process = os.pidfd_open(self.pid)
        events = select.poll()
        events.register(process, select.POLLIN)
        events.register(0, select.POLLIN | select.POLLHUP)
        try:
            while True:
                found = [descriptor for descriptor, _ in events.poll(_LOOK_SECONDS * 1000)]
                if process in found:
                    return self._reap()
                if (passed := "cancelled" if 0 in found else self._limit_passed()) is not None:
                    os.kill(self.pid, signal.SIGKILL)
                    return passed, None
        finally:
            os.close(process)

    def _reap(self) -> tuple[str, int | None]:
        _, status, usage = os.wait4(self.pid, 0)
        exited = os.WIFEXITED(status)
        number = os.WEXITSTATUS(status) if exited else os.WTERMSIG(status)
        if exited and number == _KILLED_CHILD:
            # Bubblewrap reports a killed child, but not its CPU time, which is at most the time that passed.
            used = time.monotonic() - self.started
        else:
            used = usage.ru_utime + usage.ru_stime if number == signal.SIGKILL and not exited else 0.0
        if used >= self.limits["cpu_seconds"] - 0.1:
            return "timeout", None
        return ("exited" if exited else "signal"), number

    def _limit_passed(self) -> str | None:
        if time.monotonic() > self.deadline:
            return "timeout"
        if not leftovers.folder_within(self.folder, self.limits["disk_bytes"], self.limits["files"]):
            return "disk"
        if self.command:
            processes = leftovers.descendants()
            if len(processes) > self.limits["processes"]:
                return "processes"
            if leftovers.resident_bytes(processes) > self.limits["memory_bytes"]:
                return "memory"
        return None


def _standard_input(job: Mapping[str, Any]) -> bytes:
    """Return the first process's standard input. Inside bubblewrap, the evaluator reads its task from
    there.
    """
    if job["kind"] == "python":
        return json.dumps(job).encode() if job["barrier"] == "bubblewrap" else b""
    return base64.b64decode(job["stdin"])


def _write_files(files: Mapping[str, str], folder: str) -> None:
    for name, text in files.items():
        path = os.path.normpath(os.path.join(folder, name))
        if not path.startswith(f"{folder}/"):
            raise ValueError(f"{name} lies outside the private folder")
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "w", encoding="utf-8", newline="") as file:
            file.write(text)


def _read_exactly(count: int) -> bytes:
    data = b""
    while len(data) < count:
        if not (part := os.read(0, count - len(data))):
            sys.exit(0)
        data += part
    return data


def _above(descriptor: int, lowest: int) -> int:
    return fcntl.fcntl(descriptor, fcntl.F_DUPFD, lowest)


def _head(descriptor: int, most: int) -> bytes:
    return os.pread(descriptor, most, 0)


def _tail(descriptor: int, most: int) -> bytes:
    return os.pread(descriptor, most, max(0, os.fstat(descriptor).st_size - most))
