"""Tests of the bridge when no hub runs: it starts one, finds a new one, or explains why it cannot."""

import os
import socket
import stat
import sys
from pathlib import Path

import psutil
import pytest

from server.bridge.discovery import find_running, read_hub_file
from tests.bridge_client import RawClient, tool_names
from tests.hub_process import end_hub, hub_environ, start_hub
from tests.standins.serving import wait_until

SECONDS = 120


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
        wait_until(lambda: "connect claude-code" in started.read_text(), SECONDS)
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


def test_a_call_cancelled_while_the_hub_starts_never_runs(tmp_path: Path) -> None:
    call = {"name": "compress_context", "arguments": {"content": "text " * 1000}}
    with start_hub(tmp_path) as first:
        client = RawClient(first.environ, tmp_path)
        client.initialize()
        first.stop()
    try:
        with client:
            with client.together():
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
