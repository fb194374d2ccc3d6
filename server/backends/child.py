"""Starts and ends the embedded engine's process."""

import asyncio
import json
import os
import secrets
import subprocess
import sys
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path

import psutil

from server.backends.process import NO_WINDOW
from server.errors import BackendFailed

END_SECONDS = 1.0
LOG_TAIL = 4_000
# The limit is for reading weights from a slow disk; a warm start takes a second.
START_SECONDS = 600.0


@dataclass(frozen=True)
class Order:
    """What the process is to serve. ``num_ctx`` is the context of one slot, in tokens."""

    model: str
    path: str
    num_ctx: int
    slots: int
    threads: int
    gpu_layers: int
    cache_mib: int = 512


class Child:
    """A running process. ``url`` and ``api_key`` reach it."""

    def __init__(self, order: Order, process: asyncio.subprocess.Process, url: str, api_key: str) -> None:
        self.order = order
        self.url = url
        self.api_key = api_key
        self._process = process

    @property
    def alive(self) -> bool:
        """Whether the process runs. A process that was killed a moment ago does not."""
        if self._process.returncode is not None:
            return False
        try:
            return psutil.Process(self._process.pid).status() != psutil.STATUS_ZOMBIE
        except psutil.Error:
            return False

    @property
    def memory(self) -> int:
        """Resident memory in bytes, weights and caches included; 0 when it is gone."""
        try:
            return int(psutil.Process(self._process.pid).memory_info().rss)
        except psutil.Error:
            return 0

    async def end(self) -> None:
        """End the process; returns when its memory is free."""
        await _end(self._process)


async def start_child(order: Order, log: Path) -> Child:
    """Start the process and return when the model is loaded. Cancelling ends it again.

    Raises:
        BackendFailed: it could not load the model; the cause is from its own log.
    """
    api_key = secrets.token_urlsafe(24)
    process = await _spawn(log)
    try:
        async with asyncio.timeout(START_SECONDS):
            url = await _give(process, {**asdict(order), "api_key": api_key})
    except (TimeoutError, ValueError):
        await _end(process)
        raise BackendFailed(
            f"The embedded engine could not load {order.model}: {_last_words(log)}.",
            f"See {log}; free some memory, or choose another model with [embedded] model.",
        ) from None
    except BaseException:
        await _end(process)
        raise
    return Child(order, process, url, api_key)


async def _give(process: asyncio.subprocess.Process, order: dict[str, object]) -> str:
    """Hand the order over and return the address that comes back.

    Raises:
        ValueError: the process ended without telling one.
    """
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdin.write(json.dumps(order).encode() + b"\n")
    with suppress(ConnectionError):  # a process that is gone already says why in its log
        await process.stdin.drain()
    return str(json.loads(await process.stdout.readline())["url"])


async def _spawn(log: Path) -> asyncio.subprocess.Process:
    # Spinning threads collapse (57 to 5 tokens/s) as soon as another process wants the cores.
    environ = {**os.environ, "OMP_WAIT_POLICY": "PASSIVE"}
    with await asyncio.to_thread(log.open, "wb") as errors:
        return await asyncio.create_subprocess_exec(
            sys.executable,
            "-P",
            "-m",
            "server.backends.embedded_child",
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=errors,
            env=environ,
            creationflags=NO_WINDOW,
        )


async def _end(process: asyncio.subprocess.Process) -> None:
    """Ask by closing its input, then insist."""
    if process.stdin is not None:
        process.stdin.close()
    try:
        async with asyncio.timeout(END_SECONDS):
            await process.wait()
    except TimeoutError:
        with suppress(ProcessLookupError):
            process.kill()
        await process.wait()


def _last_words(log: Path) -> str:
    """Return the last line of the log that speaks of a failure, else the last one."""
    try:
        lines = log.read_bytes()[-LOG_TAIL:].decode("utf-8", "replace").splitlines()
    except OSError:
        lines = []
    lines = [line.strip() for line in lines if line.strip()]
    told = [line for line in lines if "rror" in line or "fail" in line]
    return (told or lines or ["it ended without a word"])[-1][:200].rstrip(".")
