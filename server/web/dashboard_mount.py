"""The dashboard's place in the hub's app: there from the hub's first moment on, filled when it has loaded.

A client's first call waits for nothing that only pages need: of the hub's start importing NiceGUI is a third.
So the hub answers before that, and a browser that is quicker than the dashboard waits.
"""

import asyncio
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager, AsyncExitStack
from dataclasses import dataclass

from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Receive, Scope, Send


@dataclass(frozen=True)
class Dashboard:
    """The pages as an app, and what has to be entered while it is served."""

    asgi: ASGIApp
    lifespan: Callable[[], AbstractAsyncContextManager[object]]


class Pages:
    """An ASGI app that hands on to the dashboard. Belongs to the hub's event loop."""

    def __init__(self) -> None:
        self._asgi: ASGIApp | None = None
        self._opened = asyncio.Event()
        self._lifespan = AsyncExitStack()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await self._opened.wait()
        assert self._asgi is not None
        await self._asgi(scope, receive, send)

    async def open(self, dashboard: Dashboard) -> None:
        """Start the dashboard, and let in who waits for it."""
        await self._lifespan.enter_async_context(dashboard.lifespan())
        self._asgi = dashboard.asgi
        self._opened.set()

    async def give_up(self, why: str) -> None:
        """Tell who waits, and who comes, that there are no pages in this start of the hub."""
        text = f"The dashboard could not be loaded: {why.rstrip('.')}."
        self._asgi = PlainTextResponse(f"{text} Restart Token Saver; clients go on meanwhile.", 503)
        self._opened.set()

    async def close(self) -> None:
        """Stop the dashboard, if it was opened."""
        await self._lifespan.aclose()
