"""Tests with peers that stall for seconds, as on a busy machine; nothing is lost."""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil

from server.bridge.discovery import find_running
from tests.bridge_client import RawClient
from tests.hub_process import HubProcess


def test_a_stalled_hub_is_found(hub: HubProcess) -> None:
    with standing_still(hub, seconds=2.5):
        assert find_running(str(hub.home)) == hub.info


def test_piped_input_is_answered_by_a_stalled_hub(hub: HubProcess, tmp_path: Path) -> None:
    with standing_still(hub, seconds=1), RawClient(hub.environ, tmp_path) as client:
        sent = client.send_modern("server/discover")
        assert client.process.stdin is not None
        client.process.stdin.close()
        assert client.answer(sent)["result"]


def test_a_client_may_take_some_seconds_to_name_its_roots(hub: HubProcess, tmp_path: Path) -> None:
    root, current = tmp_path / "root", tmp_path / "current"
    for folder in (root, current):
        folder.mkdir()
    with RawClient(hub.environ, current) as client:
        client.initialize({"roots": {}})
        arguments = {"task": "Say what it says.", "files": [str(root / "missing")]}
        call = client.send("tools/call", {"name": "offload_work", "arguments": arguments})
        while (message := client.next()).get("method") != "roots/list":
            continue
        time.sleep(5.5)
        client.write({"id": message["id"], "result": {"roots": [{"uri": root.as_uri()}]}})
        text = client.answer(call)["result"]["content"][0]["text"]
    # A path inside is looked up and missing; a path outside is not looked up.
    assert not text.startswith("path_outside_roots: ")


@contextmanager
def standing_still(hub: HubProcess, seconds: float) -> Iterator[None]:
    """Stall the hub for ``seconds``, starting now."""
    process = psutil.Process(hub.process.pid)
    process.suspend()
    going_on = threading.Timer(seconds, process.resume)
    going_on.start()
    try:
        yield
    finally:
        going_on.join()
