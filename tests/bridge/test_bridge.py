"""Tests of the bridge between a client's standard streams and a real hub: protocols, restarts, exits."""

import contextlib
import http.server
import json
import os
import signal
import socket
import stat
import subprocess
import sys
import threading
from pathlib import Path

import psutil
import pytest

from server.bridge import wire
from server.bridge.discovery import HubInfo, find_running, read_hub_file
from server.bridge.hub_identity import make_proof
from tests.bridge_client import BRIDGE, LEGACY, MODERN, RawClient
from tests.hub_process import HubProcess, hub_environ, start_hub
from tests.standins.serving import wait_until

SECONDS = 120


def tool_names(answer: dict[str, object]) -> list[str]:
    result = answer["result"]
    assert isinstance(result, dict)
    return [tool["name"] for tool in result["tools"]]


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


@pytest.mark.skipif(os.name == "nt", reason="Windows keeps a folder that is in use")
def test_a_removed_folder_is_not_a_project(hub: HubProcess, tmp_path: Path) -> None:
    folder = tmp_path / "removed"
    folder.mkdir()
    command = ["sh", "-c", 'rmdir "$PWD" && exec "$@"', "sh", *BRIDGE]
    with RawClient(hub.environ, folder, command) as client:
        assert first_answer(client, "file", []).startswith("path_outside_roots: ")
    assert not folder.exists()


def test_a_call_cancelled_while_the_hub_starts_never_runs(tmp_path: Path) -> None:
    call = {"name": "compress_context", "arguments": {"content": "text " * 1000}}
    with start_hub(tmp_path) as first:
        client = RawClient(first.environ, tmp_path)
        client.initialize()
        first.stop()
    try:
        with client:
            cancelled = [client.send("tools/call", call), client.send_modern("tools/call", call)]
            for sent in cancelled:
                client.notify("notifications/cancelled", {"requestId": sent})
            # A later request takes as long, so an earlier one would be answered by then.
            for _ in range(2):
                assert client.request("tools/call", call)["result"]
                assert client.modern("tools/call", call)["result"]
        assert [message for message in client.received if message.get("id") in cancelled] == []
    finally:
        end_hub(tmp_path)


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
        command = [sys.executable, "-P", "-m", "tray.main", "jobs", "wait", "j1"]
        shell = subprocess.run(
            command, env=hub_environ(tmp_path), capture_output=True, text=True, check=False
        )
        ending.shutdown()
    assert all(
        "The hub ended or stopped responding during this call (HTTP 500)" in e["message"] for e in errors
    )
    assert "do not repeat the call" in errors[0]["message"]
    assert "hub_unreachable: The hub does not answer: HTTP 500." in shell.stderr


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


def test_it_starts_a_hub_that_outlives_it(tmp_path: Path) -> None:
    home = tmp_path / "state"
    # A relative folder means the same for both, regardless of where the hub starts.
    environ = {**hub_environ(home), "TOKEN_SAVER_HOME": home.name}
    try:
        with RawClient(environ, tmp_path) as client:
            client.initialize()
            assert "offload_work" in tool_names(client.request("tools/list"))
        info = find_running(str(home))
        assert info is not None
        started = home / "start.log"
        wait_until(lambda: "claude mcp add" in started.read_text(), SECONDS)
        assert "/login" not in started.read_text()
        assert os.name == "nt" or stat.S_IMODE(started.stat().st_mode) == 0o600
    finally:
        end_hub(home)


@pytest.mark.skipif(sys.platform != "linux", reason="reads the environment of another process")
def test_a_hub_does_not_inherit_the_secrets_of_the_client_that_starts_it(tmp_path: Path) -> None:
    home = tmp_path / "state"
    secrets = {"OTHER_PROJECTS_SECRET": "hunter2", "AWS_SECRET_ACCESS_KEY": "hunter2", "CLAUDECODE": "1"}
    environ = {
        **hub_environ(home),
        **secrets,
        "OLLAMA_KV_CACHE_TYPE": "q8_0",
        "HTTPS_PROXY": "http://[::1]:9",
    }
    try:
        with RawClient(environ, tmp_path) as client:
            client.initialize()
            info = find_running(str(home))
            assert info is not None
            kept = psutil.Process(info.pid).environ()
    finally:
        end_hub(home)
    assert not secrets.keys() & kept.keys()
    assert {"PATH", "HOME", "OLLAMA_KV_CACHE_TYPE", "HTTPS_PROXY", "TOKEN_SAVER_HOME"} <= kept.keys()


def test_a_hub_that_cannot_start_is_explained(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = str(other.getsockname()[1])
        environ = hub_environ(tmp_path, TOKEN_SAVER_PORT=port)
        with RawClient(environ, tmp_path) as client:
            message = client.initialize()["error"]["message"]
            assert message.startswith("hub_unreachable: ")
            assert "port_taken" in message
            assert "TOKEN_SAVER_PORT" in message


@pytest.mark.parametrize("new_token", [False, True])
def test_a_hub_that_restarts_goes_unnoticed(tmp_path: Path, new_token: bool) -> None:
    with start_hub(tmp_path) as first:
        client = RawClient(first.environ, tmp_path)
        client.initialize()
        client.modern("server/discover")
        first.stop()
    if new_token:
        (tmp_path / "token").unlink()
    with start_hub(tmp_path) as second, client:
        assert second.info.url != first.info.url
        assert "offload_work" in tool_names(client.request("tools/list"))
        called = client.request("tools/call", {"name": "list_loaded_models", "arguments": {}})
        assert called["result"]["content"]
        assert client.modern("server/discover")["result"]
        assert [message for message in client.received if "id" in message] == []


def test_a_call_after_a_crash_starts_a_new_hub(tmp_path: Path) -> None:
    with start_hub(tmp_path) as first:
        client = RawClient(first.environ, tmp_path)
        client.initialize()
        first.process.kill()
        first.process.wait()
    try:
        with client:
            assert "offload_work" in tool_names(client.request("tools/list"))
            info = read_hub_file(str(tmp_path))
            assert info is not None
            assert info.pid != first.info.pid
    finally:
        end_hub(tmp_path)


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


def end_hub(home: Path) -> None:
    """End the hub that a bridge started in ``home``, and wait until it has ended."""
    info = read_hub_file(str(home))
    if info is not None:
        process = psutil.Process(info.pid)
        process.terminate()
        process.wait(SECONDS)


def first_answer(client: RawClient, file: str, roots: list[str]) -> str:
    """Call a tool on ``file`` as a client with these MCP roots; return the answer, which needs no engine."""
    client.initialize({"roots": {}})
    arguments = {"task": "Say what it says.", "files": [file]}
    call = client.send("tools/call", {"name": "offload_work", "arguments": arguments})
    while True:
        message = client.next()
        if message.get("method") == "roots/list":
            listed = {"roots": [{"uri": Path(root).as_uri()} for root in roots]}
            client.write({"id": message["id"], "result": listed})
        elif message.get("id") == call:
            text: str = message["result"]["content"][0]["text"]
            return text


NOWHERE = [Path("/"), Path.home(), Path.home().parent]


@pytest.mark.parametrize("folder", NOWHERE, ids=["root", "home", "above the home"])
def test_a_client_started_outside_projects_can_read_nothing(
    hub: HubProcess, folder: Path, tmp_path: Path
) -> None:
    missing = str(folder / "no such file 7283")
    with RawClient(hub.environ, folder) as client:
        assert first_answer(client, missing, []).startswith("path_outside_roots: ")
    # Neither the variable nor the client's roots allow it.
    with RawClient({**hub.environ, "CLAUDE_PROJECT_DIR": str(folder)}, tmp_path) as client:
        answer = first_answer(client, missing, [str(folder)])
        assert answer.startswith("path_outside_roots: ")
        assert "roots" in answer


def test_the_project_comes_from_variable_or_folder_and_roots_add_to_it(
    hub: HubProcess, tmp_path: Path
) -> None:
    current, named, root = (tmp_path / name for name in ("current", "größer 1", "root"))
    for folder in (current, named, root):
        folder.mkdir()

    def opened(environ: dict[str, str], cwd: Path) -> list[str]:
        found = []
        for folder in (current, named, root):
            with RawClient(environ, cwd) as client:
                # A path inside is looked up and missing; a path outside is not looked up.
                answer = first_answer(client, str(folder / "missing"), [str(root)])
                found += [folder.name] if not answer.startswith("path_outside_roots: ") else []
        return found

    assert opened(hub.environ, current) == ["current", "root"]
    assert opened({**hub.environ, "CLAUDE_PROJECT_DIR": str(named)}, current) == ["größer 1", "root"]
