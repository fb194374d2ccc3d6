"""Keeps a part of a page true: loads it anew whenever there is news."""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable

from dashboard.components.frame.banner import Banner
from dashboard.components.live.page_visibility import PageVisibility
from server.common.errors import TokenSaverError

LEAST_REST, MOST_REST = 0.4, 3.0
"""Between two loads, in seconds: while news pours in, one waits half of it, and a quarter second is quick."""
REST = 9
"""Times as long as it took to load: a page takes a tenth of what there is, however busy the machine."""


class Refresher:
    """Runs ``load`` for news, one at a time; what comes meanwhile leads to one more.

    The first piece of news is loaded at once, and so is what the user asked for; others wait for a rest, and
    all of them while nobody sees the page. What goes wrong stands in the page's banner, and is tried again
    every second until it goes well.
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
        self._next_at = 0.0
        self._hurried = asyncio.Event()

    async def run(self) -> None:
        """Load, unless that is going on: then once more after it."""
        self._wanted = True
        if self._busy:
            return
        self._busy = True
        try:
            while self._wanted and self._visibility.page_visible and not self._visibility.is_deleted:
                await self._rest()
                if self._visibility.is_deleted:
                    return  # the reader left meanwhile
                self._wanted = False
                await self._try()
        finally:
            self._busy = False

    async def hurry(self) -> None:
        """Load without a rest: the user waits for it."""
        self._hurried.set()
        await self.run()

    async def catch_up(self) -> None:
        """Load what came while nobody saw the page."""
        if self._wanted:
            await self.run()

    async def heal(self) -> None:
        """Load again if the last time went wrong."""
        if self._failed:
            await self.run()

    async def _rest(self) -> None:
        left = self._next_at - asyncio.get_running_loop().time()
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
            self._banner.tell_trouble(self, error)
        else:
            if self._failed:
                self._failed = False
                self._banner.end_trouble(self)
        finally:
            now = loop.time()
            self._next_at = now + min(MOST_REST, max(LEAST_REST, REST * (now - began)))
