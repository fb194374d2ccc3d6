"""Progress of one offload: events for the pages and progress lines for the caller."""

import asyncio
import contextlib
import logging
import time
from collections.abc import AsyncIterator

from server.common.aio import running
from server.common.events import EventBus, OffloadStage, OffloadText, PromptRead
from server.offload.values import Report

logger = logging.getLogger(__name__)

LONGEST_SILENCE = 5.0
"""Seconds after which the last line is repeated. Clients time out if they receive no messages."""
_TEXT_INTERVAL = 0.1
_PROMPT_INTERVAL = 0.5


class Progress:
    """Publishes stages and text. Reports to the caller run in the background and never block the offload."""

    def __init__(self, offload_id: str, report: Report, events: EventBus) -> None:
        self._id = offload_id
        self._report = report
        self._events = events
        self._began = time.monotonic()
        self._line = "starting"
        self._changed = asyncio.Event()
        self._pending = ""
        self._figures = (0, 0.0)
        self._told_at = 0.0
        self._prompt_told_at = 0.0
        self._late: asyncio.TimerHandle | None = None

    def stage(self, name: str, detail: str = "") -> None:
        """Publish that the offload entered a stage (``events.OffloadStage``)."""
        self._tell_text()
        self._events.publish(OffloadStage(self._id, name, detail))
        self.say(f"{name}: {detail}" if detail else name)

    def say(self, line: str) -> None:
        """Set the progress line for the caller."""
        if line != self._line:
            self._line = line
            self._changed.set()

    def prompt(self, done: int, total: int) -> None:
        """Publish how much of the prompt the engine has read (tokens), at most twice a second."""
        self.say(f"prompt: {done:,} of {total:,} tokens")
        now = time.monotonic()
        if done >= total or now >= self._prompt_told_at + _PROMPT_INTERVAL:
            self._prompt_told_at = now
            self._events.publish(PromptRead(self._id, done, total))

    def text(self, more: str, tokens: int, rate: float, last: bool = False) -> None:
        """Publish more of the answer, at most ten times a second. If the engine pauses, a timer publishes the
        rest.
        """
        self._pending += more
        self._figures = tokens, rate
        wait = self._told_at + _TEXT_INTERVAL - time.monotonic()
        if last or wait <= 0:
            self._tell_text()
        elif self._late is None:
            self._late = asyncio.get_running_loop().call_later(wait, self._tell_text)

    @contextlib.asynccontextmanager
    async def reporting(self) -> AsyncIterator[None]:
        """Report to the caller while the context is active."""
        async with running(self._beat()):
            try:
                yield
            finally:
                self._forget_timer()

    def _tell_text(self) -> None:
        self._forget_timer()
        if not self._pending:
            return
        tokens, rate = self._figures
        self._events.publish(OffloadText(self._id, self._pending, tokens, rate))
        self._pending, self._told_at = "", time.monotonic()
        self.say(f"generate: ~{tokens} tokens, {rate:.0f} tokens/s")

    def _forget_timer(self) -> None:
        if self._late is not None:
            self._late.cancel()
            self._late = None

    async def _beat(self) -> None:
        try:
            while True:
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(LONGEST_SILENCE):
                        await self._changed.wait()
                self._changed.clear()
                await self._report(time.monotonic() - self._began, None, self._line)
                await asyncio.sleep(_TEXT_INTERVAL)
        except Exception as error:  # noqa: BLE001 - a failing client connection must not end the work
            logger.info("progress reports of %s stopped: %s", self._id, error)
