"""Tests of the hub's process: start, discovery, end, one instance for each user."""

import http.client
import json
import os
import shlex
import signal
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path

import psutil
import pytest

from server.bridge.discovery import answers, find_running, read_hub_file, wait_for_hub
from server.commands.welcome import connect_line
from server.config.folders import find_folders
from server.web.instance import claim
from tests.forks import program
from tests.hub_process import HubProcess, hub_environ, start_hub

SECONDS = 180


def run_app(environ: dict[str, str], home: Path, *arguments: str) -> "subprocess.CompletedProcess[str]":
    return program.run(*arguments, env=environ, cwd=home)


def printed(hub: HubProcess, last: str) -> str:
    """Return the hub's output up to the line with ``last``; the hub answers before its pages have loaded."""
    deadline = time.monotonic() + SECONDS
    while last not in (output := (hub.home / "output.log").read_text()):
        assert time.monotonic() < deadline, output
        time.sleep(0.05)
    return output


def test_the_start_message(hub: HubProcess) -> None:
    output = printed(hub, "connect claude-code")
    assert f"http://127.0.0.1:{hub.port}/login?code=" in output
    assert "Engine" in output


def test_the_command_that_connects_claude_code(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TOKEN_SAVER_HOME", str(tmp_path))
    line = connect_line()
    command = Path(shlex.split(line.split(" -- ")[1])[0])
    assert command.is_absolute()
    assert command.exists()
    assert f"--env {shlex.quote(f'TOKEN_SAVER_HOME={tmp_path}')} --" in line


def test_a_second_start_finds_the_first(hub: HubProcess) -> None:
    for arguments in (("serve",), ("--background",), ()):
        second = run_app(hub.environ, hub.home, *arguments)
        assert second.returncode == 0, second.stderr
        assert hub.info.url in second.stdout
    assert find_running(str(hub.home)) == hub.info


def test_a_second_start_without_a_display_prints_a_link(hub: HubProcess) -> None:
    second = run_app(hub.environ, hub.home)
    assert f"{hub.info.url}/login?code=" in second.stdout


@pytest.mark.skipif(os.name == "nt", reason="Windows has no modes")
def test_the_private_files_are_private(hub: HubProcess) -> None:
    private = {"token", "hub.json", "token-saver.log", "hub.lock", "history.db"}
    for name in private | {path.name for path in hub.home.glob("history.db*")}:
        assert (hub.home / name).stat().st_mode & 0o077 == 0, name


@pytest.mark.skipif(os.name == "nt", reason="Windows has no modes")
def test_a_history_that_others_could_read_is_made_private(tmp_path: Path) -> None:
    """As in a folder that existed before the app, with the usual mode."""
    for _ in range(2):
        with start_hub(tmp_path):
            assert (tmp_path / "history.db").stat().st_mode & 0o077 == 0
        (tmp_path / "history.db").chmod(0o644)


@pytest.mark.parametrize("stop", [signal.SIGTERM, signal.SIGINT])
@pytest.mark.skipif(os.name == "nt", reason="Windows knows neither")
def test_a_signal_ends_the_hub_completely(tmp_path: Path, stop: signal.Signals) -> None:
    with start_hub(tmp_path) as hub:
        family = [psutil.Process(hub.process.pid), *psutil.Process(hub.process.pid).children(recursive=True)]
        hub.process.send_signal(stop)
        assert hub.process.wait(SECONDS) == 0
        _, alive = psutil.wait_procs(family, timeout=SECONDS)
        assert not alive
    assert not (tmp_path / "hub.json").exists()
    assert "Traceback" not in (tmp_path / "output.log").read_text()


def test_it_ends_while_a_client_holds_a_stream_open(tmp_path: Path) -> None:
    with start_hub(tmp_path) as hub, socket.create_connection(("127.0.0.1", hub.port)) as client:
        client.sendall(b"POST /mcp HTTP/1.1\r\n")  # and never the rest of the request
        assert hub.stop() == 0


def test_a_page_requested_early_waits_for_the_pages(tmp_path: Path) -> None:
    with start_hub(tmp_path) as hub:
        connection = http.client.HTTPConnection("127.0.0.1", hub.port, timeout=SECONDS)
        connection.request("GET", "/policy", headers={"Authorization": f"Bearer {hub.token}"})
        response = connection.getresponse()
        assert (response.status, response.getheader("content-type")) == (200, "text/html; charset=utf-8")
        assert b"Claude Token Saver" in response.read()
        connection.close()


def test_the_hub_runs_without_streams_as_at_login_on_windows(tmp_path: Path) -> None:
    started = "import sys; sys.stdin = sys.stdout = sys.stderr = None; from tray.main import main; main()"
    with start_hub(tmp_path, ("-c", started, "--background")) as hub:
        # The start message is printed before the pages have loaded.
        connection = http.client.HTTPConnection("127.0.0.1", hub.port, timeout=SECONDS)
        connection.request("GET", "/policy", headers={"Authorization": f"Bearer {hub.token}"})
        assert connection.getresponse().status == 200
        connection.close()
        assert hub.stop() == 0
    assert (tmp_path / "output.log").read_bytes() == b""


def test_files_of_a_dead_hub_do_not_prevent_a_start(tmp_path: Path) -> None:
    with start_hub(tmp_path) as hub:
        hub.process.kill()
        hub.process.wait()
        assert read_hub_file(str(tmp_path)) == hub.info
        assert find_running(str(tmp_path)) is None
    with start_hub(tmp_path) as second:
        assert second.info.pid != hub.info.pid


def test_a_hub_file_with_another_programs_port_is_stale(tmp_path: Path, hub: HubProcess) -> None:
    lie = {**vars(hub.info), "pid": hub.info.pid + 1}
    (tmp_path / "hub.json").write_text(json.dumps(lie))
    info = read_hub_file(str(tmp_path))
    assert info is not None
    assert answers(hub.info, hub.token)
    assert not answers(info, hub.token)


def test_a_start_waits_for_the_ending_hub(tmp_path: Path) -> None:
    """An ending hub is no longer found, but holds the lock until it has ended."""
    folders = find_folders({"TOKEN_SAVER_HOME": str(tmp_path)})
    ending, took_over = claim(folders), threading.Event()

    def start() -> None:
        with claim(folders):
            took_over.set()

    ending.__enter__()
    try:
        thread = threading.Thread(target=start)
        thread.start()
        assert not took_over.wait(0.5)
    finally:
        ending.__exit__(None, None, None)
    assert took_over.wait(SECONDS)
    thread.join()


@pytest.mark.parametrize("text", ["", "{", "[]", '{"url": 1}', '{"url": "x", "pid": "y"}'])
def test_a_broken_hub_file_is_ignored(tmp_path: Path, text: str) -> None:
    (tmp_path / "hub.json").write_text(text)
    assert find_running(str(tmp_path)) is None


def test_a_taken_port_is_a_clear_error(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = str(other.getsockname()[1])
        done = run_app(hub_environ(tmp_path, TOKEN_SAVER_PORT=port), tmp_path, "serve")
    assert done.returncode == 1
    assert done.stderr.endswith("(port_taken)\n")
    assert port in done.stderr
    assert "TOKEN_SAVER_PORT" in done.stderr
    assert done.stderr.count("\n") == 1
    assert not (tmp_path / "hub.json").exists()
    # A user who starts it from a menu does not see this line.
    log = (tmp_path / "token-saver.log").read_text()
    assert "port_taken" in log
    assert "Traceback" not in log


def test_a_bad_setting_is_a_clear_error(tmp_path: Path) -> None:
    done = run_app(hub_environ(tmp_path, TOKEN_SAVER_PORT="many"), tmp_path, "serve")
    assert done.returncode == 1
    assert done.stderr.endswith("(settings_invalid)\n")
    assert "TOKEN_SAVER_PORT" in done.stderr


def test_of_ten_simultaneous_starts_one_is_the_hub(tmp_path: Path) -> None:
    command = [sys.executable, "-P", "-m", "tray.main", "--background"]
    environ = hub_environ(tmp_path)
    with (tmp_path / "output.log").open("wb") as output:
        started = [
            subprocess.Popen(command, env=environ, cwd=tmp_path, stdout=output, stderr=output)
            for _ in range(10)
        ]
    try:
        info = wait_for_hub(str(tmp_path), None, SECONDS)
        assert info is not None, (tmp_path / "output.log").read_text()
        others = [process for process in started if process.pid != info.pid]
        assert [process.wait(SECONDS) for process in others] == [0] * 9
        assert find_running(str(tmp_path)) == info
    finally:
        for process in started:
            if process.poll() is None:
                process.terminate()
                process.wait(SECONDS)
