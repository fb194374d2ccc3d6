"""Finds the sandbox that works on this machine, probing once per app process.

Updating the app or the kernel starts a new process, so the sandbox is probed again.
"""

import asyncio
import sys
from collections.abc import Sequence
from dataclasses import dataclass

from server.execution.sandbox import bubblewrap
from server.execution.sandbox.probe import Kind, Proof, probe
from server.execution.sandbox.run import run
from server.execution.sandbox.values import CommandJob, JobResult, PythonJob, Unavailable

_ORDER: dict[Kind, tuple[str, ...]] = {
    "python": ("landlock", "bubblewrap"),
    "command": ("bubblewrap", "landlock"),
}
"""Landlock evaluates code faster. For commands, bubblewrap provides a separate file system."""


@dataclass(frozen=True)
class Sandbox:
    """A sandbox that a probe has proven to work for one kind of job."""

    proof: Proof

    async def run(self, jobs: Sequence[PythonJob | CommandJob]) -> list[JobResult]:
        """Run jobs of the proven kind one after another, each in fresh processes."""
        return await run(jobs, self.proof.barrier)


PROOFS: dict[Kind, list[Proof]] = {}
"""Probe results for this process. A probe takes a second or two."""


class Sandboxes:
    """Finds sandboxes and caches the probe results.

    Args:
        platform: the platform the app runs on.
        proofs: the known results; new ones are added.
    """

    def __init__(self, platform: str = sys.platform, proofs: dict[Kind, list[Proof]] | None = None) -> None:
        self._platform = platform
        self._proofs: dict[Kind, list[Proof]] = {} if proofs is None else proofs
        self._lock = asyncio.Lock()

    async def find(self, kind: Kind) -> Sandbox | Unavailable:
        """Return the first sandbox that works for this kind of job, or the reason why none works."""
        proofs = await self.proofs(kind)
        for proof in proofs:
            if proof.holds:
                return Sandbox(proof)
        return Unavailable(" ".join(f"{proof.barrier}: {proof.reason}" for proof in proofs))

    async def proofs(self, kind: Kind) -> list[Proof]:
        """Return the probe results up to and including the first sandbox that works."""
        async with self._lock:
            if kind not in self._proofs:
                self._proofs[kind] = await self._probe_all(kind)
            return self._proofs[kind]

    async def _probe_all(self, kind: Kind) -> list[Proof]:
        proofs: list[Proof] = []
        for barrier in _ORDER[kind]:
            if (missing := _missing(barrier, self._platform)) is not None:
                proofs.append(Proof(barrier, kind, reason=missing))
                continue
            proofs.append(await probe(barrier, kind))
            if proofs[-1].holds:
                break
        return proofs


def _missing(barrier: str, platform: str) -> str | None:
    """Return why a barrier cannot be probed, if it cannot."""
    if platform != "linux":
        return f"It exists only on Linux; this is {platform}."
    if barrier == "landlock" and _landlock_version() == 0:
        return "This kernel lacks Landlock (Linux 5.13 or newer, and switched on)."
    if barrier == "bubblewrap" and bubblewrap.program() is None:
        return "The program bwrap is not installed."
    return None


def _landlock_version() -> int:
    if sys.platform == "linux":
        from server.execution.sandbox.landlock import abi_version  # noqa: PLC0415 - Linux alone can import it

        return abi_version()
    return 0
