"""Tests of the tests' own parts: forks of ``token-saver`` behave like starts of it."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from server.bridge.discovery import wait_for_hub
from tests.forks import program
from tests.hub_process import hub_environ
from tests.slow_files import SLOWEST_FIRST


@pytest.mark.parametrize(
    "arguments",
    [("--version",), ("status", "--json"), ("history", "nosuch"), ("no-such-command",)],
    ids=["success", "no-hub", "error", "wrong-usage"],
)
def test_a_fork_prints_and_exits_like_a_start(arguments: tuple[str, ...], tmp_path: Path) -> None:
    environ = hub_environ(tmp_path / "home")
    plain = subprocess.run(
        [*program.COMMAND, *arguments], env=environ, cwd=tmp_path, capture_output=True, text=True, check=False
    )
    forked = program.run(*arguments, env=environ, cwd=tmp_path)
    assert (forked.returncode, forked.stdout, forked.stderr) == (
        plain.returncode,
        plain.stdout,
        plain.stderr,
    )


@pytest.mark.skipif(sys.platform != "linux", reason="forks exist on Linux only")
def test_a_signal_ends_a_fork_and_its_number_is_the_status(tmp_path: Path) -> None:
    home = tmp_path / "home"
    home.mkdir()
    with (home / "output.log").open("wb") as output:
        hub = program.start("serve", env=hub_environ(home), cwd=home, stdout=output, stderr=output)
    assert isinstance(hub, program.Fork)
    info = wait_for_hub(str(home), hub, 120)
    assert info is not None
    assert info.pid == hub.pid
    assert hub.poll() is None
    with pytest.raises(subprocess.TimeoutExpired):
        hub.wait(0.01)
    hub.kill()
    assert hub.wait(60) == -signal.SIGKILL
    assert hub.poll() == -signal.SIGKILL


@pytest.mark.skipif(sys.platform != "linux", reason="forks exist on Linux only")
def test_a_start_with_another_python_variable_is_no_fork(tmp_path: Path) -> None:
    environ = {"PATH": os.defpath, "TOKEN_SAVER_HOME": str(tmp_path), "PYTHONUTF8": "1"}
    process = program.start("--version", env=environ)
    assert not isinstance(process, program.Fork)
    assert process.wait(60) == 0


@pytest.mark.fast
def test_the_slow_files_exist() -> None:
    assert [file for file in SLOWEST_FIRST if not Path(__file__).parents[1].joinpath(file).is_file()] == []
