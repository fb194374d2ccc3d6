"""Runs jobs in a sandbox: the app's side of the supervisor."""

import asyncio
import base64
import contextlib
import json
import sys
import sysconfig
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from server.execution.sandbox.bubblewrap import interpreter_options
from server.execution.sandbox.values import CommandJob, Ending, JobResult, PythonJob

_ROOT = Path(__file__).parents[3]
_START_SECONDS = 30.0
"""Extra time for startup and cleanup on a busy machine (seconds)."""
_REASONS = {
    "timeout": "It did not end within its time.",
    "memory": "It took more memory than allowed.",
    "disk": "It wrote more than allowed.",
    "processes": "It started more processes than allowed.",
    "cancelled": "It was cancelled.",
}


async def run(
    jobs: Sequence[PythonJob | CommandJob], barrier: str, *, temporary: Path | None = None
) -> list[JobResult]:
    """Run jobs one after another, each in fresh processes, and return their results in order.

    If the call is cancelled, it ends all of the jobs' processes before returning.

    Args:
        jobs: the jobs to run.
        barrier: ``landlock`` or ``bubblewrap``; ``find.py`` says which one is proven on this machine.
        temporary: parent folder of the private folders; the system's temporary folder by default.
    """
    folder = str((temporary or Path(tempfile.gettempdir())).resolve())
    batch = {"temporary": folder, "jobs": [_form(job, barrier) for job in jobs]}
    payload = json.dumps(batch).encode()
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, *interpreter_options(str(_ROOT), "supervisor")),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        cwd="/",
        env={"LANG": "C.UTF-8"},
        start_new_session=True,
        limit=64 << 20,
    )
    assert process.stdin is not None
    assert process.stdout is not None
    assert process.stderr is not None
    results: list[JobResult] = []
    try:
        process.stdin.write(len(payload).to_bytes(8, "big") + payload)
        async with asyncio.timeout(sum(job.limits.seconds for job in jobs) + _START_SECONDS):
            while len(results) < len(jobs) and (line := await process.stdout.readline()):
                results.append(_result(json.loads(line)))
    except TimeoutError:
        pass
    finally:
        await _finished(asyncio.create_task(_end(process)))
    error = (await process.stderr.read())[-400:].decode(errors="replace").strip()
    missing = JobResult("not started", reason=error or "The sandbox ended early.")
    return results + [missing] * (len(jobs) - len(results))


async def _end(process: asyncio.subprocess.Process) -> None:
    """Close the supervisor's input so that it ends every process it started. Kill it if it does not exit.

    The kernel ties its workers to it, so they end as well.
    """
    assert process.stdin is not None
    process.stdin.close()
    try:
        async with asyncio.timeout(_START_SECONDS):
            await process.wait()
    except TimeoutError:
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        await process.wait()


async def _finished(task: asyncio.Task[None]) -> None:
    """Wait for a task to finish, even if the caller is cancelled repeatedly. Then raise the cancellation."""
    cancelled: asyncio.CancelledError | None = None
    while not task.done():
        try:
            await asyncio.shield(task)
        except asyncio.CancelledError as error:
            cancelled = error
    if cancelled is not None:
        raise cancelled


def _form(job: PythonJob | CommandJob, barrier: str) -> dict[str, Any]:
    """Return the JSON form of a job, as read by the supervisor and the worker."""
    form: dict[str, Any] = {"barrier": barrier, "limits": asdict(job.limits), "env": {}, "folder": None}
    if isinstance(job, PythonJob):
        task = {
            "source": job.source,
            "name": job.name,
            "preamble": job.preamble,
            "expressions": list(job.expressions),
        }
        return form | {"kind": "python", "task": task, "files": dict(job.files), "readable": _interpreter()}
    return form | {
        "kind": "command",
        "command": list(job.command),
        "stdin": base64.b64encode(job.stdin).decode(),
        "files": dict(job.files),
        "env": dict(job.env),
        "folder": str(job.folder.resolve()) if job.folder else None,
        "readable": [str(path.resolve()) for path in job.readable],
        "writable": [str(path.resolve()) for path in job.writable],
        "protected": [str(path.resolve()) for path in job.protected],
        "network": job.network,
    }


def _interpreter() -> list[str]:
    """Return the files the interpreter itself reads: its library, without installed packages."""
    paths = sysconfig.get_paths()
    library = Path(sys.base_prefix) / "lib"
    shared = [str(path) for path in library.glob("libpython*")] if library.is_dir() else []
    return [*{paths["stdlib"], paths["platstdlib"]}, *shared]


def _result(report: Mapping[str, Any]) -> JobResult:
    ending: Ending = report["ending"]
    return JobResult(
        ending=ending,
        exit_status=report["status"],
        reason=report["reason"] or _REASONS.get(ending, ""),
        stdout=base64.b64decode(report["stdout"]),
        stderr=base64.b64decode(report["stderr"]),
        seconds=report["seconds"],
        records=_records(base64.b64decode(report["results"])),
    )


def _records(data: bytes) -> tuple[Mapping[str, Any], ...]:
    """Return the evaluator's records up to the first invalid line: the job may have written anything."""
    records: list[Mapping[str, Any]] = []
    for line in data.splitlines():
        try:
            record = json.loads(line)
        except (ValueError, RecursionError):
            break
        if not isinstance(record, dict) or not isinstance(record.get("record"), str):
            break
        if not isinstance(record.get("index", 0), int) or not isinstance(record.get("error", {}), dict):
            break
        records.append(record)
    return tuple(records)
