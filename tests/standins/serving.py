"""Real HTTP server on a free port, in its own thread, for the stand-ins.

It keeps every request, knows when a client dropped one, and can break off in the middle of an answer.
"""

import asyncio
import json
import socket
import threading
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, Self

import uvicorn


@dataclass
class Exchange:
    """One request and its outcome: ``answered``, ``dropped`` by the client, or ``broken`` by the server."""

    method: str
    path: str
    query: str
    headers: dict[str, str]
    body: bytes
    began_at: float = field(default_factory=time.monotonic)
    ended_at: float = 0.0
    outcome: str = ""

    @property
    def json(self) -> Any:
        """The request's body as JSON."""
        return json.loads(self.body)


@dataclass(frozen=True)
class Reply:
    """An answer: ``body`` in one piece, or ``stream`` in pieces. ``breaks_off`` closes the connection before
    the answer is complete."""

    status: int = 200
    body: bytes = b""
    stream: AsyncIterator[bytes] | None = None
    content_type: str = "application/json"
    headers: tuple[tuple[str, str], ...] = ()


class BreakOff(Exception):
    """Raised by a stream to drop the connection midway."""


def json_reply(value: Any, status: int = 200, content_type: str = "application/json") -> Reply:
    """Return ``value`` as a JSON answer."""
    return Reply(status, json.dumps(value, ensure_ascii=False).encode(), content_type=content_type)


Handler = Callable[[Exchange], Awaitable[Reply]]


class StandInServer:
    """Serves ``handler`` within a ``with`` block; ``stop`` and ``start`` simulate a server that stops and
    restarts at the same address."""

    def __init__(self, handler: Handler, port: int = 0) -> None:
        self.requests: list[Exchange] = []
        self.given: dict[str, list[Reply]] = {}
        """Replies to the next requests for a path (``*``: any), before the handler's own."""
        self._handler = handler
        self._socket = _listen(port)
        self.port: int = self._socket.getsockname()[1]
        self._server: _Server | None = None
        self._thread: threading.Thread | None = None

    @property
    def url(self) -> str:
        """The server's address."""
        return f"http://127.0.0.1:{self.port}"

    def start(self) -> None:
        """Start serving."""
        config = uvicorn.Config(
            self._app,
            interface="asgi3",
            loop="asyncio",  # as in the app; uvloop fails to close while a connection is being dropped
            http="h11",
            ws="none",
            lifespan="off",
            log_config=None,
        )
        server = _Server(config)
        self._server = server
        self._thread = threading.Thread(target=server.run, args=([self._socket],), daemon=True)
        self._thread.start()
        assert server.listening.wait(60), "the stand-in did not start"

    def stop(self) -> None:
        """Drop every connection and stop listening."""
        if self._server and self._thread:
            self._server.leave()
            self._thread.join(60)
        self._server = self._thread = None
        self._socket.close()

    def restart(self) -> None:
        """Restart at the same address after ``stop``."""
        self._socket = _listen(self.port)
        self.start()

    def outcomes(self, path: str) -> list[str]:
        """Return the outcomes of the requests for ``path``, in order; empty for running ones."""
        return [exchange.outcome for exchange in self.requests if exchange.path == path]

    def bodies(self, path: str) -> list[Any]:
        """Return the JSON bodies of the requests for ``path`` whose body arrived."""
        return [exchange.json for exchange in self.requests if exchange.path == path and exchange.body]

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def _given_to(self, path: str) -> Reply | None:
        for replies in (self.given.get(path), self.given.get("*")):
            if replies:
                return replies.pop(0)
        return None

    async def _app(self, scope: dict[str, Any], receive: Any, send: Any) -> None:
        exchange = Exchange(
            scope["method"],
            scope["path"],
            scope["query_string"].decode(),
            {name.decode().lower(): value.decode() for name, value in scope["headers"]},
            await _read(receive),
        )
        self.requests.append(exchange)
        answering = asyncio.create_task(self._answer(exchange, send))
        dropping = asyncio.create_task(_wait_for_drop(receive))
        await asyncio.wait({answering, dropping}, return_when=asyncio.FIRST_COMPLETED)
        if not answering.done():
            answering.cancel()
            exchange.outcome = "dropped"
        dropping.cancel()
        await asyncio.gather(answering, dropping, return_exceptions=True)
        exchange.ended_at = time.monotonic()

    async def _answer(self, exchange: Exchange, send: Any) -> None:
        reply = self._given_to(exchange.path) or await self._handler(exchange)
        headers = [("content-type", reply.content_type), *reply.headers]
        if reply.stream is None:
            headers.append(("content-length", str(len(reply.body))))
        raw = [(name.encode(), value.encode()) for name, value in headers]
        await send({"type": "http.response.start", "status": reply.status, "headers": raw})
        try:
            async for piece in reply.stream or _nothing():
                await send({"type": "http.response.body", "body": piece, "more_body": True})
        except BreakOff:
            exchange.outcome = "broken"
            return
        exchange.outcome = "answered"
        await send({"type": "http.response.body", "body": reply.body})


class _Server(uvicorn.Server):
    """A server that stops at once and drops running requests; uvicorn's own takes 0.2 s."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.listening = threading.Event()

    def leave(self) -> None:
        """Stop the server, from another thread."""
        self._loop.call_soon_threadsafe(self._leaving.set)

    async def main_loop(self) -> None:
        """Wait until the server is stopped."""
        self._loop, self._leaving = asyncio.get_running_loop(), asyncio.Event()
        await self.on_tick(0)
        self.listening.set()
        await self._leaving.wait()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Close every connection."""
        for listening in sockets or []:
            self._loop.remove_reader(listening)
        # A connection that was just accepted takes some turns of the loop to be listed below, and asyncio's
        # server must not be closed before that.
        await asyncio.sleep(0.01)
        for server in self.servers:
            server.close()
        for listening in sockets or []:
            listening.close()
        for connection in list(self.server_state.connections):
            connection.transport.abort()
        for task in self.server_state.tasks:
            task.cancel()
        await asyncio.gather(*self.server_state.tasks, return_exceptions=True)
        await asyncio.sleep(0)  # aborted connections are closed in the loop's next turn


def wait_until(condition: Callable[[], bool], seconds: float = 60.0) -> None:
    """Return once ``condition`` holds; fail after a time limit."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.01)


async def eventually(condition: Callable[[], bool], seconds: float = 60.0) -> None:
    """Do the same as ``wait_until`` without blocking the event loop."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not happen in time"
        await asyncio.sleep(0.01)


def _listen(port: int) -> socket.socket:
    listening = socket.socket()
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listening.bind(("127.0.0.1", port))
    return listening


async def _read(receive: Any) -> bytes:
    body = b""
    while True:
        message = await receive()
        body += message.get("body", b"")
        if not message.get("more_body"):
            return body


async def _wait_for_drop(receive: Any) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


async def _nothing() -> AsyncIterator[bytes]:
    for piece in ():
        yield piece
