"""Limits on what a job leaves behind: processes, files and memory. Measured while the job runs, removed
afterwards.
"""

import contextlib
import os
import shutil
import signal
import stat
import sys
import time
from collections.abc import Iterator

assert sys.platform == "linux"

# No pathlib here: its import takes 10 ms at every start of a job.

_END_SECONDS = 5.0
_PAGE = os.sysconf("SC_PAGE_SIZE")
_KERNEL_LISTS_CHILDREN = os.path.exists(f"/proc/self/task/{os.getpid()}/children")
"""CONFIG_PROC_CHILDREN."""


def descendants(pid: int | None = None) -> list[int]:
    """Return all descendants of ``pid`` (this process by default), parents before children."""
    found: list[int] = []
    waiting = [pid or os.getpid()]
    while waiting:
        children = _children(waiting.pop())
        found += children
        waiting += children
    return found


def end_descendants() -> None:
    """Kill all descendants of this process, which is a subreaper, until none are left.

    Processes are stopped first so that one that forks endlessly cannot outrun the kills.
    """
    deadline = time.monotonic() + _END_SECONDS
    while time.monotonic() < deadline:
        with contextlib.suppress(ChildProcessError):
            while os.waitpid(-1, os.WNOHANG)[0]:
                pass
        if not (alive := descendants()):
            return
        for number in (signal.SIGSTOP, signal.SIGKILL):
            for pid in alive:
                with contextlib.suppress(ProcessLookupError, PermissionError):
                    os.kill(pid, number)
        time.sleep(0.001)


def resident_bytes(processes: list[int]) -> int:
    """Return the memory held by the processes, in bytes. Shared pages count once per process."""
    total = 0
    for pid in processes:
        with contextlib.suppress(OSError, ValueError, IndexError):
            total += int(_text(f"/proc/{pid}/statm").split()[1]) * _PAGE
    return total


def folder_within(folder: str, most_bytes: int, most_entries: int) -> bool:
    """Return whether a folder stays within these limits. Size is counted in allocated blocks."""
    blocks = 0
    for entries, entry in enumerate(_below(folder), 1):
        with contextlib.suppress(OSError):
            blocks += entry.stat(follow_symlinks=False).st_blocks
        if entries > most_entries or blocks * 512 > most_bytes:
            return False
    return True


def remove_folder(folder: str) -> None:
    """Remove a folder filled by hostile code, whatever its depth or file modes, without following links."""
    moved, unused = 0, os.urandom(8).hex()
    waiting = [folder]
    while waiting:
        current = waiting.pop()
        with contextlib.suppress(OSError):
            os.chmod(current, stat.S_IRWXU)
            for entry in list(os.scandir(current)):
                if not entry.is_dir(follow_symlinks=False):
                    os.unlink(entry.path)
                elif current == folder:
                    waiting.append(entry.path)
                else:  # moved to the top, so that no path gets longer than a system call accepts
                    moved += 1
                    flat = os.path.join(folder, f"{unused}-{moved}")
                    os.rename(entry.path, flat)
                    waiting.append(flat)
            if current != folder:
                os.rmdir(current)
    shutil.rmtree(folder, ignore_errors=True)


def _below(folder: str) -> Iterator[os.DirEntry[str]]:
    waiting = [folder]
    while waiting:
        with contextlib.suppress(OSError), os.scandir(waiting.pop()) as entries:
            for entry in entries:
                yield entry
                if entry.is_dir(follow_symlinks=False):
                    waiting.append(entry.path)


def _children(pid: int) -> list[int]:
    if not _KERNEL_LISTS_CHILDREN:
        return _children_by_parent(pid)
    children: list[int] = []
    with contextlib.suppress(OSError):
        for thread in os.listdir(f"/proc/{pid}/task"):
            with open(f"/proc/{pid}/task/{thread}/children", encoding="ascii") as file:
                children += [int(each) for each in file.read().split()]
    return children


def _children_by_parent(pid: int) -> list[int]:
    children = []
    for name in os.listdir("/proc"):
        with contextlib.suppress(OSError, ValueError, IndexError):
            if int(_text(f"/proc/{int(name)}/stat").rpartition(")")[2].split()[1]) == pid:
                children.append(int(name))
    return children


def _text(path: str) -> str:
    with open(path, encoding="utf-8", errors="replace") as file:
        return file.read()
