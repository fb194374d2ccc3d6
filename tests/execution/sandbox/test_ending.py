"""The end of a job: its processes end with it, however the job, the caller or the app ends."""

import asyncio
import os
import signal
import subprocess
import sys
import tempfile
import time
import uuid
from pathlib import Path

import psutil
import pytest

from server.execution.sandbox.run import run
from server.execution.sandbox.values import CommandJob, Limits, PythonJob

pytestmark = pytest.mark.anyio
_PROJECT = Path(__file__).parents[3]
_WAIT_SECONDS = 60.0


async def test_cancelling_ends_the_job_and_removes_its_folder(
    barrier: str, tmp_path: Path, before: set[psutil.Process]
) -> None:
    job = PythonJob("while True:\n    pass\n", limits=Limits(seconds=60))
    task = asyncio.create_task(run([job, job], barrier, temporary=tmp_path))
    await _until(lambda: any(tmp_path.iterdir()))
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert list(tmp_path.iterdir()) == []
    assert not _below_this_process() - before


async def test_nothing_continues_when_the_app_is_killed(barrier: str, tmp_path: Path) -> None:
    mark = uuid.uuid4().hex
    script = f"""
import asyncio, pathlib
from server.execution.sandbox.run import run
from server.execution.sandbox.values import CommandJob, Limits
job = CommandJob(("/bin/sh", "-c", "(setsid sh -c 'sleep 100; : {mark}' &) ; sleep 100; : {mark}"))
asyncio.run(run([job], {barrier!r}, temporary=pathlib.Path({str(tmp_path)!r})))
"""
    app = subprocess.Popen([sys.executable, "-c", script], cwd=_PROJECT)
    await _until(lambda: len(_marked(mark)) >= 2)
    app.send_signal(signal.SIGKILL)
    await asyncio.to_thread(app.wait)
    await _until(lambda: not _marked(mark) and not any(tmp_path.iterdir()))


async def test_a_background_process_ends_with_its_command(barrier: str) -> None:
    mark = uuid.uuid4().hex
    command = (
        "/bin/sh",
        "-c",
        f"(setsid sh -c 'sleep 100; : {mark}' >/dev/null 2>&1 &); sleep 0.2; echo done",
    )
    started = time.monotonic()
    (result,) = await run([CommandJob(command)], barrier)
    assert (result.ending, result.stdout) == ("exited", b"done\n")
    assert not _marked(mark)
    assert time.monotonic() - started < 60


@pytest.mark.parametrize(
    ("script", "limits", "ending"),
    [
        pytest.param("trap '' TERM INT HUP; sleep 100", Limits(seconds=1), "timeout", id="deaf"),
        pytest.param(
            "i=0; while :; do i=$((i+1)); head -c 4000000 /dev/zero > f$i; done",
            Limits(seconds=60, disk_bytes=64 << 20),
            "disk",
            id="disk",
        ),
    ],
)
async def test_a_command_that_exceeds_a_limit_is_killed(
    script: str, limits: Limits, ending: str, barrier: str, before: set[psutil.Process]
) -> None:
    (result,) = await run([CommandJob(("/bin/sh", "-c", script), limits=limits)], barrier)
    assert result.ending == ending
    assert result.reason
    assert not _below_this_process() - before


async def test_the_memory_of_all_processes_is_bounded(barrier: str, before: set[psutil.Process]) -> None:
    script = (
        "import os, time\nfor _ in range(4):\n    if os.fork() == 0:\n        break\n"
        "block = b'x' * (100 << 20)\ntime.sleep(60)\n"
    )
    job = CommandJob(
        (os.path.realpath(sys.executable), "-I", "-S", "-c", script),
        readable=(Path(sys.base_prefix),),
        limits=Limits(seconds=60, memory_bytes=256 << 20, processes=40),
    )
    (result,) = await run([job], barrier)
    assert result.ending == "memory"
    assert not _below_this_process() - before


async def test_a_command_cannot_multiply_without_bound(barrier: str, before: set[psutil.Process]) -> None:
    script = "i=0; while [ $i -lt 300 ]; do sleep 60 & i=$((i+1)); done; echo all"
    job = CommandJob(("/bin/sh", "-c", script), limits=Limits(seconds=60, processes=20))
    (result,) = await run([job], barrier)
    assert b"all" not in result.stdout
    assert result.ending == "processes" or b"fork" in result.stderr.lower()
    assert not _below_this_process() - before


async def test_a_command_changes_only_permitted_files(barrier: str, tmp_path: Path) -> None:
    project = tmp_path / "project"
    (project / ".git").mkdir(parents=True)
    (project / "src").mkdir()
    for name in (".git/config", "src/code.py"):
        (project / name).write_text("old")
    secret = tmp_path / "secret"
    secret.write_text("hidden")
    script = (
        f"cat {secret}; echo new > src/code.py; echo new > .git/config; echo x > .git/hook; cat .git/config"
    )
    job = CommandJob(
        ("/bin/sh", "-c", script), folder=project, writable=(project,), protected=(project / ".git",)
    )
    (result,) = await run([job], barrier)
    assert result.stdout == b"old"
    assert (project / "src/code.py").read_text() == "new\n"
    assert (project / ".git/config").read_text() == "old"
    assert not (project / ".git/hook").exists()


async def test_a_command_gets_the_environment_that_was_given(
    barrier: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SECRET", "hidden")
    (result,) = await run([CommandJob(("/usr/bin/env",), env={"CI": "1"})], barrier)
    names = {line.partition("=")[0] for line in result.stdout.decode().splitlines()}
    assert names - {"PWD"} == {"CI", "HOME", "TMPDIR", "LANG"}


async def test_connections_inside_the_sandbox_work_in_its_own_network() -> None:
    from tests.system import require

    require("bwrap")
    script = (
        "import socket\ns = socket.create_server(('127.0.0.1', 0))\n"
        "c = socket.create_connection(s.getsockname())\nprint('connected')\n"
    )
    python = os.path.realpath(sys.executable)
    job = CommandJob(
        (python, "-I", "-S", "-c", script), readable=(Path(sys.base_prefix),), network="loopback"
    )
    inside, refused = [(await run([job], barrier))[0] for barrier in ("bubblewrap", "landlock")]
    assert inside.stdout == b"connected\n"
    assert refused.ending == "not started"
    assert "need bubblewrap" in refused.reason


async def test_a_full_disk_is_a_reason_and_nothing_else(barrier: str, tmp_path: Path) -> None:
    missing = tmp_path / "missing"
    (result,) = await run([PythonJob("x = 1\n")], barrier, temporary=missing)
    assert result.ending == "not started"
    assert "missing" in result.reason


async def test_a_program_that_does_not_exist_is_not_started() -> None:
    (result,) = await run([CommandJob(("/no/such/program",))], "landlock")
    assert result.ending == "not started"
    assert result.reason == "[Errno 2] No such file or directory: '/no/such/program'"


def test_hostile_folders_are_removed() -> None:
    from server.execution.sandbox.leftovers import remove_folder

    folder = tempfile.mkdtemp()
    here = os.open(folder, os.O_RDONLY)
    for depth in range(1500):
        os.mkdir(f"d{depth}", dir_fd=here)
        deeper = os.open(f"d{depth}", os.O_RDONLY, dir_fd=here)
        os.close(here)
        here = deeper
    os.close(here)
    Path(folder, "locked").mkdir(mode=0)
    Path(folder, "link").symlink_to("/usr")
    remove_folder(folder)
    assert not Path(folder).exists()
    assert Path("/usr/bin").exists()


def _marked(mark: str) -> list[psutil.Process]:
    return [
        process
        for process in psutil.process_iter(["cmdline"])
        if any(mark in word for word in process.info["cmdline"] or ())
        and process.pid != os.getpid()
        and not any("asyncio.run" in word for word in process.info["cmdline"] or ())
    ]


@pytest.fixture
def before() -> set[psutil.Process]:
    """The processes that belong to other tests, such as a hub that the whole session shares."""
    return _below_this_process()


def _below_this_process() -> set[psutil.Process]:
    return set(psutil.Process().children(recursive=True))


async def _until(condition) -> None:  # type: ignore[no-untyped-def]
    deadline = time.monotonic() + _WAIT_SECONDS
    while not condition():
        assert time.monotonic() < deadline, "it did not come to that"
        await asyncio.sleep(0.02)
