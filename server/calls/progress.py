"""Progress reports sent to the client during a call, at least every 10 s. Without them, clients give up."""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator

from server.calls.caller import ToolContext
from server.common.aio import running
from server.common.control_characters import in_line
from server.offload.values import Report

HEARTBEAT_SECONDS = 8.0
"""Interval after which the last line is resent (seconds); well below the promised 10."""


class _Relay:
    def __init__(self, ctx: ToolContext, heartbeat: float) -> None:
        self._ctx = ctx
        self._heartbeat = heartbeat
        self._started = time.monotonic()
        self._sent_at = self._started
        self._last = 0.0
        self._total: float | None = None
        self._message = "working"

    async def report(self, done: float, total: float | None, message: str) -> None:
        self._total, self._message = total, message
        # The protocol requires progress to increase with each notification, but stages count from 0.
        self._last = max(done, self._last + 0.001)
        await self._send(message)

    async def beat(self) -> None:
        while True:
            await asyncio.sleep(max(0.0, self._sent_at + self._heartbeat - time.monotonic()))
            if time.monotonic() - self._sent_at >= self._heartbeat:
                self._last += 0.001
                await self._send(f"{self._message} ({time.monotonic() - self._started:.0f} s)")

    async def _send(self, message: str) -> None:
        self._sent_at = time.monotonic()
        total = self._total if self._total is not None and self._total >= self._last else None
        await self._ctx.report_progress(self._last, total, in_line(message))


@contextlib.asynccontextmanager
async def progress_to(ctx: ToolContext, heartbeat: float = HEARTBEAT_SECONDS) -> AsyncIterator[Report]:
    """Yield a function that reports progress to the client. The last line is repeated every ``heartbeat``
    seconds.
    """
    relay = _Relay(ctx, heartbeat)
    async with running(relay.beat()):
        yield relay.report
