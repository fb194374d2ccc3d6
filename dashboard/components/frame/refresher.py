"""Reloads part of a page after changes, at a pace the machine can sustain."""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable

from dashboard.components.frame.banner import Banner
from dashboard.components.live.page_visibility import PageVisibility
from dashboard.throttle import Throttle
from server.common.errors import TokenSaverError

LEAST_PAUSE, MOST_PAUSE = 0.4, 3.0
"""Minimum and maximum pause between two loads (seconds)."""
REST = 9
"""The pause as a multiple of the load time: loading takes up at most a tenth of the time, even on a busy
machine.
"""


class Refresher:
    """Runs ``load`` after changes, one load at a time. Changes during a load trigger one more.

    The first change and the user's own requests are loaded immediately; other changes wait for the pause.
    While the page is hidden, all changes wait. An error appears in the page's banner, and the load is retried
    every second.
    """

    def __init__(
        self, load: Callable[[], Awaitable[object]], banner: Banner, visibility: PageVisibility
    ) -> None:
        self._load = load
        self._banner = banner
        self._visibility = visibility
        self._wanted = False
        self._busy = False
        self._failed = False
        self._throttle = Throttle(LEAST_PAUSE, rest=REST, most=MOST_PAUSE)
        self._hurried = asyncio.Event()

    async def refresh(self) -> None:
        """Load. If a load is already running, load once more afterwards."""
        self._wanted = True
        if self._busy:
            return
        self._busy = True
        try:
            while self._wanted and self._visibility.page_visible and not self._visibility.is_deleted:
                await self._pause()
                if self._visibility.is_deleted:
                    return  # the page was closed in the meantime
                self._wanted = False
                await self._try()
        finally:
            self._busy = False

    async def refresh_now(self) -> None:
        """Load without a pause, because the user is waiting."""
        self._hurried.set()
        await self.refresh()

    async def catch_up(self) -> None:
        """Load changes that arrived while the page was hidden."""
        if self._wanted:
            await self.refresh()

    async def retry(self) -> None:
        """Load again after an error."""
        if self._failed:
            await self.refresh()

    async def _pause(self) -> None:
        left = self._throttle.next_at - asyncio.get_running_loop().time()
        if left > 0:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._hurried.wait(), left)
        self._hurried.clear()

    async def _try(self) -> None:
        loop = asyncio.get_running_loop()
        began = loop.time()
        try:
            await self._load()
        except TokenSaverError as error:
            self._failed = True
            self._banner.show_error(self, error)
        else:
            if self._failed:
                self._failed = False
                self._banner.clear_error(self)
        finally:
            self._throttle.ran(began, loop.time())
