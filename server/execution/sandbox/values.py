"""Value types of the sandbox: limits, jobs, results."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

Ending = Literal["exited", "signal", "timeout", "memory", "disk", "processes", "cancelled", "not started"]
"""How a job ended. Only ``exited`` comes from the job itself; the supervisor decides all others."""

Network = Literal["none", "loopback", "host"]


@dataclass(frozen=True)
class Limits:
    """Limits for one job.

    Attributes:
        seconds: wall-clock time.
        cpu_seconds: CPU time per process.
        memory_bytes: address space per process, or total resident memory of a command's processes.
        file_bytes: size of each file and of each output stream.
        disk_bytes: total size of all files in the private folder.
        files: number of entries in the private folder.
        processes: number of processes and threads in a command; Python jobs cannot start child processes.
        open_files: file descriptors per process.
    """

    seconds: float = 10.0
    cpu_seconds: int = 10
    memory_bytes: int = 1 << 30
    file_bytes: int = 8 << 20
    disk_bytes: int = 64 << 20
    files: int = 2_000
    processes: int = 64
    open_files: int = 32


@dataclass(frozen=True)
class PythonJob:
    """A module to load and expressions to evaluate in it, in a fresh process.

    Attributes:
        source: the module's text.
        name: the module's name; ``__main__`` runs the module as a script.
        expressions: Python expressions, evaluated in order in the module's namespace.
        preamble: statements executed in that namespace before the expressions, such as imports.
        files: additional files for the private folder, by relative path; Python modules can be imported.
    """

    source: str
    name: str = "answer"
    expressions: tuple[str, ...] = ()
    preamble: str = ""
    files: Mapping[str, str] = field(default_factory=dict)
    limits: Limits = Limits()


@dataclass(frozen=True)
class CommandJob:
    """A command and its children, run in a folder they can change.

    Attributes:
        command: absolute path of the program, then its arguments.
        folder: working folder; None for the private folder.
        env: the complete environment; HOME and TMPDIR point into the private folder unless given.
        readable: files and folders the command can read and execute, in addition to the system's.
        writable: files and folders the command can change.
        protected: files and folders inside ``writable`` that the command can only read.
        files: text files for the private folder, by relative path.
        network: ``loopback`` allows connections among its own processes, if the barrier can tell them apart;
        ``host`` allows access to the machine's network, except for Unix sockets.
    """

    command: tuple[str, ...]
    folder: Path | None = None
    stdin: bytes = b""
    env: Mapping[str, str] = field(default_factory=dict)
    readable: tuple[Path, ...] = ()
    writable: tuple[Path, ...] = ()
    protected: tuple[Path, ...] = ()
    files: Mapping[str, str] = field(default_factory=dict)
    network: Network = "none"
    limits: Limits = Limits(
        seconds=120,
        cpu_seconds=600,
        memory_bytes=4 << 30,
        file_bytes=256 << 20,
        disk_bytes=2 << 30,
        files=200_000,
        processes=256,
        open_files=1024,
    )


@dataclass(frozen=True)
class JobResult:
    """The result of one job.

    Attributes:
        ending: how the job ended.
        exit_status: exit status for ``exited``, signal number for ``signal``, otherwise None.
        reason: one sentence, for every ending except ``exited``.
        stdout: the tail of its standard output.
        stderr: the tail of its standard error.
        seconds: wall-clock time.
        records: the evaluator's records, in order. The job's own code can also write records, so a
        record is only a claim. A judge compares it with data the job never saw.
    """

    ending: Ending
    exit_status: int | None = None
    reason: str = ""
    stdout: bytes = b""
    stderr: bytes = b""
    seconds: float = 0.0
    records: tuple[Mapping[str, Any], ...] = ()


@dataclass(frozen=True)
class Unavailable:
    """No sandbox on this machine can run this kind of job. The job is then "not run", for this reason."""

    reason: str
