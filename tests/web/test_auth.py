"""Tests of authentication by Host, Origin, token, cookie and login link, over HTTP and websocket."""

import contextlib
import http.client
import json
import re
import socket
from dataclasses import dataclass

import pytest
from starlette.datastructures import Headers

from server.bridge.keys import Keys
from tests.hub_process import HubProcess

WEBSOCKET = {
    "Upgrade": "websocket",
    "Connection": "Upgrade",
    "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==",
    "Sec-WebSocket-Version": "13",
}
WEBSOCKET_PATH = "/_nicegui_ws/socket.io/?EIO=4&transport=websocket"


@dataclass(frozen=True)
class Answer:
    status: int
    headers: dict[str, str]
    body: str


def send(hub: HubProcess, method: str, path: str, headers: dict[str, str] | None = None) -> Answer:
    connection = http.client.HTTPConnection("127.0.0.1", hub.port, timeout=120)
    try:
        connection.request(method, path, headers={"Host": f"127.0.0.1:{hub.port}", **(headers or {})})
        response = connection.getresponse()
        switched = response.status == 101
        body = "" if switched else response.read().decode()
        return Answer(response.status, {k.lower(): v for k, v in response.getheaders()}, body)
    finally:
        connection.close()


def bearer(hub: HubProcess) -> dict[str, str]:
    return {"Authorization": f"Bearer {hub.token}"}


def log_in(hub: HubProcess) -> dict[str, str]:
    """Return the cookie that a fresh login link sets."""
    link = send(hub, "POST", "/api/login", bearer(hub)).body
    found = re.search(r"/login\?code=[\w-]+", link)
    assert found
    answer = send(hub, "GET", found.group())
    assert answer.status == 303
    return {"Cookie": answer.headers["set-cookie"].partition(";")[0]}


def test_healthz_is_open_and_contains_nothing_private(hub: HubProcess) -> None:
    answer = send(hub, "GET", "/healthz")
    assert answer.status == 200
    assert hub.token not in answer.body
    assert str(hub.home) not in answer.body


@pytest.mark.parametrize(
    "path", ["/", "/mcp", "/api/status", "/healthz/", "/healthz/x", "//healthz", "/Healthz", "/login/x"]
)
def test_all_paths_except_the_open_ones_need_a_key(hub: HubProcess, path: str) -> None:
    assert send(hub, "GET", path).status == 401


@pytest.mark.parametrize("host", ["evil.example", "evil.example:80", "127.0.0.1", "127.0.0.1:1", ""])
def test_a_foreign_host_is_refused_even_with_the_token(hub: HubProcess, host: str) -> None:
    assert send(hub, "GET", "/api/status", {**bearer(hub), "Host": host}).status == 421
    assert send(hub, "GET", "/healthz", {"Host": host}).status == 421


def test_localhost_is_accepted(hub: HubProcess) -> None:
    assert send(hub, "GET", "/healthz", {"Host": f"localhost:{hub.port}"}).status == 200


@pytest.mark.parametrize("origin", ["http://evil.example", "null", "http://127.0.0.1:1", "https://localhost"])
def test_a_foreign_origin_is_refused_even_with_a_key(hub: HubProcess, origin: str) -> None:
    for key in (bearer(hub), log_in(hub)):
        assert send(hub, "GET", "/api/status", {**key, "Origin": origin}).status == 403


@pytest.mark.parametrize("site", ["cross-site", "same-site"])
def test_requests_from_other_pages_are_refused(hub: HubProcess, site: str) -> None:
    assert send(hub, "GET", "/api/status", {**log_in(hub), "Sec-Fetch-Site": site}).status == 403


def test_the_token_grants_access_to_the_api(hub: HubProcess) -> None:
    assert send(hub, "GET", "/api/status", bearer(hub)).status == 200
    assert send(hub, "GET", "/api/status", {"Authorization": "Bearer wrong"}).status == 401
    assert send(hub, "GET", "/api/status", {"Authorization": hub.token}).status == 401


def test_the_cookie_grants_access_to_pages_but_not_mcp(hub: HubProcess) -> None:
    cookie = log_in(hub)
    assert send(hub, "GET", "/welcome", cookie).status == 200
    assert send(hub, "POST", "/mcp", cookie).status == 401


def test_the_cookie_is_bound_to_the_port_and_hidden_from_scripts(hub: HubProcess) -> None:
    link = send(hub, "POST", "/api/login", bearer(hub)).body
    found = re.search(r"/login\?code=[\w-]+", link)
    assert found
    cookie = send(hub, "GET", found.group()).headers["set-cookie"].lower()
    assert cookie.startswith(f"token-saver-{hub.port}=")
    assert "httponly" in cookie
    assert "samesite=strict" in cookie
    assert hub.token.lower() not in cookie


def test_a_login_link_works_once(hub: HubProcess) -> None:
    link = send(hub, "POST", "/api/login", bearer(hub)).body
    found = re.search(r"/login\?code=[\w-]+", link)
    assert found
    assert send(hub, "GET", found.group()).status == 303
    again = send(hub, "GET", found.group())
    assert again.status == 401
    assert "token-saver dashboard" in again.body


@pytest.mark.parametrize(
    ("asked", "opened"),
    [
        pytest.param("", "/", id="none"),
        pytest.param("review", "/review", id="page"),
        pytest.param("//elsewhere.example", "/", id="other-host"),
        pytest.param("%5Celsewhere", "/", id="backslash"),
    ],
)
def test_a_login_link_leads_only_to_pages_of_the_app(hub: HubProcess, asked: str, opened: str) -> None:
    found = re.search(r"/login\?code=[\w-]+", send(hub, "POST", "/api/login", bearer(hub)).body)
    assert found
    answer = send(hub, "GET", f"{found.group()}&page={asked}")
    assert (answer.status, answer.headers["location"]) == (303, opened)


@pytest.mark.parametrize("path", ["/login", "/login?code=", "/login?code=guess"])
def test_a_login_link_cannot_be_guessed(hub: HubProcess, path: str) -> None:
    assert send(hub, "GET", path).status == 401


def test_an_invalid_cookie_is_refused(hub: HubProcess) -> None:
    forged = {"Cookie": f"token-saver-{hub.port}={'0' * 64}"}
    assert send(hub, "GET", "/", forged).status == 401
    assert send(hub, "GET", "/", {"Cookie": "garbage; =; ;;token-saver="}).status == 401


def test_a_cookie_survives_a_restart() -> None:
    """An open page keeps working."""
    before, after = Keys("one token", 7283), Keys("one token", 7283)
    headers = Headers({"cookie": f"{before.cookie_name}={before.cookie_value}"})
    assert after.has_cookie(headers["cookie"])
    assert not Keys("another token", 7283).has_cookie(headers["cookie"])


@pytest.mark.parametrize("path", ["/api/audit", "/", "/healthz"])
def test_an_endless_body_is_refused(hub: HubProcess, path: str) -> None:
    for headers, status in (
        ({"Content-Length": str(10**11)}, 413),
        ({"Content-Length": str(5 << 20)}, 413),
        ({"Transfer-Encoding": "chunked"}, 411),
    ):
        assert send(hub, "POST", path, {**bearer(hub), **headers}).status == status


def test_an_endless_mcp_message_is_refused(hub: HubProcess) -> None:
    head = f"POST /mcp HTTP/1.1\r\nHost: 127.0.0.1:{hub.port}\r\nAuthorization: Bearer {hub.token}\r\n"
    head += "Content-Type: application/json\r\nAccept: application/json, text/event-stream\r\n"
    with socket.create_connection(("127.0.0.1", hub.port), timeout=60) as connection:
        connection.sendall(f"{head}Transfer-Encoding: chunked\r\n\r\n".encode())
        piece = b"10000\r\n" + b" " * 0x10000 + b"\r\n"
        with contextlib.suppress(OSError):  # the hub closes the connection while the client sends
            for _ in range(80):
                connection.sendall(piece)
        assert b" 413 " in connection.recv(4096).split(b"\r\n")[0]


def test_slow_clients_do_not_delay_others(hub: HubProcess) -> None:
    head = f"Host: 127.0.0.1:{hub.port}\r\nAuthorization: Bearer {hub.token}\r\n"
    body = "Content-Type: application/json\r\nContent-Length: 1000\r\n\r\n{"
    halves = (
        "G",
        f"GET /api/status HTTP/1.1\r\n{head}",
        f"POST /api/audit HTTP/1.1\r\n{head}{body}",
        f"POST /mcp HTTP/1.1\r\n{head}Accept: application/json, text/event-stream\r\n{body}",
    )
    with contextlib.ExitStack() as slow:
        for half in halves * 30:
            connection = slow.enter_context(socket.create_connection(("127.0.0.1", hub.port), timeout=60))
            connection.sendall(half.encode())
        for _ in range(5):
            assert send(hub, "GET", "/api/status", bearer(hub)).status == 200
    assert send(hub, "GET", "/healthz").status == 200


def test_every_answer_has_security_headers(hub: HubProcess) -> None:
    for path, key in (("/", log_in(hub)), ("/healthz", {}), ("/nothing", {})):
        headers = send(hub, "GET", path, key).headers
        assert "default-src 'self'" in headers["content-security-policy"]
        assert "frame-ancestors 'none'" in headers["content-security-policy"]
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["x-frame-options"] == "DENY"
        assert headers["referrer-policy"] == "no-referrer"


def test_a_websocket_needs_key_origin_and_host(hub: HubProcess) -> None:
    own = f"http://127.0.0.1:{hub.port}"
    cookie = log_in(hub)
    opened = send(hub, "GET", WEBSOCKET_PATH, {**WEBSOCKET, **cookie, "Origin": own})
    assert opened.status == 101
    for headers in (
        {"Origin": own},
        cookie,
        {**cookie, "Origin": "http://evil.example"},
        {**cookie, "Origin": own, "Host": "evil.example"},
        {**cookie, "Origin": own, "Sec-Fetch-Site": "cross-site"},
    ):
        assert send(hub, "GET", WEBSOCKET_PATH, {**WEBSOCKET, **headers}).status == 403, headers


@pytest.mark.parametrize("name", ["127.0.0.1", "localhost"])
def test_a_client_with_the_hubs_own_origin_and_the_token_may_call_tools(hub: HubProcess, name: str) -> None:
    headers = {
        **bearer(hub),
        "Origin": f"http://{name}:{hub.port}",
        "Content-Type": "application/json",
        "Accept": "application/json, text/event-stream",
    }
    connection = http.client.HTTPConnection("127.0.0.1", hub.port, timeout=60)
    params = {
        "protocolVersion": "2025-11-25",
        "capabilities": {},
        "clientInfo": {"name": "x", "version": "1"},
    }
    message = {"jsonrpc": "2.0", "id": 1, "method": "initialize", "params": params}
    connection.request("POST", "/mcp", json.dumps(message), headers)
    assert connection.getresponse().status == 200
    connection.close()
