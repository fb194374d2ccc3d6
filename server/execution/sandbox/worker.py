"""The restricted process for one job: gives up its privileges, then evaluates code or executes a command."""

import contextlib
import json
import os
import sys
from collections.abc import Mapping, Sequence
from typing import Any

from server.execution.sandbox import bubblewrap, landlock, privileges, seccomp
from server.execution.sandbox.evaluator import evaluate

if sys.platform == "linux":
    from server.execution.sandbox.process_limit import ProcessLimit

assert sys.platform == "linux"

# No pathlib here: its import takes 10 ms at every start of a job.

RESULTS, READY = 3, 4
"""File descriptors: one for the evaluator's records, one that gets ``ok`` once all barriers are in place and
is then closed.
"""
_LIBRARIES = ("/lib", "/lib64", "/usr/lib", "/usr/lib64", "/usr/local/lib", "/etc/ld.so.cache")
_TIME_AND_LOCALE = ("/usr/share/zoneinfo", "/etc/localtime", "/usr/share/locale")
SYSTEM = (
    *_LIBRARIES,
    *_TIME_AND_LOCALE,
    "/usr/bin",
    "/bin",
    "/usr/sbin",
    "/sbin",
    "/usr/libexec",
    "/usr/share",
    "/usr/include",
    "/usr/local/bin",
    "/usr/local/share",
    "/usr/local/include",
    "/opt",
    "/etc/alternatives",
    "/etc/ld.so.conf",
    "/etc/ld.so.conf.d",
    "/etc/ssl/certs",
    "/etc/mime.types",
)
"""The parts of the system a command can read: programs, libraries and their data, but no accounts or
secrets.
"""


def run_job(job: Mapping[str, Any], folder: str, supervisor: int, processes: ProcessLimit | None) -> None:
    """Restrict this process and run the job. Returns once Python code has been evaluated.

    The only open descriptors are the standard streams, ``RESULTS`` and ``READY``.

    Args:
        job: the job's JSON form (``run.py``).
        folder: the job's private folder.
        supervisor: process ID of the parent.
        processes: the process limit for a command; None for Python code, which cannot start processes.

    Raises:
        OSError: a barrier cannot be set up.
    """
    os.setsid()
    privileges.end_with(supervisor)
    os.umask(0o077)
    os.environ.clear()
    os.environ.update({"HOME": folder, "TMPDIR": folder, "LANG": "C.UTF-8"} | job["env"])
    os.chdir(job["folder"] or folder)
    if processes is not None:
        # bubblewrap's process namespace can be ended at once, regardless of its number of processes.
        processes.enter(required=job["barrier"] != "bubblewrap")
    if job["barrier"] == "bubblewrap":
        _become_bubblewrap(job, folder)
    python = job["kind"] == "python"
    privileges.set_limits(job["limits"], address_space=python)
    privileges.drop_privileges()
    if python:
        landlock.restrict(
            (*_LIBRARIES, *_TIME_AND_LOCALE, *job["readable"]), [folder], bubblewrap.DEVICES, tcp=False
        )
        _evaluate(job["task"])
    else:
        if job["network"] == "loopback":
            raise OSError("connections among a command's own processes need bubblewrap")
        host = job["network"] == "host"
        network_files = tuple(map(os.path.realpath, bubblewrap.NETWORK_FILES)) if host else ()
        writable = [folder, *_without_protected(job["writable"], job["protected"])]
        landlock.restrict(
            (*SYSTEM, *network_files, *job["readable"], *job["writable"]),
            writable,
            bubblewrap.DEVICES,
            tcp=host,
        )
        _execute(job["command"], seccomp.command_filter(_machine(), internet=host, own_mounts=False))


def main() -> None:
    """Evaluate inside bubblewrap. The job is read from standard input."""
    with open(0, encoding="utf-8") as stdin:
        job = json.load(stdin)
    os.open("/dev/null", os.O_RDONLY)  # becomes the lowest free descriptor, 0
    os.umask(0o077)
    privileges.set_limits(job["limits"], address_space=True)
    privileges.drop_privileges()
    _evaluate(job["task"])
    leave(0)


def leave(status: int) -> None:
    """Exit immediately, without waiting for the module's threads or exit handlers."""
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(Exception):
            stream.flush()
    os._exit(status)


def _evaluate(task: Mapping[str, Any]) -> None:
    """Evaluate behind a filter, in an interpreter that contains nothing from the app."""
    seccomp.install(seccomp.python_filter(_machine(), os.getpid()))
    os.write(READY, b"ok")
    os.close(READY)
    for name in [name for name in sys.modules if name.partition(".")[0] == "server"]:
        del sys.modules[name]
    sys.path[:] = [os.getcwd(), *(entry for entry in sys.path if entry.startswith(sys.base_prefix))]
    sys.argv = [f"{task['name']}.py"]
    results = os.fdopen(RESULTS, "w", encoding="utf-8", errors="surrogatepass", closefd=False)

    def write(line: str) -> None:
        results.write(line + "\n")
        results.flush()

    evaluate(task, write)


def _execute(command: list[str], program: bytes | None) -> None:
    os.close(RESULTS)
    os.set_inheritable(READY, False)
    if program is not None:
        seccomp.install(program)
    os.write(READY, b"ok")
    os.execve(command[0], command, os.environ)  # noqa: S606 - no shell is wanted


def _become_bubblewrap(job: Mapping[str, Any], folder: str) -> None:
    """Replace this process with bubblewrap around the evaluator or the command."""
    if job["kind"] == "python":
        command = bubblewrap.around_evaluator(folder, (*_LIBRARIES, *_TIME_AND_LOCALE, *job["readable"]))
        os.execve(command[0], command, os.environ)  # noqa: S606 - no shell is wanted
    privileges.set_limits(job["limits"], address_space=False)
    program = os.memfd_create("filter", 0)
    os.write(program, seccomp.command_filter(_machine(), internet=job["network"] != "none", own_mounts=True))
    os.lseek(program, 0, os.SEEK_SET)
    _execute(bubblewrap.around_command(job, folder, SYSTEM, program), None)


def _machine() -> str:
    if (machine := seccomp.machine_name()) is None:
        raise OSError("the system calls of this machine are not known")
    return machine


def _without_protected(writable: Sequence[str], protected: Sequence[str]) -> list[str]:
    """Return paths that cover ``writable`` but leave out ``protected``.

    Landlock can only grant access, so a folder that contains a protected path is replaced by its entries. As
    a result, new entries cannot be created directly in it.
    """
    allowed: list[str] = []
    for path in writable:
        if path in protected:
            continue
        if any(each.startswith(path.rstrip("/") + "/") for each in protected):
            inner = [entry.path for entry in os.scandir(path) if not entry.is_symlink()]
            allowed += _without_protected(inner, protected)
        else:
            allowed.append(path)
    return allowed
