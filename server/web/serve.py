"""Runs the hub: its one event loop and uvicorn in a background thread, the main thread stays free.

The main thread belongs to the tray where there is one, else it waits for the end.
"""

import asyncio
import contextlib
import logging
import logging.handlers
import os
import queue
import signal
import socket
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractAsyncContextManager
from functools import partial
from io import TextIOWrapper
from types import FrameType
from typing import cast

import uvicorn

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

LOG_BYTES, LOGS_KEPT = 1_000_000, 3
"""How large the log grows before a new one is begun, and how many old ones are kept."""
QUIET_SECONDS = 60.0
"""How often the same warning about what came to the port is logged (seconds)."""
SWITCH_SECONDS = 0.0005
"""How long one thread may keep the interpreter while others wait for it. With CPython's own 5 ms, a thread
that reads rows, and so lets go of the interpreter at each of them, waits as often for a busy event loop:
during a batch, pages took seconds."""
STOP_SECONDS = 2.5
"""Seconds that an orderly end may take; the promise is 3 in all, so then the process just ends."""


@contextlib.contextmanager
def running_hub(settings: Settings, folders: Folders, pages: Pages | None = None) -> Iterator[Hub]:
    """Run this user's hub within the ``with`` block, in a background thread. Hold ``claim`` around it.

    It answers at once; ``pages``, where they are given, are for the caller to open.

    Raises:
        PortTaken: another program has the port.
        TokenSaverError: a part of the hub could not start.
    """
    ask_for_open_files()
    sys.setswitchinterval(SWITCH_SECONDS)
    with contextlib.closing(listen(settings.port)) as listener:
        port: int = listener.getsockname()[1]
        url = f"http://{LOOPBACK}:{port}"
        keys = Keys(ensure_token(folders), port)
        thread = _HubThread(partial(open_hub, settings, folders, url, keys), keys, pages, listener)
        hub = thread.start_and_wait()
        try:
            with announced(folders, url, hub.version):
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
        """Return the hub when it serves; raise what kept it from that."""
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
        """End the server and wait for it; past ``STOP_SECONDS`` the process ends as it is."""
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
            # Before the sessions, so that calls are told why they end.
            await hub.end_work()
        server.should_exit = True
        await serving

    def _run(self) -> None:
        try:
            asyncio.run(self._serve())
        except BaseException as error:  # noqa: BLE001 - handed to the thread that waits
            self._error = error
        finally:
            self._ready.set()


def _config(hub: Hub, app: HubApp) -> uvicorn.Config:
    return uvicorn.Config(
        app.asgi,
        http=cast(type[asyncio.Protocol], app.strangers),  # all that uvicorn does with it is to call it
        backlog=BACKLOG,
        log_config=None,
        log_level=hub.settings.log_level,
        access_log=False,
        server_header=False,
        proxy_headers=False,  # the socket's own addresses are part of the proof of identity
        # A page, or a client that sends half a request, must not hold up the end.
        timeout_graceful_shutdown=1,
        ws_ping_interval=20,
        lifespan="off",  # the app has none; the dashboard's own is entered when that has loaded
        # Pages are on this machine: what they are sent costs more to compress than to send.
        ws_per_message_deflate=False,
    )


class Signals:
    """Keeps SIGTERM and Ctrl-C from the moment that it is made in the main thread, which must be before the
    hub is announced: who finds it may end it at once."""

    def __init__(self) -> None:
        # A handler runs between any two steps of the main thread, which may hold any lock just then. Putting
        # into a SimpleQueue is safe there (the standard library says so), setting an Event is not.
        self._came: queue.SimpleQueue[int] = queue.SimpleQueue()
        signal.signal(signal.SIGINT, self._note)
        signal.signal(signal.SIGTERM, self._note)
        if sys.platform == "win32":
            signal.signal(signal.SIGBREAK, self._note)

    def end(self, hub: Hub) -> None:
        """Let them, those that came already too, end the hub in order."""

        def wait() -> None:
            self._came.get()
            hub.request_quit()

        threading.Thread(target=wait, name="signals", daemon=True).start()

    def _note(self, number: int, _frame: FrameType | None) -> None:
        self._came.put(number)


def log_to_file(settings: Settings, folders: Folders) -> None:
    """Send the log to ``token-saver.log``, which rotates."""
    folders.create()
    handler = _PrivateLog(folders.log_file, maxBytes=LOG_BYTES, backupCount=LOGS_KEPT, encoding="utf-8")
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(name)s: %(message)s"))
    logging.basicConfig(level=settings.log_level.upper(), handlers=[handler], force=True)
    if settings.log_level != "debug":
        for chatty in ("httpx", "httpcore", "mcp", "alembic", "sse_starlette"):
            logging.getLogger(chatty).setLevel(logging.WARNING)
    logging.getLogger("uvicorn.error").addFilter(_Seldom())
    folders.log_file.chmod(0o600)


class _Seldom(logging.Filter):
    """Lets a warning through once in a while: whoever sends garbage to the port shall not fill the log."""

    def __init__(self) -> None:
        super().__init__()
        self._said: dict[str, float] = {}

    def filter(self, record: logging.LogRecord) -> bool:
        if record.exc_info or record.created - self._said.get(record.msg, 0.0) > QUIET_SECONDS:
            self._said[record.msg] = record.created
            return True
        return False


class _PrivateLog(logging.handlers.RotatingFileHandler):
    """Readable by the user alone, each time a new file is begun."""

    def _open(self) -> TextIOWrapper:
        def private(path: str, flags: int) -> int:
            return os.open(path, flags, 0o600)

        path, mode = self.baseFilename, self.mode
        return cast(TextIOWrapper, open(path, mode, encoding=self.encoding, opener=private))
