"""The dashboard's mount point in the hub's app: present from the start, filled when a page is first opened.

NiceGUI and the pages take half a second to import and a quarter of the hub's memory. A hub that only serves
clients never loads them.
"""

import asyncio
import gc
import logging
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager, AsyncExitStack
from dataclasses import dataclass

from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Receive, Scope, Send

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Dashboard:
    """The pages as an ASGI app, and the context to hold open while it is served."""

    asgi: ASGIApp
    lifespan: Callable[[], AbstractAsyncContextManager[object]]


class Pages:
    """An ASGI app that loads the dashboard at its first request and forwards to it. Belongs to the hub's
    event loop.
    """

    def __init__(self) -> None:
        self._build: Callable[[], Dashboard] | None = None
        self._buildable = asyncio.Event()
        self._loading: asyncio.Task[ASGIApp] | None = None
        self._lifespan = AsyncExitStack()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        asgi = await asyncio.shield(self._loaded())
        await asgi(scope, receive, send)

    async def build_with(self, build: Callable[[], Dashboard]) -> None:
        """Say how to build the dashboard. ``build`` blocks and runs once, in a thread."""
        self._build = build
        self._buildable.set()

    async def close(self) -> None:
        """Stop the dashboard if it was started."""
        if self._loading is not None and self._buildable.is_set():
            await self._loading
        await self._lifespan.aclose()

    def _loaded(self) -> "asyncio.Task[ASGIApp]":
        if self._loading is None:
            self._loading = asyncio.create_task(self._load())
        return self._loading

    async def _load(self) -> ASGIApp:
        await self._buildable.wait()
        assert self._build is not None
        try:
            dashboard = await asyncio.to_thread(_without_collecting, self._build)
            await self._lifespan.enter_async_context(dashboard.lifespan())
        except Exception as error:
            logger.exception("could not load the dashboard")
            why = str(error).rstrip(".")
            return PlainTextResponse(
                f"The dashboard could not be loaded: {why}. Restart Token Saver; clients continue to work.",
                503,
            )
        return dashboard.asgi


def _without_collecting(build: Callable[[], Dashboard]) -> Dashboard:
    """Build the dashboard without garbage collection. Its modules stay in memory, so later collections need
    not look at them.
    """
    gc.disable()
    try:
        dashboard = build()
        gc.freeze()
    finally:
        gc.enable()
    return dashboard
