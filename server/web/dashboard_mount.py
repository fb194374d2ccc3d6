"""The dashboard's mount point in the hub's app: present from the start, filled once the dashboard has loaded.

A client's first call must not wait for modules that only pages need, and importing NiceGUI takes a third of
the hub's startup time. The hub therefore answers before that; a browser that opens a page too early waits.
"""

import asyncio
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager, AsyncExitStack
from dataclasses import dataclass

from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Receive, Scope, Send


@dataclass(frozen=True)
class Dashboard:
    """The pages as an ASGI app, and the context to hold open while it is served."""

    asgi: ASGIApp
    lifespan: Callable[[], AbstractAsyncContextManager[object]]


class Pages:
    """An ASGI app that forwards to the dashboard. Belongs to the hub's event loop."""

    def __init__(self) -> None:
        self._asgi: ASGIApp | None = None
        self._opened = asyncio.Event()
        self._lifespan = AsyncExitStack()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await self._opened.wait()
        assert self._asgi is not None
        await self._asgi(scope, receive, send)

    async def open(self, dashboard: Dashboard) -> None:
        """Start the dashboard and let waiting requests through."""
        await self._lifespan.enter_async_context(dashboard.lifespan())
        self._asgi = dashboard.asgi
        self._opened.set()

    async def give_up(self, why: str) -> None:
        """Tell waiting and later requests that this hub has no pages."""
        text = f"The dashboard could not be loaded: {why.rstrip('.')}."
        self._asgi = PlainTextResponse(f"{text} Restart Token Saver; clients continue to work.", 503)
        self._opened.set()

    async def close(self) -> None:
        """Stop the dashboard if it was started."""
        await self._lifespan.aclose()
