"""Tests of token rotation: immediate, atomic, recorded, and unnoticed by bridges."""

import http.client
import json
import os
import re
import socket
import stat
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from server.bridge.discovery import read_token
from server.bridge.keys import Keys
from tests.bridge_client import RawClient
from tests.forks import program
from tests.hub_process import HubProcess, hub_environ, start_hub
from tests.web.test_auth import WEBSOCKET, WEBSOCKET_PATH, bearer, log_in, send

SECONDS = 90


@pytest.fixture(scope="module")
def own_hub(tmp_path_factory: pytest.TempPathFactory) -> Iterator[HubProcess]:
    with start_hub(tmp_path_factory.mktemp("token")) as running:
        yield running


def run(environ: dict[str, str], *arguments: str) -> str:
    done = program.run(*arguments, env=environ)
    assert done.returncode == 0, done.stderr
    return done.stdout


def rotate(hub: HubProcess) -> str:
    """Rotate the token and return the old one."""
    before = hub.token
    assert send(hub, "POST", "/api/token", bearer(hub)).status == 200
    assert hub.token != before
    return before


def opens(hub: HubProcess, token: str, path: str = "/api/status") -> int:
    return send(hub, "GET", path, {"Authorization": f"Bearer {token}"}).status


def trail(environ: dict[str, str]) -> list[Any]:
    rows: list[Any] = json.loads(run(environ, "audit", "search", "token was replaced", "--json"))
    return rows


def test_the_command_replaces_the_token_immediately(own_hub: HubProcess) -> None:
    before = own_hub.token
    said = run(own_hub.environ, "token", "rotate")
    assert str(own_hub.home / "token") in said
    assert "pasted" in said
    after = own_hub.token
    assert after not in said
    assert len(after) >= 40
    assert (opens(own_hub, before), opens(own_hub, after)) == (401, 200)
    assert opens(own_hub, before, "/mcp") == 401
    assert "replaced" in send(own_hub, "POST", "/mcp", {"Authorization": f"Bearer {before}"}).body
    assert run(own_hub.environ, "token").strip() == str(own_hub.home / "token")
    if os.name != "nt":
        assert stat.S_IMODE((own_hub.home / "token").stat().st_mode) == 0o600
    assert not list(own_hub.home.glob("token.*"))
    assert [(row["kind"], row["verdict"]) for row in trail(own_hub.environ)][:1] == [("settings", "")]
    assert "intact" in run(own_hub.environ, "audit", "verify")


def test_an_empty_token_is_never_valid(own_hub: HubProcess) -> None:
    for _ in range(2):
        assert [opens(own_hub, each) for each in ("", " ", "None", own_hub.token[:-1])] == [401] * 4
        rotate(own_hub)


def test_old_pages_and_login_links_become_invalid(own_hub: HubProcess) -> None:
    cookie = log_in(own_hub)
    link = json.loads(send(own_hub, "POST", "/api/login", bearer(own_hub)).body)["url"]
    assert send(own_hub, "GET", "/api/status", cookie).status == 200
    rotate(own_hub)
    assert send(own_hub, "GET", "/api/status", cookie).status == 401
    assert send(own_hub, "GET", link.removeprefix(own_hub.info.url)).status == 401
    assert send(own_hub, "GET", "/api/status", log_in(own_hub)).status == 200


def test_an_open_page_is_disconnected(own_hub: HubProcess) -> None:
    origin = {"Origin": own_hub.info.url}
    connection = http.client.HTTPConnection("127.0.0.1", own_hub.port, timeout=SECONDS)
    connection.request("GET", WEBSOCKET_PATH, headers={**WEBSOCKET, **origin, **log_in(own_hub)})
    assert isinstance(connection.sock, socket.socket)
    with connection.sock as opened:
        head = b""
        while b"\r\n\r\n" not in head:
            head += opened.recv(1)
        assert b" 101 " in head
        rotate(own_hub)
        received = b""
        # A close frame, two bytes of head and its code, 1008 for "policy violation" (RFC 6455, section 5.5).
        while not re.search(rb"\x88.\x03\xf0", received, re.DOTALL):
            piece = opened.recv(4096)
            assert piece
            received += piece


def test_bridges_of_both_protocols_continue(own_hub: HubProcess, tmp_path: Path) -> None:
    with RawClient(own_hub.environ, tmp_path) as client:
        client.initialize()
        tools = client.request("tools/list")["result"]["tools"]
        rotate(own_hub)
        assert client.request("tools/list")["result"]["tools"] == tools
        assert client.modern("tools/list")["result"]["tools"] == tools
        rotate(own_hub)
        client.notify("notifications/roots/list_changed")
        assert client.request("ping")["result"] == {}


def test_the_readable_token_is_always_valid(own_hub: HubProcess) -> None:
    def use(_: int) -> bool:
        token = own_hub.token
        return opens(own_hub, token) == 200 or own_hub.token != token

    with ThreadPoolExecutor(8) as pool:
        used = pool.map(use, range(200))
        replaced = list(pool.map(lambda _: rotate_any(own_hub), range(20)))
        assert all(used)
    assert any(replaced)
    assert opens(own_hub, own_hub.token) == 200


def rotate_any(hub: HubProcess) -> bool:
    """Return whether the token was replaced; False if a concurrent rotation was faster."""
    return send(hub, "POST", "/api/token", bearer(hub)).status == 200


def test_a_token_that_cannot_be_saved_is_not_replaced(tmp_path: Path) -> None:
    with start_hub(tmp_path) as hub:
        token = hub.token
        (tmp_path / "token").unlink()
        (tmp_path / "token").mkdir()
        answer = send(hub, "POST", "/api/token", {"Authorization": f"Bearer {token}"})
        assert answer.status == 400
        assert "cannot be written" in answer.body
        assert opens(hub, token) == 200
        assert trail(hub.environ) == []


def test_the_token_is_replaced_without_a_hub(tmp_path: Path) -> None:
    environ = hub_environ(tmp_path)
    run(environ, "token", "rotate")
    before = read_token(str(tmp_path))
    run(environ, "token", "rotate")
    after = read_token(str(tmp_path))
    assert before
    assert after
    assert before != after
    assert len(trail(environ)) == 2
    assert not (tmp_path / "hub.json").exists()


def test_another_page_cannot_replace_the_token(own_hub: HubProcess) -> None:
    before = own_hub.token
    cookie = log_in(own_hub)
    for headers in (cookie | {"Origin": "https://evil.example"}, cookie | {"Sec-Fetch-Site": "cross-site"}):
        assert send(own_hub, "POST", "/api/token", headers).status == 403
    assert send(own_hub, "GET", "/api/token", bearer(own_hub)).status in (404, 405)
    assert own_hub.token == before


def test_tasks_signed_before_remain_valid() -> None:
    keys = Keys("one", 1)
    signature = keys.sign("task 1")
    keys.replace(lambda _: None)
    assert keys.sign("task 1") != signature
    assert keys.signed("task 1", signature)
    assert not keys.signed("task 2", signature)
    assert not keys.signed("task 1", "")


def test_no_answer_contains_a_present_or_former_token(own_hub: HubProcess, tmp_path: Path) -> None:
    before = rotate(own_hub)
    with RawClient(own_hub.environ, tmp_path) as client:
        for token in (before, own_hub.token):
            call = {"name": "check_job", "arguments": {"job": f"job {token}"}}
            text = client.modern("tools/call", call)["result"]["content"][0]["text"]
            assert token not in text
            assert "[removed: token of this app]" in text
