"""Keeps a part of a page true: loads it anew whenever there is news."""

from collections.abc import Awaitable, Callable

from dashboard.components.banner import Banner
from server.errors import TokenSaverError


class Follower:
    """Runs ``load`` for every piece of news, one at a time; what comes meanwhile leads to one more.

    What goes wrong stands in the page's banner, and is tried again every second until it goes well.
    """

    def __init__(self, load: Callable[[], Awaitable[object]], banner: Banner) -> None:
        self._load = load
        self._banner = banner
        self._wanted = False
        self._busy = False
        self._failed = False

    async def run(self) -> None:
        """Load, unless that is going on: then once more after it."""
        self._wanted = True
        if self._busy:
            return
        self._busy = True
        try:
            while self._wanted:
                self._wanted = False
                await self._try()
        finally:
            self._busy = False

    async def heal(self) -> None:
        """Load again if the last time went wrong."""
        if self._failed:
            await self.run()

    async def _try(self) -> None:
        try:
            await self._load()
        except TokenSaverError as error:
            self._failed = True
            self._banner.tell_trouble(self, error)
        else:
            if self._failed:
                self._failed = False
                self._banner.end_trouble(self)
