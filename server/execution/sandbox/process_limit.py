"""A hard limit on a command's number of processes, set before the command starts.

Counting from outside is too slow to stop a process that forks endlessly. For ordinary users, RLIMIT_NPROC
limits all of the user's processes. Root is exempt from it and needs a control group.
"""

import contextlib
import os
import resource
import sys
import time

assert sys.platform == "linux"

# No pathlib here: its import takes 10 ms at every start of a job.

_REMOVE_SECONDS = 2.0


class ProcessLimit:
    """Limits one command's number of processes."""

    def __init__(self, most: int) -> None:
        self.most = most
        self._group = _make_group(most) if os.getuid() == 0 else None

    def enter(self, *, required: bool) -> None:
        """Apply the limit to this process and its children.

        Args:
            required: whether there is no other way to stop processes from multiplying.

        Raises:
            OSError: ``required`` is set and the system offers no limit.
        """
        if self._group is not None:
            with open(f"{self._group}/cgroup.procs", "w", encoding="ascii") as file:
                file.write("0")
        elif os.getuid() != 0:
            most = _threads_of(os.getuid()) + self.most
            hard = resource.getrlimit(resource.RLIMIT_NPROC)[1]
            most = most if hard == resource.RLIM_INFINITY else min(most, hard)
            resource.setrlimit(resource.RLIMIT_NPROC, (most, most))
        elif required:
            raise OSError(
                "root's processes cannot be limited here, because there is no control group for them"
            )

    def close(self) -> None:
        """Remove the control group once its processes have ended."""
        deadline = time.monotonic() + _REMOVE_SECONDS
        while self._group is not None and time.monotonic() < deadline:
            try:
                os.rmdir(self._group)
            except OSError:
                time.sleep(0.01)
            else:
                return


def _make_group(most: int) -> str | None:
    """Create a control group with a process limit, if this process is allowed to."""
    for parent in _parents():
        group = f"{parent}/token-saver-{os.getpid()}-{os.urandom(4).hex()}"
        with contextlib.suppress(OSError):
            os.mkdir(group)
            try:
                with open(f"{group}/pids.max", "w", encoding="ascii") as file:
                    file.write(str(most))
            except OSError:
                os.rmdir(group)
                raise
            return group
    return None


def _parents() -> list[str]:
    """Return where a group can be created. cgroup v1 has a separate hierarchy for process limits, v2 a single
    one for everything.
    """
    found = []
    with open("/proc/self/mountinfo", encoding="utf-8") as file:
        for line in file:
            mount, _, rest = line.partition(" - ")
            place, (kind, _, options) = mount.split()[4], rest.split()[:3]
            if kind == "cgroup2" or (kind == "cgroup" and "pids" in options.split(",")):
                found.append(place)
    return found


def _threads_of(user: int) -> int:
    total = 0
    for name in os.listdir("/proc"):
        with contextlib.suppress(OSError):
            if name.isdigit() and os.stat(f"/proc/{name}").st_uid == user:
                total += len(os.listdir(f"/proc/{name}/task"))
    return total
