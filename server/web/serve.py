"""The hub's process, whose event loop and uvicorn run in a background thread.

The main thread runs the tray if there is one; otherwise it waits for the hub to end.
"""

import asyncio
import contextlib
import logging
import queue
import signal
import socket
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractAsyncContextManager
from functools import partial
from types import FrameType
from typing import cast

import uvicorn

from server.bridge.environment import limited_environment
from server.bridge.keys import Keys
from server.common.errors import HubUnreachable, TokenSaverError
from server.config.folders import Folders
from server.config.settings import Settings
from server.hub import Hub, open_hub
from server.web.app import HubApp, build_app
from server.web.connection_limits import ask_for_open_files
from server.web.dashboard_mount import Pages
from server.web.instance import BACKLOG, LOOPBACK, announced, ensure_token, listen

logger = logging.getLogger(__name__)

SWITCH_SECONDS = 0.0005
"""How long a thread may hold the interpreter while others wait (seconds). With CPython's default of 5 ms, a
thread reading rows releases the interpreter at each row and then has to wait for the busy event loop every
time; pages took seconds during a batch.
"""
STOP_SECONDS = 2.5
"""Time for an orderly shutdown (seconds). The total limit is 3 s, so the process exits afterwards."""


@contextlib.contextmanager
def running_hub(
    settings: Settings, folders: Folders, pages: Pages | None = None, *, command: str = ""
) -> Iterator[Hub]:
    """Run this user's hub in a background thread while the ``with`` block runs, inside ``claim``.

    The hub answers immediately. The caller opens ``pages``, if given. ``command`` is the command that the hub
    belongs to; empty for the app.

    Raises:
        PortTaken: another program uses the port.
        TokenSaverError: part of the hub could not start.
    """
    ask_for_open_files()
    sys.setswitchinterval(SWITCH_SECONDS)
    # A hub started by a client has only these variables, see ``bridge.discovery``; a shell has more.
    with (
        limited_environment(settings.offload.check_env),
        contextlib.closing(listen(settings.port)) as listener,
    ):
        port: int = listener.getsockname()[1]
        url = f"http://{LOOPBACK}:{port}"
        keys = Keys(ensure_token(folders), port)
        thread = _HubThread(partial(open_hub, settings, folders, url, keys), keys, pages, listener)
        hub = thread.start_and_wait()
        try:
            with announced(folders, url, hub.version, command):
                yield hub
        finally:
            thread.stop()


class _HubThread:
    def __init__(
        self,
        open_hub: Callable[[], AbstractAsyncContextManager[Hub]],
        keys: Keys,
        pages: Pages | None,
        listener: socket.socket,
    ) -> None:
        self._open_hub = open_hub
        self._keys = keys
        self._pages = pages
        self._listener = listener
        self._hub: Hub | None = None
        self._server: uvicorn.Server | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._stop = asyncio.Event()
        self._ready = threading.Event()
        self._error: BaseException | None = None
        self._thread = threading.Thread(target=self._run, name="hub", daemon=True)

    def start_and_wait(self) -> Hub:
        """Return the hub once it is serving. Raise the error that prevented the start."""
        self._thread.start()
        while not self._ready.wait(0.02):
            if self._hub is not None and self._server is not None and self._server.started:
                return self._hub
        if isinstance(self._error, TokenSaverError):
            raise self._error
        raise HubUnreachable(
            f"The hub could not start{f': {self._error}' if self._error else ''}.",
            "See the log (`token-saver logs`).",
        ) from self._error

    def stop(self) -> None:
        """Stop the server and wait for it to end. After ``STOP_SECONDS`` the process exits."""
        if self._loop is not None and self._thread.is_alive():
            self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join(STOP_SECONDS)
        if self._thread.is_alive():
            logger.error("the hub did not end in %s s", STOP_SECONDS)

    async def _serve(self) -> None:
        self._loop = asyncio.get_running_loop()
        async with self._open_hub() as hub:
            self._hub = hub
            try:
                await self._answer(hub)
            finally:
                if self._pages is not None:
                    await self._pages.close()

    async def _answer(self, hub: Hub) -> None:
        app = build_app(hub, self._keys, self._listener.getsockname()[1], self._pages)
        server = self._server = uvicorn.Server(_config(hub, app))
        async with app.sessions():
            serving = asyncio.create_task(server.serve([self._listener]))
            stopping = asyncio.create_task(self._stop.wait())
            await asyncio.wait({serving, stopping}, return_when=asyncio.FIRST_COMPLETED)
            stopping.cancel()
            # Before the sessions end, so that calls get the reason.
            await hub.end_work()
        server.should_exit = True
        await serving

    def _run(self) -> None:
        try:
            asyncio.run(self._serve())
        except BaseException as error:  # noqa: BLE001 - re-raised in the waiting thread
            self._error = error
        finally:
            self._ready.set()


def _config(hub: Hub, app: HubApp) -> uvicorn.Config:
    return uvicorn.Config(
        app.asgi,
        http=cast(type[asyncio.Protocol], app.connection_limits),  # uvicorn only calls it
        backlog=BACKLOG,
        log_config=None,
        log_level=hub.settings.log_level,
        access_log=False,
        server_header=False,
        proxy_headers=False,  # the socket's own addresses are part of the proof of identity
        # A page, or a client that sends half a request, must not delay the end.
        timeout_graceful_shutdown=1,
        ws_ping_interval=20,
        lifespan="off",  # the app has no lifespan; the dashboard's lifespan starts after loading
        # Pages are on this machine, where compressing costs more time than sending.
        ws_per_message_deflate=False,
    )


class Signals:
    """Handles SIGTERM and Ctrl-C. Create it in the main thread before the hub is announced, because a client
    that finds the hub can stop it at once.
    """

    def __init__(self) -> None:
        # A signal handler can interrupt the main thread while it holds any lock. SimpleQueue.put is
        # documented as safe in this case, Event.set is not.
        self._came: queue.SimpleQueue[int] = queue.SimpleQueue()
        signal.signal(signal.SIGINT, self._note)
        signal.signal(signal.SIGTERM, self._note)
        if sys.platform == "win32":
            signal.signal(signal.SIGBREAK, self._note)

    def end(self, hub: Hub) -> None:
        """Stop the hub on a signal, even one that has already arrived."""

        def wait() -> None:
            self._came.get()
            hub.request_quit()

        threading.Thread(target=wait, name="signals", daemon=True).start()

    def _note(self, number: int, _frame: FrameType | None) -> None:
        self._came.put(number)
