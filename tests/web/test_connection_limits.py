"""Tests of the limits on unauthenticated connections: the user is always served."""

import asyncio
import contextlib
import http.client
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from typing import cast

import pytest
import uvicorn
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.types import Receive, Scope, Send

from server.bridge.keys import Keys
from server.web.auth import AuthMiddleware
from server.web.connection_limits import MOST_HEAD_BYTES, MOST_HEADERS, MOST_STRANGERS, ask_for_open_files
from server.web.instance import listen
from tests.hub_process import HubProcess
from tests.web.test_auth import bearer, send

SECONDS = 60
TOKEN = "a-token-of-the-test"


def connect(hub: HubProcess) -> socket.socket:
    return socket.create_connection(("127.0.0.1", hub.port), timeout=SECONDS)


def begin_to_post(hub: HubProcess) -> socket.socket:
    """Send a request with the token up to its body, which is ``{"switch": "on"}``."""
    connection = connect(hub)
    connection.sendall(f"POST /api/audit HTTP/1.1\r\nHost: 127.0.0.1:{hub.port}\r\n".encode())
    connection.sendall(f"Authorization: Bearer {hub.token}\r\nContent-Length: 16\r\n\r\n".encode())
    return connection


def ended(connection: socket.socket) -> bool:
    """Read everything that the hub sends, and return whether it closed the connection."""
    try:
        while connection.recv(65536):
            pass
    except ConnectionError:
        return True
    except TimeoutError:
        return False
    return True


@pytest.mark.parametrize("half", ["GET /healthz HT", "GET /healthz HTTP/1.1\r\nHost: {}\r\n\r\n"])
def test_too_many_connections_close_the_oldest(hub: HubProcess, half: str) -> None:
    ask_for_open_files()  # for this end of the connections
    with contextlib.ExitStack() as all_of_them:
        opened = [all_of_them.enter_context(connect(hub)) for _ in range(MOST_STRANGERS // 2)]
        known = all_of_them.enter_context(begin_to_post(hub))
        for _ in range(MOST_STRANGERS // 2 + 20):
            # The hub accepts them one by one, so every answered connection was counted.
            opened.append(all_of_them.enter_context(connect(hub)))
            opened[-1].sendall(half.format(f"127.0.0.1:{hub.port}").encode())
            if len(opened) % 50 == 0:
                assert send(hub, "GET", "/api/status", bearer(hub)).status == 200
        assert ended(opened[0])
        assert send(hub, "GET", "/api/status", bearer(hub)).status == 200
        # A connection that showed a key stays open, however old it is.
        known.sendall(b'{"switch": "on"}')
        assert known.recv(4096).startswith(b"HTTP/1.1 200 ")


def test_the_oldest_connection_is_closed_although_its_time_has_not_passed() -> None:
    ask_for_open_files()
    with guarded(set(), threading.Event(), seconds=1_000) as port, contextlib.ExitStack() as all_of_them:
        opened = [
            all_of_them.enter_context(socket.create_connection(("127.0.0.1", port), timeout=SECONDS))
            for _ in range(MOST_STRANGERS + 1)
        ]
        assert ended(opened[0])
        opened[-1].settimeout(0.1)
        assert not ended(opened[-1])


@pytest.mark.parametrize(
    "headers",
    [
        b"X: y\r\n" * MOST_HEADERS,
        b"X: " + b"y" * MOST_HEAD_BYTES + b"\r\n",
        b"X: " + b"y" * 32_000 + b"\r\nY: " + b"y" * 33_600 + b"\r\n",
    ],
    ids=["many", "one large", "two large"],
)
def test_a_long_head_is_refused_even_with_a_key(hub: HubProcess, headers: bytes) -> None:
    with known(hub) as connection:
        connection.sendall(head(hub) + headers + b"\r\n")
        assert status(connection) == 400
        assert ended(connection)
    with known(hub) as connection:
        connection.sendall(head(hub) + headers[: len(headers) // 2].rpartition(b"\r\n")[0] + b"\r\n\r\n")
        assert status(connection) == 200


def test_a_header_without_end_is_not_kept_even_with_a_key(hub: HubProcess) -> None:
    with known(hub) as connection:
        connection.settimeout(SECONDS / 4)
        connection.sendall(head(hub) + b"X: ")
        sent = 0
        with contextlib.suppress(ConnectionError):
            while sent < 64 * MOST_HEAD_BYTES:
                sent += connection.send(b"y" * 8192)
        assert ended(connection)


def head(hub: HubProcess) -> bytes:
    """Return the begin of a request's head with the token."""
    address = f"127.0.0.1:{hub.port}"
    return f"GET /api/status HTTP/1.1\r\nHost: {address}\r\nAuthorization: Bearer {hub.token}\r\n".encode()


def known(hub: HubProcess) -> socket.socket:
    """Open a connection and present the token on it, after which no limit for strangers applies to it."""
    connection = connect(hub)
    connection.sendall(head(hub) + b"\r\n")
    assert status(connection) == 200
    return connection


def status(connection: socket.socket) -> int:
    """Read one response and return its status."""
    response = http.client.HTTPResponse(connection)
    response.begin()
    response.read()
    return response.status


def test_a_connection_without_a_key_is_closed_after_a_time() -> None:
    begun: set[str] = set()
    go_on = threading.Event()
    with guarded(begun, go_on, seconds=1) as port, contextlib.ExitStack() as all_of_them:

        def begin(method: str, path: str, headers: str) -> socket.socket:
            opened = socket.create_connection(("127.0.0.1", port), timeout=SECONDS)
            opened.sendall(f"{method} {path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\n{headers}".encode())
            return all_of_them.enter_context(opened)

        def ask(method: str, path: str, headers: str) -> socket.socket:
            """Retry until the app has started the request: on a busy machine the time may pass before
            that."""
            while True:
                opened = begin(method, path, headers)
                deadline = time.monotonic() + 5
                while time.monotonic() < deadline:
                    if path in begun:
                        return opened
                    time.sleep(0.01)

        known = ask("POST", "/slow", f"Authorization: Bearer {TOKEN}\r\nContent-Length: 2\r\n\r\n")
        # A connection is not closed while it is being answered, with or without a key.
        slow = ask("GET", "/healthz", "\r\n")
        half = begin("GET", "/healthz", "")
        idle = all_of_them.enter_context(socket.create_connection(("127.0.0.1", port), timeout=SECONDS))
        assert ended(half)
        assert ended(idle)
        go_on.set()
        assert slow.recv(4096).startswith(b"HTTP/1.1 200 ")
        assert ended(slow)
        known.sendall(b"on")
        assert known.recv(4096).startswith(b"HTTP/1.1 200 ")


@contextlib.contextmanager
def guarded(begun: set[str], go_on: threading.Event, *, seconds: float) -> Iterator[int]:
    """Serve an app behind the limits that answers once ``go_on`` is set; return its port. ``begun`` collects
    the requested paths."""

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        begun.add(scope["path"])
        await Request(scope, receive).body()
        while not go_on.is_set():
            await asyncio.sleep(0.01)
        await PlainTextResponse("done")(scope, receive, send)

    with contextlib.closing(listen(0)) as listener:
        port = listener.getsockname()[1]
        guard = AuthMiddleware(app, Keys(TOKEN, port), port, lambda _event: None)
        guard.connection_limits.seconds = seconds
        http = cast(type[asyncio.Protocol], guard.connection_limits)
        server = uvicorn.Server(uvicorn.Config(guard, http=http, lifespan="off", log_config=None))
        thread = threading.Thread(target=lambda: asyncio.run(server.serve([listener])))
        thread.start()
        try:
            yield port
        finally:
            server.should_exit = True
            thread.join()


@pytest.mark.parametrize(
    "part", [b"X: y\r\n" * 10, b"X: " + b"y" * 1000 + b"\r\n", b"y" * 1000], ids=["many", "large", "endless"]
)
def test_an_endless_head_is_not_read(hub: HubProcess, part: bytes) -> None:
    sent = 0
    with connect(hub) as connection:
        head = b"GET /" + (b"" if part.startswith(b"X") else part)
        connection.sendall(head + b" HTTP/1.1\r\n" if part.startswith(b"X") else head)
        with contextlib.suppress(ConnectionError):
            while sent < 16 * MOST_HEAD_BYTES:
                connection.sendall(part)
                sent += len(part)
        assert ended(connection)
    assert send(hub, "GET", "/healthz").status == 200


def test_a_head_of_a_browsers_length_is_read(hub: HubProcess) -> None:
    headers = {f"X-{number}": "y" * 100 for number in range(MOST_HEADERS // 2)}
    assert send(hub, "GET", "/api/status", {**bearer(hub), **headers}).status == 200


def test_garbage_does_not_fill_the_log(hub: HubProcess) -> None:
    def told() -> int:
        return (hub.home / "token-saver.log").read_text(encoding="utf-8").count("Invalid HTTP request")

    before = told()
    for _ in range(100):
        with connect(hub) as connection:
            connection.sendall(b"\x16\x03\x01 no HTTP\r\n\r\n")
            assert ended(connection)
    assert told() <= before + 2


ASK = """
import resource
hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
resource.setrlimit(resource.RLIMIT_NOFILE, (200, hard))
from server.web.connection_limits import OPEN_FILES, ask_for_open_files
ask_for_open_files()
print(resource.getrlimit(resource.RLIMIT_NOFILE)[0] == (OPEN_FILES if hard < 0 else min(OPEN_FILES, hard)))
"""


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such limit")
def test_the_hub_raises_its_limit_of_open_files() -> None:
    done = subprocess.run([sys.executable, "-c", ASK], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "True"
