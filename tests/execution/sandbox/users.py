"""Running sandboxed jobs as the test's own user, or as the ordinary user ``nobody``."""

import asyncio
import importlib.util
import json
import os
import pickle
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

from server.execution.sandbox.run import run
from server.execution.sandbox.values import CommandJob, JobResult, PythonJob

NOBODY = 65534
SYSTEM_PYTHON = Path("/usr/bin/python3")
_PROJECT = Path(__file__).parents[3]
_RUN_AS_NOBODY = """
import asyncio, pickle, sys
from server.execution.sandbox.run import run
jobs, barrier, temporary = pickle.load(sys.stdin.buffer)
sys.stdout.buffer.write(pickle.dumps(asyncio.run(run(jobs, barrier, temporary=temporary))))
"""
_PROBE_AS_NOBODY = """
import asyncio, sys, json
from server.execution.sandbox.probe import probe
proof = asyncio.run(probe(sys.argv[1], sys.argv[2]))
print(json.dumps([proof.holds, proof.reason, len(proof.blocked)]))
"""


class Runner:
    """Runs jobs as one user.

    Attributes:
        user: ``this user`` or ``nobody``.
        folder: the copy of the code that ``nobody`` may read.
        temporary: where private folders are made.
    """

    def __init__(self, user: str, folder: Path, temporary: Path) -> None:
        self.user, self.folder, self.temporary = user, folder, temporary

    async def run(self, jobs: Sequence[PythonJob | CommandJob], barrier: str) -> list[JobResult]:
        """Run the jobs and return their results."""
        if self.user != "nobody":
            return await run(jobs, barrier, temporary=self.temporary)
        payload = pickle.dumps((list(jobs), barrier, self.temporary))
        output = await asyncio.to_thread(self._python, _RUN_AS_NOBODY, (), payload)
        results: list[JobResult] = pickle.loads(output)
        return results

    def probe(self, barrier: str, kind: str) -> tuple[bool, str, int]:
        """Return whether the probe's barrier holds, the reason why not, and how much it blocked."""
        if self.user != "nobody":
            output = subprocess.run(
                [sys.executable, "-c", _PROBE_AS_NOBODY, barrier, kind],
                capture_output=True,
                check=True,
                cwd=_PROJECT,
            ).stdout
        else:
            output = self._python(_PROBE_AS_NOBODY, (barrier, kind), b"")
        holds, reason, blocked = json.loads(output)
        return holds, reason, blocked

    def _python(self, script: str, arguments: Sequence[str], stdin: bytes) -> bytes:
        done = subprocess.run(
            [SYSTEM_PYTHON, "-c", script, *arguments],
            input=stdin,
            capture_output=True,
            check=False,
            cwd="/",
            user=NOBODY,
            group=NOBODY,
            extra_groups=[],
            env={"PYTHONPATH": str(self.folder), "HOME": "/nonexistent", "PATH": "/usr/bin:/bin"},
            timeout=120,
        )
        assert done.returncode == 0, done.stderr.decode()
        return done.stdout


def readable_copy(folder: Path) -> Path:
    """Copy the sandbox's files to a folder that every user may read."""
    if os.getuid() != 0:
        pytest.skip("only root can become another user")
    if not SYSTEM_PYTHON.exists():
        pytest.skip("no system-wide Python that another user may run")
    for part in ("server/__init__.py", "server/execution"):
        source, target = _PROJECT / part, folder / part
        target.parent.mkdir(parents=True, exist_ok=True)
        if source.is_dir():
            shutil.copytree(source, target, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(source, target)
    psutil = importlib.util.find_spec("psutil")
    assert psutil is not None
    assert psutil.origin is not None
    shutil.copytree(
        Path(psutil.origin).parent, folder / "psutil", ignore=shutil.ignore_patterns("__pycache__")
    )
    for path in (folder, *folder.parents[:2]):
        path.chmod(path.stat().st_mode | 0o055)  # adds bits only: a parent may be the shared temporary folder
    return folder
