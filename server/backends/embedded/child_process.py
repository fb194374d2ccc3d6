"""Starts and stops the embedded engine's process."""

import asyncio
import json
import secrets
import subprocess
import sys
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, BinaryIO

import psutil

from server.backends.embedded.builds import crash_reason, own_environ
from server.common.errors import BackendFailed
from server.common.processes import NO_WINDOW

END_SECONDS = 1.0
REAP_SECONDS = 0.5
"""Grace period for a killed process to close its connections before it is considered gone (seconds)."""
LOG_TAIL = 4_000
# Time limit for reading weights from a slow disk. A warm start takes a second.
START_SECONDS = 600.0


@dataclass(frozen=True)
class Order:
    """The configuration for the engine's process.

    ``num_ctx`` is the context per slot, in tokens. ``on_gpu`` is true if the build uses a GPU. ``program`` is
    the path to a ``llama-server`` (empty for the library), and ``environ`` is its environment.
    """

    model: str
    path: str
    num_ctx: int
    slots: int
    threads: int
    gpu_layers: int
    cache_mib: int = 512
    on_gpu: bool = False
    program: str = ""
    environ: Mapping[str, str] = field(default_factory=dict)


class Child:
    """A running process, reachable with ``url`` and ``api_key``.

    ``pid`` is reported by the process itself, because on Windows the started process can be a launcher.
    """

    def __init__(
        self,
        order: Order,
        process: asyncio.subprocess.Process,
        log: Path,
        *,
        url: str,
        api_key: str,
        pid: int,
    ) -> None:
        self.order = order
        self.url = url
        self.api_key = api_key
        self.pid = pid
        self._process = process
        self._log = log
        self.told_to_end = False
        """Whether the app itself stopped the process. If not, the process crashed."""

    @property
    def alive(self) -> bool:
        """Return whether the process is running. A process that was just killed is not."""
        if self._process.returncode is not None:
            return False
        try:
            return psutil.Process(self.pid).status() != psutil.STATUS_ZOMBIE
        except psutil.Error:
            return False

    @property
    def log(self) -> Path:
        """Path to the process's log."""
        return self._log

    @property
    def memory(self) -> int:
        """Resident memory in bytes, including weights and caches; 0 if the process has exited."""
        try:
            return int(psutil.Process(self.pid).memory_info().rss)
        except psutil.Error:
            return 0

    async def ended(self) -> int:
        """Wait for the process to exit and return its exit status, or the negated signal that killed it."""
        return await self._process.wait()

    async def ending(self) -> str:
        """Return how the process ended, phrased as part of a sentence; empty while it is running."""
        with suppress(TimeoutError):
            async with asyncio.timeout(REAP_SECONDS):
                await self._process.wait()
        status = self._process.returncode
        return "" if status is None else _ending(status, self._log)

    async def end(self) -> None:
        """Stop the process and return once its memory is freed."""
        self.told_to_end = self.alive
        await _end(self._process)


async def start_child(order: Order, log: Path) -> Child:
    """Start the process and return once the model is loaded. Cancelling stops the process.

    Raises:
        BackendFailed: the process could not load the model. The cause is taken from its log.
    """
    api_key = secrets.token_urlsafe(24)
    process = await _spawn(log)
    try:
        async with asyncio.timeout(START_SECONDS):
            reply = await _give(process, {**asdict(order), "api_key": api_key})
            return Child(order, process, log, url=reply["url"], api_key=api_key, pid=reply["pid"])
    except TimeoutError:
        await _end(process)
        cause = f"it was not ready after {START_SECONDS:g} s"
    except ValueError:
        cause = _ending(await process.wait(), log)
    except BaseException:
        await _end(process)
        raise
    raise BackendFailed(
        f"The embedded engine could not load {order.model}: {cause}.",
        f"See {log}. Free some memory, or choose another model in [embedded] model.",
    )


async def _give(process: asyncio.subprocess.Process, order: dict[str, object]) -> dict[str, Any]:
    """Send the order to the process and return its reply.

    Raises:
        ValueError: the process exited without replying.
    """
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdin.write(json.dumps(order).encode() + b"\n")
    with suppress(ConnectionError):  # if a process has ended, its log has the reason
        await process.stdin.drain()
    reply: dict[str, Any] = json.loads(await process.stdout.readline())
    return reply


async def _spawn(log: Path) -> asyncio.subprocess.Process:
    # Spinning threads slow down from 57 to 5 tokens/s as soon as another process needs the cores.
    environ = {**own_environ(), "OMP_WAIT_POLICY": "PASSIVE"}
    with await asyncio.to_thread(_open_log, log) as errors:
        return await asyncio.create_subprocess_exec(
            sys.executable,
            "-P",
            "-m",
            "server.backends.embedded.server_process",
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=errors,
            env=environ,
            creationflags=NO_WINDOW,
        )


def _open_log(log: Path) -> BinaryIO:
    """Start a new log, keeping the previous one because it can explain a crash."""
    with suppress(OSError):
        log.replace(log.with_suffix(".log.1"))
    return log.open("wb")


async def _end(process: asyncio.subprocess.Process) -> None:
    """Ask the process to exit by closing its standard input, then kill it."""
    if process.stdin is not None:
        process.stdin.close()
    try:
        async with asyncio.timeout(END_SECONDS):
            await process.wait()
    except TimeoutError:
        with suppress(ProcessLookupError):
            process.kill()
        await process.wait()


def _ending(status: int, log: Path) -> str:
    """Describe how a process with this exit status ended. A negative status is a signal."""
    if status >= 0:
        return _last_words(log)
    if status == -9:
        return "it was killed, probably because memory ran out"
    return crash_reason(-status)


def _last_words(log: Path) -> str:
    """Return the last log line that mentions a failure, or simply the last line if none does."""
    try:
        lines = log.read_bytes()[-LOG_TAIL:].decode("utf-8", "replace").splitlines()
    except OSError:
        lines = []
    lines = [line.strip() for line in lines if line.strip()]
    failures = [line for line in lines if "rror" in line or "fail" in line]
    return (failures or lines or ["it ended without a message"])[-1][:200].rstrip(".")
