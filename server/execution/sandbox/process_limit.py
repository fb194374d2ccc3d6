"""A hard limit on the number of a command's processes, set before the command starts.

Counting from outside is too slow for a process that forks without end. For an ordinary user, RLIMIT_NPROC
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
    """Limits the processes of one command."""

    def __init__(self, most: int) -> None:
        self.most = most
        self._group = _make_group(most) if os.getuid() == 0 else None

    def enter(self, *, required: bool) -> None:
        """Apply the limit to this process and its children.

        Args:
            required: whether no other way exists to end processes that multiply.

        Raises:
            OSError: ``required`` is set, and the system offers no limit.
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
            raise OSError("root's processes cannot be bounded here: there is no control group for them")

    def close(self) -> None:
        """Remove the control group after its processes have ended."""
        deadline = time.monotonic() + _REMOVE_SECONDS
        while self._group is not None and time.monotonic() < deadline:
            try:
                os.rmdir(self._group)
            except OSError:
                time.sleep(0.01)
            else:
                return


def _make_group(most: int) -> str | None:
    """Make a control group with a limit on processes, if this process is allowed to."""
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
    """Return the places for a group. Version 1 has a hierarchy for processes, version 2 one for all."""
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
