"""Proves that a sandbox works on this machine by running hostile code in it; every attack must be blocked.

The probe sets up real targets (a secret, listening sockets, a victim process), lets ``hostile.py`` attack
them from inside, then examines both the targets and the attacker's report.
"""

import asyncio
import contextlib
import json
import os
import secrets
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

import psutil

from server.execution.sandbox.run import run
from server.execution.sandbox.values import CommandJob, JobResult, Limits, PythonJob

Kind = Literal["python", "command"]
_HOSTILE = Path(__file__).with_name("hostile.py")
_LIMITS = Limits(seconds=60, memory_bytes=512 << 20, file_bytes=4 << 20, open_files=64)
_BRIEF = Limits(seconds=0.4, memory_bytes=512 << 20)
_PATIENT_SECONDS = 10.0
_ENDLESS_PLACE = 2
_ENDLESS = "while True:\n    pass\n"
_CROWD = """
import os, time
for _ in range(200):
    if os.fork() == 0:
        time.sleep(20)
        os._exit(0)
print("all")
"""
_AF_UNIX = 1
"""``socket.AF_UNIX``, which Python on Windows lacks."""
_CONTENT = "a secret of another project"
_EXPECTED: dict[Kind, int] = {"python": 40, "command": 35}
"""Number of attempts in ``hostile.py``. A shorter report proves nothing."""


@dataclass(frozen=True)
class Proof:
    """The result of a probe.

    Attributes:
        barrier: ``landlock`` or ``bubblewrap``.
        kind: ``python`` for evaluated code, ``command`` for programs with children.
        blocked: names of the attempts that failed.
        open: names of the attempts that succeeded; empty if the barrier works.
        reason: why the barrier cannot be trusted; empty if it works.
    """

    barrier: str
    kind: Kind
    blocked: tuple[str, ...] = ()
    open: tuple[str, ...] = ()
    reason: str = ""

    @property
    def holds(self) -> bool:
        """Return whether the barrier can be trusted."""
        return not self.reason


async def probe(barrier: str, kind: Kind) -> Proof:
    """Attack a sandbox from inside and return whether it holds."""
    with _targets(kind) as targets:
        jobs = _jobs(targets, kind)
        harmless, attack, endless, *crowd = await run(jobs, barrier)
        if endless.ending == "not started":  # on a busy machine, the barrier needs more time than its limit
            patient = replace(jobs[_ENDLESS_PLACE], limits=replace(_BRIEF, seconds=_PATIENT_SECONDS))
            [endless] = await run([patient], barrier)
        if (reason := _not_working(harmless, endless)) is not None:
            return Proof(barrier, kind, reason=reason)
        try:
            report = json.loads(attack.stdout)
        except ValueError:
            detail = attack.reason or attack.stderr.decode(errors="replace").strip()[-200:]
            return Proof(barrier, kind, reason=f"The probe did not finish ({attack.ending}): {detail}")
        breached = [name for name, outcome in report.items() if not outcome.startswith("blocked")]
        breached += await _seen_from_outside(targets)
        breached += ["start any number of processes" for each in crowd if each.stdout.strip() == b"all"]
    blocked = tuple(name for name in report if name not in breached)
    if len(report) < _EXPECTED[kind]:
        return Proof(barrier, kind, blocked, reason=f"The probe made only {len(report)} attempts.")
    reason = f"Not blocked here: {', '.join(breached)}." if breached else ""
    return Proof(barrier, kind, blocked, tuple(breached), reason)


def _jobs(targets: "_Targets", kind: Kind) -> list[PythonJob | CommandJob]:
    """Return a harmless job, the attack, a job that never ends and, for commands, a fork bomb."""
    attack = f"TARGETS = {targets.given!r}\n{_HOSTILE.read_text(encoding='utf-8')}"
    if kind == "python":
        return [
            PythonJob("import json\ndef f(x):\n    return x + 1", expressions=("f(1)",), limits=_LIMITS),
            PythonJob(attack, name="hostile", limits=_LIMITS),
            PythonJob(_ENDLESS, limits=_BRIEF),
        ]
    python, readable = os.path.realpath(sys.executable), (Path(sys.base_prefix),)
    start = (python, "-I", "-S", "-c")
    return [
        CommandJob((*start, "print(1 + 1)"), readable=readable, limits=_LIMITS),
        CommandJob((python, "-I", "-S", "-"), stdin=attack.encode(), readable=readable, limits=_LIMITS),
        CommandJob((*start, _ENDLESS), readable=readable, limits=_BRIEF),
        CommandJob((*start, _CROWD), readable=readable, limits=replace(_LIMITS, processes=20)),
    ]


def _not_working(harmless: JobResult, endless: JobResult) -> str | None:
    worked = harmless.stdout == b"2\n" or any(
        record.get("value") == ["int", "0x2"] for record in harmless.records
    )
    if not worked:
        detail = harmless.reason or harmless.stderr.decode(errors="replace").strip()[-300:]
        return f"Harmless code does not run in it ({harmless.ending}): {detail}"
    return None if endless.ending == "timeout" else f"It does not stop endless code ({endless.ending})."


@dataclass(frozen=True)
class _Targets:
    """The targets of the attack, as given to the attacker and as watched by the probe."""

    given: dict[str, Any]
    secret: Path
    folder: Path
    before: tuple[float, ...]
    listeners: tuple[socket.socket, ...]
    victim: "subprocess.Popen[bytes]"


@contextlib.contextmanager
def _targets(kind: Kind) -> Iterator[_Targets]:
    mark = f"token-saver-probe-{secrets.token_hex(8)}"
    interpreter = Path(sys.executable).resolve()
    with contextlib.ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="token-saver-probe-"))).resolve()
        secret = folder / "secret"
        secret.write_text(_CONTENT, encoding="utf-8")
        secret.chmod(0o600)
        tcp = _listener(stack, socket.AF_INET, ("127.0.0.1", 0))
        udp = _listener(stack, socket.AF_INET, ("127.0.0.1", 0), socket.SOCK_DGRAM)
        by_path = _listener(stack, _AF_UNIX, str(folder / "socket"))
        datagrams = _listener(stack, _AF_UNIX, str(folder / "datagrams"), socket.SOCK_DGRAM)
        abstract = _listener(stack, _AF_UNIX, f"\0{mark}")
        victim = stack.enter_context(
            subprocess.Popen(
                [sys.executable, "-I", "-S", "-c", "import sys; sys.stdin.read()"],
                stdin=subprocess.PIPE,
                env={"TOKEN_SAVER_PROBE_SECRET": "x"},
            )
        )
        stack.callback(victim.kill)
        given = {
            "kind": kind,
            "mark": mark,
            "secret": str(secret),
            "folder": str(folder),
            "home": str(Path.home()),
            "home_entries": _entries(Path.home(), interpreter),
            "temporary": tempfile.gettempdir(),
            "tcp": tcp.getsockname()[1],
            "udp": udp.getsockname()[1],
            "unix": str(folder / "socket"),
            "unix_datagrams": str(folder / "datagrams"),
            "victim": victim.pid,
            "memory": 2 * _LIMITS.memory_bytes,
            "file": _LIMITS.file_bytes,
        }
        listeners = (tcp, udp, by_path, datagrams, abstract)
        yield _Targets(given, secret, folder, _attributes(secret), listeners, victim)


async def _seen_from_outside(targets: _Targets) -> list[str]:
    """Return the attacks whose effects are visible from outside, whatever the attacker reports."""
    seen = []
    if not targets.secret.exists() or targets.secret.read_text(encoding="utf-8") != _CONTENT:
        seen.append("change a secret")
    elif _attributes(targets.secret) != targets.before:
        seen.append("change a secret's attributes")
    if {path.name for path in targets.folder.iterdir()} - {"secret", "socket", "datagrams"}:
        seen.append("make a file outside")
    if (Path(targets.given["temporary"]) / targets.given["mark"]).exists():
        seen.append("make a file in the folder for temporary files")
    for listener in targets.listeners:
        listener.setblocking(False)
        with contextlib.suppress(BlockingIOError):
            if listener.type == socket.SOCK_DGRAM:
                listener.recv(1)
            else:
                listener.accept()[0].close()
            seen.append("reach a socket")
    if targets.victim.poll() is not None:
        seen.append(f"end another process with {signal.Signals(-targets.victim.returncode).name}")
    if await asyncio.to_thread(_survivor, targets.given["mark"]):
        seen.append("survive the end")
    return seen


def _listener(
    stack: contextlib.ExitStack, family: int, address: Any, kind: int = socket.SOCK_STREAM
) -> socket.socket:
    listener = stack.enter_context(socket.socket(family, kind))
    listener.bind(address)
    if kind == socket.SOCK_STREAM:
        listener.listen()
    return listener


def _entries(folder: Path, interpreter: Path) -> list[str]:
    """Return a folder's entries, except the path to the interpreter, which jobs may use."""
    try:
        return [path.name for path in folder.iterdir() if path not in interpreter.parents]
    except OSError:
        return []


def _attributes(path: Path) -> tuple[float, ...]:
    found = path.stat()
    return (found.st_mode, found.st_uid, found.st_gid, found.st_nlink, found.st_size, found.st_mtime)


def _survivor(mark: str) -> bool:
    return any(mark in (process.info["cmdline"] or ()) for process in psutil.process_iter(["cmdline"]))
