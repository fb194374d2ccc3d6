"""Command lines for bubblewrap: separate process, network, mount and IPC namespaces (Linux)."""

import os
import sys
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

# No pathlib here: its import takes 10 ms at every start of a job.

PROGRAM_PLACES = ("/usr/bin/bwrap", "/usr/local/bin/bwrap", "/bin/bwrap")
_ISOLATION = (
    *("--unshare-user-try", "--unshare-ipc", "--unshare-pid", "--unshare-uts"),
    *("--unshare-cgroup-try", "--die-with-parent", "--new-session", "--cap-drop", "ALL"),
)

NETWORK_FILES = tuple(
    f"/etc/{name}" for name in ("resolv.conf", "hosts", "host.conf", "nsswitch.conf", "gai.conf", "services")
)
"""Files needed for name resolution by a command that may use the machine's network."""
_CLOSED = ("--remount-ro", "/")
"""The root is an in-memory file system that jobs must not fill up."""
_KERNEL = ("acpi", "asound", "bus", "driver", "fs", "irq", "mtrr", "pressure", "scsi", "sys", "sysrq-trigger")
"""Settings of the kernel in ``/proc``. Root owns them, even without capabilities, so a hub that runs as root
could change them: bubblewrap's own cover leaves out folders without a mode for writing, such as ``sys``.
"""
DEVICES = ("/dev/null", "/dev/urandom", "/dev/random", "/dev/zero")


def program() -> str | None:
    """Return the path of the system's ``bwrap``. PATH is not searched: someone else may have put a program
    there.
    """
    return next((path for path in PROGRAM_PLACES if os.access(path, os.X_OK)), None)


def around_evaluator(folder: str, readable: Iterable[str]) -> list[str]:
    """Return the command line that runs this app's ``worker.main`` in bubblewrap."""
    package = os.path.dirname(os.path.abspath(__file__))
    root = os.path.dirname(os.path.dirname(os.path.dirname(package)))
    interpreter = os.path.realpath(sys.executable)
    own = (package, f"{root}/server/__init__.py", f"{root}/server/execution/__init__.py", interpreter)
    return [
        *_start((*readable, *own)),
        *(word for device in DEVICES for word in ("--dev-bind-try", device, device)),
        *_writable([folder]),
        *_CLOSED,
        *("--chdir", folder, "--", interpreter, *interpreter_options(root, "worker")),
    ]


def around_command(job: Mapping[str, Any], folder: str, system: Iterable[str], filter_fd: int) -> list[str]:
    """Return the command line that runs the job's command in bubblewrap.

    ``/tmp`` and ``/dev/shm`` are inside the private folder, where their size is monitored.
    """
    for name in ("tmp", "shm"):
        os.makedirs(f"{folder}/{name}", exist_ok=True)
    host = job["network"] == "host"
    return [
        *_start((*system, *(NETWORK_FILES if host else ())), network=host),
        *("--proc", "/proc", *_readable(f"/proc/{name}" for name in _KERNEL)),
        *("--dev", "/dev", "--bind", f"{folder}/shm", "/dev/shm"),  # noqa: S108 - inside
        *("--bind", f"{folder}/tmp", "/tmp"),  # noqa: S108 - inside
        *_readable(job["readable"]),
        *_writable([*job["writable"], folder]),
        *_readable(job["protected"]),
        *_CLOSED,
        *("--seccomp", str(filter_fd), "--chdir", job["folder"] or folder, "--"),
        *job["command"],
    ]


def interpreter_options(root: str, module: str) -> tuple[str, ...]:
    """Return Python options that run ``main`` from a module in this package without loading the user's
    packages.
    """
    path = f"import sys; sys.path.insert(0, {root!r})"
    start = f"{path}; from server.execution.sandbox.{module} import main; main()"
    return ("-I", "-S", "-B", "-X", "utf8", "-c", start)


def _start(readable: Iterable[str], *, network: bool = False) -> list[str]:
    if (bwrap := program()) is None:
        raise OSError("bubblewrap is not installed")
    own_network = () if network else ("--unshare-net",)
    return [bwrap, *_ISOLATION, *own_network, *_readable(readable)]


def _readable(paths: Iterable[str]) -> list[str]:
    return [word for path in paths for word in ("--ro-bind-try", path, path)]


def _writable(paths: Sequence[str]) -> list[str]:
    return [word for path in paths for word in ("--bind", path, path)]
