"""Tests of the hub's proof of identity: clients send nothing to a program that lacks the token."""

import contextlib
import http.client
import http.server
import json
import socket
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from server.bridge.discovery import HubInfo, answers
from server.bridge.http1 import HubConnection
from server.bridge.hub_identity import NotOurHub, demand_proof, make_proof
from tests.bridge_client import RawClient
from tests.forks import program
from tests.hub_process import HubProcess, end_hub, start_hub

SECONDS = 60
PRIVATE = "a task that nobody else may read"


class Impostor(http.server.ThreadingHTTPServer):
    """Another user's program on the port of a dead hub; it sends everything that the hub tells anybody."""

    def __init__(self, former: HubInfo) -> None:
        super().__init__(former.address, _Impostor)
        self.health = {"app": "token-saver", "version": former.version, "pid": former.pid}
        self.heard: list[str] = []


class _Impostor(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Impostor

    def do_GET(self) -> None:
        body = self.rfile.read(int(self.headers.get("content-length") or 0))
        self.server.heard.append(f"{self.requestline}\n{self.headers}\n{body!r}")
        # Made from the right addresses and from every key except the token.
        nonce = self.path.partition("nonce=")[2]
        ends = self.client_address, self.connection.getsockname()
        proofs = [make_proof(key, nonce, *ends) for key in ("", "token", nonce)]
        answer = json.dumps({**self.server.health, "proofs": [*proofs, "", None, nonce]}).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    do_POST = do_DELETE = do_GET  # noqa: N815 - the names that the standard library asks for

    def log_message(self, format: str, *_: Any) -> None:  # noqa: A002 - its name in the standard library
        """Log nothing."""


@contextlib.contextmanager
def impostor_of(hub: HubProcess) -> Iterator[Impostor]:
    """Kill the hub and let another program take its port within the ``with`` block."""
    hub.process.kill()
    hub.process.wait()
    with Impostor(hub.info) as impostor:
        threading.Thread(target=impostor.serve_forever, daemon=True).start()
        try:
            yield impostor
        finally:
            impostor.shutdown()


def test_a_program_on_a_dead_hubs_port_receives_nothing(tmp_path: Path) -> None:
    call = {"name": "offload_work", "arguments": {"task": PRIVATE}}
    try:
        with start_hub(tmp_path) as hub, RawClient(hub.environ, tmp_path) as client:
            client.initialize()
            assert client.modern("tools/list")["result"]
            with impostor_of(hub) as impostor:
                said = program.run("status", env=hub.environ)
                answers = [client.request("tools/call", call), client.modern("tools/call", call)]
                heard = "".join(impostor.heard)
        assert "No hub is running" in said.stderr
        # A new hub on another port has received them.
        texts = [answer["result"]["content"][0]["text"] for answer in answers]
        assert ["backend_unreachable" in text for text in texts] == [True, True]
    finally:
        end_hub(tmp_path)
    assert "nonce" in heard
    assert hub.token not in heard
    assert "uthorization" not in heard
    assert PRIVATE not in heard
    assert "initialize" not in heard


def relay(listener: socket.socket, hub: HubProcess) -> None:
    """Forward everything on one connection, as a program could that knows another hub of this user."""
    client, _ = listener.accept()
    with client, socket.create_connection(("127.0.0.1", hub.port), timeout=SECONDS) as onward:
        back = threading.Thread(target=hand_on, args=(onward, client), daemon=True)
        back.start()
        hand_on(client, onward)
        back.join()


def hand_on(source: socket.socket, target: socket.socket) -> None:
    with contextlib.suppress(OSError):
        while data := source.recv(65536):
            target.sendall(data)
        target.shutdown(socket.SHUT_WR)


def test_a_proof_is_valid_for_one_connection_only(hub: HubProcess) -> None:
    with contextlib.closing(HubConnection(("127.0.0.1", hub.port), SECONDS)) as direct:
        assert demand_proof(direct, hub.token)["pid"] == hub.info.pid
        # The request follows on the same connection.
        direct.send("GET", "/api/status", {"Authorization": f"Bearer {hub.token}"})
        assert direct.answer().status == 200
    with socket.create_server(("127.0.0.1", 0)) as listener:
        threading.Thread(target=relay, args=(listener, hub), daemon=True).start()
        with (
            contextlib.closing(HubConnection(listener.getsockname(), SECONDS)) as relayed,
            pytest.raises(NotOurHub),
        ):
            demand_proof(relayed, hub.token)


def test_a_proof_uses_the_real_ends_of_the_connection(hub: HubProcess) -> None:
    """Otherwise a forwarding header could fetch a proof for another connection."""
    for headers in ({}, {"X-Forwarded-For": "127.0.0.1:4711"}, {"Forwarded": "for=127.0.0.1:4711"}):
        connection = http.client.HTTPConnection("127.0.0.1", hub.port, timeout=SECONDS)
        connection.request("GET", "/healthz?nonce=n", headers=headers)
        ends = connection.sock.getsockname(), connection.sock.getpeername()
        proofs = json.loads(connection.getresponse().read())["proofs"]
        assert proofs == [make_proof(hub.token, "n", *ends)]
        connection.close()


def test_there_is_no_proof_without_token_or_nonce(hub: HubProcess) -> None:
    with (
        contextlib.closing(HubConnection(("127.0.0.1", hub.port), SECONDS)) as connection,
        pytest.raises(NotOurHub),
    ):
        demand_proof(connection, "")
    for query in ("", "?nonce=", f"?nonce={'n' * 1000}"):
        with contextlib.closing(HubConnection(("127.0.0.1", hub.port), SECONDS)) as connection:
            connection.send("GET", f"/healthz{query}", {})
            assert json.loads(connection.answer().body.read())["proofs"] == []


def test_a_slow_proof_is_not_awaited(tmp_path: Path) -> None:
    """Another user's program on that port must not delay a start indefinitely."""
    left = threading.Event()

    def drip(listener: socket.socket) -> None:
        client, _ = listener.accept()
        with client:
            client.sendall(b"HTTP/1.1 200 OK\r\nX: ")
            with contextlib.suppress(OSError):
                for _ in range(600):
                    client.sendall(b"x")
                    if left.wait(0.05):
                        return
            left.set()

    with socket.create_server(("127.0.0.1", 0)) as listener:
        dripping = threading.Thread(target=drip, args=(listener,), daemon=True)
        dripping.start()
        info = HubInfo(f"http://127.0.0.1:{listener.getsockname()[1]}", 1, "1", 0.0)
        assert not answers(info, "token", timeout=0.5)
        assert not left.is_set()
        left.set()
        dripping.join(SECONDS)
