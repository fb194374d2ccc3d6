"""Tests in adverse environments: unusual homes, read-only homes, a clock that was set back."""

import json
import os
import shutil
import sqlite3
import subprocess
import sys
import time
from contextlib import closing
from pathlib import Path

import pytest

from server.bridge.discovery import find_running, state_folder
from tests.bridge_client import RawClient
from tests.e2e.test_commands import token_saver
from tests.e2e.test_offload import FENCED, TASK
from tests.hub_process import hub_environ, start_hub
from tests.standins.ollama import OllamaStandIn
from tests.system import REQUIRE_ALL

ODD = "größer home  日本 'x' & $y"
TWO_DAYS = 2 * 86_400.0
OFFLOAD = ("offload", TASK, "--output", "slug.py", "--json")


def without_own_folder(home: Path, **settings: str) -> dict[str, str]:
    """A user's environment without ``TOKEN_SAVER_HOME`` and without a locale."""
    environ = hub_environ(home, **settings)
    del environ["TOKEN_SAVER_HOME"]
    environ.pop("LANG", None)
    return {**environ, "HOME": str(home), "USERPROFILE": str(home)}


def test_a_home_with_blanks_quotes_and_letters_beyond_ascii(tmp_path: Path) -> None:
    home = tmp_path / ODD
    project = home / "Mein Projekt ü"
    project.mkdir(parents=True)
    (home / ".cursor").mkdir()
    with OllamaStandIn() as ollama:
        ollama.answers.when("slugify", FENCED)
        environ = without_own_folder(home, TOKEN_SAVER_BACKEND__URL=ollama.url)
        # The bridge starts the hub there, and commands find it.
        with RawClient(environ, project) as client:
            client.initialize()
            arguments = {"task": TASK, "output": "slug.py"}
            answer = client.request("tools/call", {"name": "offload_work", "arguments": arguments})
            assert not answer["result"].get("isError"), answer
        folder = state_folder(environ, sys.platform)
        hub = find_running(folder)
        assert hub is not None
        try:
            assert folder.startswith(str(home))
            assert "def slugify" in (project / "slug.py").read_text()
            outcome = json.loads(token_saver(environ, project, *OFFLOAD).stdout)
            assert outcome["outcome"] == "delivered"
            assert token_saver(environ, project, "undo", outcome["id"]).returncode == 0
            connected = token_saver(environ, project, "connect", "cursor")
            assert "It works" in connected.stdout, connected.stderr
            findings = json.loads(token_saver(environ, project, "doctor", "--json").stdout)
            assert not [finding for finding in findings if finding["level"] == "error"], findings
        finally:
            os.kill(hub.pid, 15)


READ_ONLY = 'mount --bind "$0" "$0" && mount -o remount,ro,bind "$0" && exec "$@"'


def read_only(home: Path, environ: dict[str, str], *command: str) -> "subprocess.CompletedProcess[str]":
    """Run a command that sees ``home`` as read-only, even for root."""
    program = [*command]
    if os.geteuid() == 0:
        program = ["unshare", "--mount", "sh", "-c", READ_ONLY, str(home), *command]
    else:
        home.chmod(0o500)
    return subprocess.run(
        program,
        env=environ,
        cwd="/",
        capture_output=True,
        encoding="utf-8",
        check=False,
        timeout=180,
        input="",
    )


@pytest.fixture
def lasting_home(tmp_path: Path) -> Path:
    if sys.platform == "win32":
        pytest.skip("Windows has no read-only folders")
    home = tmp_path / "home"
    home.mkdir()
    mounts = os.geteuid() != 0 or (
        shutil.which("unshare")
        and subprocess.run(
            ["unshare", "--mount", "sh", "-c", READ_ONLY, str(home), "true"], capture_output=True, check=False
        ).returncode
        == 0
    )
    if not mounts:
        reason = "root may write everywhere, and this system lets it mount nothing read-only"
        (pytest.fail if os.environ.get(REQUIRE_ALL) == "1" else pytest.skip)(reason)
    return home


@pytest.mark.parametrize("arguments", [("serve",), ("offload", "x"), ("savings",), ()])
def test_a_read_only_home_is_named_with_the_next_step(lasting_home: Path, arguments: tuple[str, ...]) -> None:
    environ = without_own_folder(lasting_home)
    done = read_only(
        lasting_home,
        environ,
        sys.executable,
        "-P",
        "-m",
        "tray.main",
        *arguments,
        *([] if arguments else ["--background"]),
    )
    assert done.returncode == 1
    assert done.stderr.startswith(f"token-saver: {lasting_home}")
    assert "TOKEN_SAVER_HOME" in done.stderr
    assert done.stderr.count("\n") == 1


def test_doctor_and_bridge_report_a_read_only_home(lasting_home: Path) -> None:
    environ = without_own_folder(lasting_home)
    told = read_only(lasting_home, environ, sys.executable, "-P", "-m", "tray.main", "doctor", "--json")
    findings = {finding["name"]: finding for finding in json.loads(told.stdout)}
    assert findings["folders"]["level"] == "error"
    assert "TOKEN_SAVER_HOME" in findings["folders"]["mend"]
    assert told.returncode == 1

    request = {"jsonrpc": "2.0", "id": 1, "method": "initialize", "params": {}}
    script = f"echo '{json.dumps(request)}' | '{sys.executable}' -P -m server.bridge"
    done = read_only(lasting_home, environ, "sh", "-c", script)
    message = json.loads(done.stdout)["error"]["message"]
    assert message.startswith("hub_unreachable: ")
    assert str(lasting_home) in message
    assert "TOKEN_SAVER_HOME" in message


def test_a_clock_that_was_set_back(tmp_path: Path) -> None:
    """Files, rows and the ``hub.json`` of a dead hub now have times in the future."""
    home, project = tmp_path / "home", tmp_path / "project"
    project.mkdir()
    with OllamaStandIn() as ollama:
        ollama.answers.when("slugify", FENCED)
        with start_hub(home, TOKEN_SAVER_BACKEND__URL=ollama.url) as hub:
            first = json.loads(token_saver(hub.environ, project, *OFFLOAD).stdout)["id"]
            hub.process.kill()
            hub.process.wait()
        _into_the_future(home)
        with start_hub(home, TOKEN_SAVER_BACKEND__URL=ollama.url) as hub:
            assert token_saver(hub.environ, project, "undo", first).returncode == 0
            assert not (project / "slug.py").exists()
            again = json.loads(token_saver(hub.environ, project, *OFFLOAD).stdout)
            assert again["outcome"] == "delivered", again
            status = json.loads(token_saver(hub.environ, project, "status", "--json").stdout)
            assert status["saved_all"]["delivered"] == 2
            for command in (("savings", "--by", "day"), ("audit", "verify")):
                done = token_saver(hub.environ, project, *command)
                assert (done.returncode, done.stderr) == (0, ""), command


def _into_the_future(home: Path) -> None:
    with closing(sqlite3.connect(home / "history.db")) as database, database:
        database.execute(
            "update offload set started_at = started_at + ?, ended_at = ended_at + ?", [TWO_DAYS] * 2
        )
    info = json.loads((home / "hub.json").read_text())
    (home / "hub.json").write_text(json.dumps({**info, "started": info["started"] + TWO_DAYS}))
    later = time.time() + TWO_DAYS
    for path in home.rglob("*"):
        os.utime(path, (later, later))
