"""Tests of the bridge's HTTP client against servers that send given bytes."""

import socket
import subprocess
import sys
import threading
import urllib.parse
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress

import pytest

from server.bridge.http1 import HubConnection, HubResponse, NotHttp
from server.bridge.wire import percent_encoded

pytestmark = pytest.mark.fast

HEAD = b"HTTP/1.1 200 OK\r\n"
PIECES = [b"Transfer-Encoding: chunked\r\n\r\n", b"3\r\nabc\r", b"\n2;x=y\r\nd", b"e\r\n0\r\n\r\n"]


@contextmanager
def answered(pieces: Sequence[bytes], *, wait: bool = False) -> Iterator[HubResponse]:
    """Ask a server that sends these pieces and then closes; with ``wait``, only after the block has ended."""
    done = threading.Event()
    if not wait:
        done.set()

    def serve() -> None:
        # The client may have disconnected before the end of the answer.
        with suppress(OSError), listener.accept()[0] as connection:
            heard = b""
            while not heard.endswith(b"\r\n\r\nhello"):
                heard += connection.recv(4096)
            for piece in pieces:
                connection.sendall(piece)
            done.wait(30)

    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=serve)
        thread.start()
        connection = HubConnection(listener.getsockname(), 30)
        try:
            connection.send("POST", "/x", {"A": "b"}, b"hello")
            yield connection.answer()
        finally:
            done.set()
            connection.close()
            thread.join()


@pytest.mark.parametrize(
    ("pieces", "body"),
    [
        ([HEAD + b"Content-Length: 5\r\n\r\nhe", b"llo"], b"hello"),
        ([HEAD, *PIECES], b"abcde"),
        ([HEAD + b"".join(PIECES)], b"abcde"),
        ([HEAD + b"\r\n", b"until ", b"the end"], b"until the end"),
        ([b"HTTP/1.1 204 No Content\r\n\r\n"], b""),
    ],
)
def test_a_body_is_read_completely(pieces: list[bytes], body: bytes) -> None:
    with answered(pieces) as answer:
        assert answer.body.read() == body


def test_a_line_arrives_before_the_end_of_the_answer() -> None:
    with answered([HEAD + b"transfer-encoding: chunked\r\n\r\n4\r\nab\nc\r\n"], wait=True) as answer:
        assert answer.body.readline() == b"ab\n"


def test_an_answer_without_a_body_does_not_wait_for_the_connection_to_end() -> None:
    with answered([b"HTTP/1.1 202 Accepted\r\ncontent-length: 0\r\n\r\n"], wait=True) as answer:
        assert answer.body.read() == b""


def test_header_names_are_lower_case() -> None:
    with answered(
        [b"HTTP/1.1 404 Not Found\r\nMcp-Session-Id:  abc \r\nContent-Length: 0\r\n\r\n"]
    ) as answer:
        assert (answer.status, answer.headers["mcp-session-id"]) == (404, "abc")


@pytest.mark.parametrize(
    "head",
    [
        b"",
        b"HTTP/1.1 200",
        b"SSH-2.0-OpenSSH\r\n\r\n",
        b"HTTP/1.1 abc\r\n\r\n",
        b"x" * 70_000,
        HEAD + b"a: b",
        HEAD + b"".join(b"h%d: x\r\n" % n for n in range(200)) + b"\r\n",
        HEAD + b"Content-Length: -1\r\n\r\n",
    ],
)
def test_other_protocols_are_reported(head: bytes) -> None:
    with pytest.raises(NotHttp), answered([head]):
        pass


@pytest.mark.parametrize(
    "rest",
    [
        b"Content-Length: 9\r\n\r\nhello",
        b"Transfer-Encoding: chunked\r\n\r\n5\r\nhel",
        b"Transfer-Encoding: chunked\r\n\r\n5\r\nhello",
        b"Transfer-Encoding: chunked\r\n\r\nhello\r\n",
    ],
)
def test_a_truncated_answer_is_an_error(rest: bytes) -> None:
    with answered([HEAD + rest]) as answer, pytest.raises(NotHttp):
        answer.body.read()


def test_bytes_are_quoted_like_the_standard_library() -> None:
    assert percent_encoded(bytes(range(256))) == urllib.parse.quote(bytes(range(256)))


def test_the_bridge_starts_without_slow_modules() -> None:
    slow = {"asyncio", "base64", "dataclasses", "email", "http", "inspect", "pathlib", "ssl", "subprocess"}
    script = f"import sys, server.bridge.main; print(*sorted({slow} & set(sys.modules)))"
    command = [sys.executable, "-I", "-c", script]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stdout.split() == []
