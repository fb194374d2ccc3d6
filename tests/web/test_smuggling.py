"""Tests of request smuggling: the body of a refused request is never served as a request."""

import contextlib
import socket

import pytest

from tests.hub_process import HubProcess

INNER = b"GET /healthz HTTP/1.1\r\nHost: %s\r\n\r\n"
"""An open path, so an answer with status 200 shows that it was served."""
LENGTH = b"%LENGTH%"
FORMS = {
    "a body of its length": (b"Content-Length: %LENGTH%", b""),
    "two equal lengths": (b"Content-Length: %LENGTH%\r\nContent-Length: %LENGTH%", b""),
    "two lengths": (b"Content-Length: 0\r\nContent-Length: %LENGTH%", b""),
    "two lengths, reversed": (b"Content-Length: %LENGTH%\r\nContent-Length: 0", b""),
    "a list of lengths": (b"Content-Length: 0, %LENGTH%", b""),
    "a length with a sign": (b"Content-Length: +%LENGTH%", b""),
    "a negative length": (b"Content-Length: -1", b""),
    "an empty length": (b"Content-Length: ", b""),
    "a hexadecimal length": (b"Content-Length: 0x%LENGTH%", b""),
    "a length beyond 64 bits": (b"Content-Length: 18446744073709551616", b""),
    "a length behind a space": (b"Content-Length : 0\r\nContent-Length: %LENGTH%", b""),
    "a length in a folded line": (b"X: y\r\n Content-Length: 0\r\nContent-Length: %LENGTH%", b""),
    "a length behind a bare CR": (b"X: y\rContent-Length: 0\r\nContent-Length: %LENGTH%", b""),
    "a length behind a zero byte": (b"X: y\0Content-Length: 0\r\nContent-Length: %LENGTH%", b""),
    "chunks and a length": (b"Content-Length: %LENGTH%\r\nTransfer-Encoding: chunked", b"0\r\n\r\n"),
    "a length and chunks": (b"Transfer-Encoding: chunked\r\nContent-Length: %LENGTH%", b"0\r\n\r\n"),
    "an unknown encoding": (b"Transfer-Encoding: xchunked\r\nContent-Length: %LENGTH%", b"0\r\n\r\n"),
    "an encoding behind a space": (b"Transfer-Encoding : chunked\r\nContent-Length: %LENGTH%", b"0\r\n\r\n"),
    "an encoding behind a tab": (b"Transfer-Encoding:\x0bchunked\r\nContent-Length: %LENGTH%", b"0\r\n\r\n"),
    "two encodings": (b"Transfer-Encoding: chunked\r\nTransfer-Encoding: identity", b"0\r\n\r\n"),
    "a chunk beyond 64 bits": (b"Transfer-Encoding: chunked", b"10000000000000000\r\n"),
    "a chunk without its end": (b"Transfer-Encoding: chunked", b"1\r\nx"),
    "a chunk of a wrong size": (b"Transfer-Encoding: chunked", b"1\r\n\r\n\r\n0\r\n\r\n"),
    "an extension with a line feed": (b"Transfer-Encoding: chunked", b"1;a\nb\r\nx\r\n"),
    "an expected continuation": (b"Expect: 100-continue\r\nContent-Length: %LENGTH%", b""),
    "an upgrade to a websocket": (
        b"Upgrade: websocket\r\nConnection: Upgrade\r\nContent-Length: %LENGTH%",
        b"",
    ),
    "an upgrade to HTTP/2": (b"Upgrade: h2c\r\nConnection: Upgrade\r\nContent-Length: %LENGTH%", b""),
}
"""Headers that state where the body ends, and the body's begin, by the kind of contradiction."""


def test_a_request_after_a_complete_one_is_served(hub: HubProcess) -> None:
    host = f"127.0.0.1:{hub.port}".encode()
    answers = answer_to(hub, b"GET / HTTP/1.1\r\nHost: " + host + b"\r\n\r\n" + INNER % host)
    assert answers.count(b" 200 ") == 1


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize(
    "line", [b"POST /api/status HTTP/1.1", b"GET / HTTP/1.1", b"POST /api/status HTTP/1.0"]
)
def test_the_body_of_a_refused_request_is_not_a_request(hub: HubProcess, form: str, line: bytes) -> None:
    headers, begin = FORMS[form]
    host = f"127.0.0.1:{hub.port}".encode()
    body = begin + INNER % host
    head = (
        line + b"\r\nHost: " + host + b"\r\n" + headers.replace(LENGTH, str(len(body)).encode()) + b"\r\n\r\n"
    )
    assert b" 200 " not in answer_to(hub, head + body)


@pytest.mark.parametrize(
    "head",
    [
        b"CONNECT 127.0.0.1:80 HTTP/1.1\r\nHost: %s\r\n\r\n",
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: %s\r\nHost: other\r\nContent-Length: 100\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: other\r\nContent-Length: 100\r\n\r\n",
        b"GET / HTTP/0.9\r\n\r\n",
        b"GET /\thealthz HTTP/1.1\r\nHost: %s\r\n\r\n",
    ],
    ids=["a tunnel", "the preface of HTTP/2", "two hosts", "another host", "HTTP/0.9", "a tab in the path"],
)
def test_nothing_follows_a_head_that_the_hub_does_not_understand(hub: HubProcess, head: bytes) -> None:
    host = f"127.0.0.1:{hub.port}".encode()
    assert b" 200 " not in answer_to(hub, head.replace(b"%s", host) + INNER % host)


@pytest.mark.parametrize(
    "path",
    [
        "/mcp/", "//mcp", "/./mcp", "/x/../mcp", "/%6dcp", "/mcp%2f", "/MCP", "/mcp;x", "/mcp?x=/api/",
        "/mcp/x", "/api/../mcp", "/healthz/../mcp", "/login/../mcp", "/healthz%2f..%2fmcp", "/mcp%00",
        "/mcp#x", "http://127.0.0.1/mcp", "/healthz/", "/healthz%20",
        "/api/status/../../healthz/../api/status",
    ],
)  # fmt: skip
def test_no_spelling_of_a_path_needs_fewer_keys(hub: HubProcess, path: str) -> None:
    host = f"127.0.0.1:{hub.port}"
    head = (
        f"POST {path} HTTP/1.1\r\nHost: {host}\r\nContent-Length: 2\r\nContent-Type: application/json\r\n\r\n"
    )
    status = answer_to(hub, head.encode() + b"{}").split(b" ")[1]
    assert status in (b"400", b"401"), status


def answer_to(hub: HubProcess, request: bytes) -> bytes:
    """Send the bytes, end this side of the connection, and return everything that the hub sends."""
    received = b""
    connection = socket.create_connection(("127.0.0.1", hub.port), timeout=30)
    with connection, contextlib.suppress(OSError):
        connection.sendall(request)
        connection.shutdown(socket.SHUT_WR)
        while part := connection.recv(65536):
            received += part
    return received
