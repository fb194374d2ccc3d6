"""Tests of the bridge between a client's standard streams and a real hub: protocols, errors, exits."""

import contextlib
import http.server
import json
import os
import signal
import threading
from pathlib import Path

import psutil
import pytest

from server.bridge import wire
from server.bridge.discovery import HubInfo
from server.bridge.hub_identity import make_proof
from tests.bridge_client import LEGACY, MODERN, RawClient, tool_names
from tests.forks import program
from tests.hub_process import HubProcess, hub_environ

SECONDS = 120


def test_a_client_of_2025(hub: HubProcess, tmp_path: Path) -> None:
    with RawClient(hub.environ, tmp_path) as client:
        opened = client.initialize()["result"]
        assert opened["protocolVersion"] == LEGACY
        assert opened["serverInfo"]["name"] == "token-saver"
        assert "offload_work" in tool_names(client.request("tools/list"))
        assert client.request("ping")["result"] == {}


def test_a_client_of_2026(hub: HubProcess, tmp_path: Path) -> None:
    with RawClient(hub.environ, tmp_path) as client:
        assert MODERN in client.modern("server/discover")["result"]["supportedVersions"]
        assert "offload_work" in tool_names(client.modern("tools/list"))


def test_both_protocols_on_one_pipe(hub: HubProcess, tmp_path: Path) -> None:
    """A client that probes with ``server/discover`` may still choose ``initialize``."""
    with RawClient(hub.environ, tmp_path) as client:
        client.modern("server/discover")
        client.initialize()
        assert tool_names(client.request("tools/list")) == tool_names(client.modern("tools/list"))


def test_errors_come_back_under_the_requests_own_id(hub: HubProcess, tmp_path: Path) -> None:
    with RawClient(hub.environ, tmp_path) as client:
        assert client.modern("no/such/method")["error"]["code"] == -32601
        unknown = client.modern("tools/call", {"name": "nöt a tööl", "arguments": {}})
        assert unknown.get("error") or unknown["result"]["isError"]
        client.initialize()
        assert client.request("no/such/method")["error"]["code"] == -32601
        client.write({"id": "a text", "method": "ping"})
        assert client.next()["id"] == "a text"


def test_a_broken_line_does_not_end_it(hub: HubProcess, tmp_path: Path) -> None:
    with RawClient(hub.environ, tmp_path) as client:
        for line in (b"{", b"\xff\xfe", b"[]", b'"text"', b"null", b"[" * 100_000):
            client.write_line(line)
            assert client.answer(None)["error"]["code"] == -32700
        client.write_line(b"")
        assert client.modern("server/discover")["result"]


def test_a_message_of_no_known_kind_does_not_end_it(hub: HubProcess, tmp_path: Path) -> None:
    meta = {"_meta": {wire.META_VERSION: MODERN}}
    odd: list[dict[str, object]] = [
        {},
        {"params": meta},
        {"id": 5, "result": {}, "params": meta},
        {"method": "notifications/cancelled", "params": {"requestId": [[1]]}},
        {"method": "notifications/cancelled", "params": {"requestId": None, **meta}},
        {"method": "no/such\r\nnotification", "params": meta},
    ]
    with RawClient(hub.environ, tmp_path) as client:
        client.initialize()
        for message in odd:
            client.write(message)
        assert client.request("tools/list")["result"]


def test_a_byte_order_mark_is_ignored(hub: HubProcess, tmp_path: Path) -> None:
    with RawClient(hub.environ, tmp_path) as client:
        line = json.dumps({"jsonrpc": "2.0", "id": "first", "method": "ping"}).encode()
        client.write_line(b"\xef\xbb\xbf" + line)
        assert client.answer("first")["result"] == {}
        assert client.initialize()["result"]


@pytest.mark.parametrize(
    "params",
    [{"arguments": {}, "_meta": {"progressToken": None}}, {"arguments": []}, {"arguments": None}],
    ids=["progress-token-null", "arguments-list", "arguments-null"],
)
def test_what_means_nothing_is_accepted(hub: HubProcess, tmp_path: Path, params: dict[str, object]) -> None:
    with RawClient(hub.environ, tmp_path) as client:
        client.initialize()
        answer = client.request("tools/call", {"name": "get_metrics", **params})
    assert answer["result"]["isError"] is False


def test_arguments_of_another_type_are_refused_with_the_reason(hub: HubProcess, tmp_path: Path) -> None:
    with RawClient(hub.environ, tmp_path) as client:
        client.initialize()
        answer = client.request("tools/call", {"name": "get_metrics", "arguments": "text"})
    assert "`arguments` must be a JSON object" in answer["error"]["message"]


def test_a_malformed_message_is_answered(hub: HubProcess, tmp_path: Path) -> None:
    wrong: list[dict[str, object]] = [
        {"method": 5},
        {"method": "tools/list", "params": [1]},
        {"method": "initialize", "params": "text"},
        {"method": "tools/list", "params": {"_meta": "text"}},
    ]
    with RawClient(hub.environ, tmp_path) as client:
        for number, message in enumerate(wrong):
            client.write({"id": number, **message})
            assert client.answer(number)["error"]["code"] == -32600
        client.write({"id": [1], "method": "ping"})
        assert client.answer(None)["error"]["code"] == -32600
        # The hub answers names that no header can carry.
        assert client.modern("no\r\nsuch: method")["error"]
        assert client.modern("tools/call", {"name": "a\nb: \ud800", "arguments": {}})
        assert client.modern("server/discover")["result"]


def test_a_message_that_is_too_large_is_an_error(hub: HubProcess, tmp_path: Path) -> None:
    with RawClient(hub.environ, tmp_path) as client:
        arguments = {"task": "x" * 5_000_000}
        answer = client.modern("tools/call", {"name": "offload_work", "arguments": arguments})
        assert "too large" in answer["error"]["message"]
        assert "files" in answer["error"]["message"]
        client.initialize()
        answer = client.request("tools/call", {"name": "offload_work", "arguments": arguments})
        assert "too large" in answer["error"]["message"]


class _Ending(http.server.BaseHTTPRequestHandler):
    """A hub that is shutting down: it proves its identity and cuts off every request."""

    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        nonce = self.path.partition("nonce=")[2]
        proof = make_proof("token", nonce, self.client_address, self.connection.getsockname())
        self._say(200, json.dumps({"pid": os.getpid(), "proofs": [proof]}))

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["content-length"]))
        self._say(500, "Internal Server Error")

    def _say(self, status: int, text: str, content_type: str = "text/plain") -> None:
        self.send_response(status)
        self.send_header("Content-Type", content_type)
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text.encode())

    def log_message(self, format: str, *_: object) -> None:  # noqa: A002 - its name in the standard library
        """Log nothing."""


def test_a_call_to_an_ending_hub_gets_the_next_step(tmp_path: Path) -> None:
    (tmp_path / "token").write_text("token")
    call = {"name": "batch_offload", "arguments": {}}
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), _Ending) as ending:
        threading.Thread(target=ending.serve_forever, daemon=True).start()
        hub = HubInfo(f"http://127.0.0.1:{ending.server_port}", os.getpid(), "1", 0.0)
        (tmp_path / "hub.json").write_text(json.dumps(vars(hub)))
        with RawClient(hub_environ(tmp_path), tmp_path) as client:
            errors = [client.modern("tools/call", call)["error"], client.modern("tools/list")["error"]]
        shell = program.run("pause", env=hub_environ(tmp_path))
        ending.shutdown()
    assert all(
        "The hub ended or stopped responding during this call (HTTP 500)" in e["message"] for e in errors
    )
    assert "do not repeat the call" in errors[0]["message"]
    assert "token-saver: The hub does not answer: HTTP 500." in shell.stderr


class _Holding(_Ending):
    """A hub that answers calls only once ``released`` is set, but other requests at once."""

    released = threading.Event()

    def do_POST(self) -> None:
        message = json.loads(self.rfile.read(int(self.headers["content-length"])))
        if message["method"] == "tools/call":
            self.released.wait(SECONDS)
        text = json.dumps({"jsonrpc": "2.0", "id": message["id"], "result": {}})
        with contextlib.suppress(OSError):  # the bridge was killed
            self._say(200, text, "application/json")


class _Crowded(http.server.ThreadingHTTPServer):
    """A server that many clients reach at once."""

    request_queue_size = 1024

    def handle_error(self, request: object, client_address: object) -> None:
        """Ignore connections that the bridge dropped."""


def test_ten_thousand_calls_do_not_take_a_thread_each(tmp_path: Path) -> None:
    (tmp_path / "token").write_text("token")
    call = {"name": "offload_work", "arguments": {"task": "x" * 8_000}}
    with _Crowded(("127.0.0.1", 0), _Holding) as holding:
        threading.Thread(target=holding.serve_forever, daemon=True).start()
        hub = HubInfo(f"http://127.0.0.1:{holding.server_port}", os.getpid(), "1", 0.0)
        (tmp_path / "hub.json").write_text(json.dumps(vars(hub)))
        with RawClient(hub_environ(tmp_path), tmp_path) as client:
            sent = [client.send_modern("tools/call", call) for _ in range(10_000)]
            # All lines before it were read, and the calls do not delay it.
            assert client.modern("tools/list")["result"] == {}
            assert psutil.Process(client.process.pid).num_threads() < 200
            # 80 MB of calls: the last ones are refused at once.
            refused = {each["id"]: each["error"]["message"] for each in client.received if "error" in each}
            assert refused[sent[-1]].startswith("queue_full: ")
            assert psutil.Process(client.process.pid).memory_info().rss < 400 << 20
            client.process.kill()
            _Holding.released.set()
        holding.shutdown()


@pytest.mark.skipif(os.name == "nt", reason="Windows knows neither")
@pytest.mark.parametrize("stop", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_it(hub: HubProcess, tmp_path: Path, stop: signal.Signals) -> None:
    with RawClient(hub.environ, tmp_path) as client:
        client.initialize()
        client.process.send_signal(stop)
        assert client.process.wait(SECONDS) == 0


def test_piped_requests_are_answered(hub: HubProcess, tmp_path: Path) -> None:
    with RawClient(hub.environ, tmp_path) as client:
        sent = client.send_modern("server/discover")
        assert client.process.stdin is not None
        client.process.stdin.close()
        assert client.answer(sent)["result"]
