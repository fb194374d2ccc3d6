"""Tests of the user's checks in the sandbox: twenty ways out, and what a check may do."""

import os
import shutil
import socket
import sys
from pathlib import Path

import psutil
import pytest

from server.common.errors import SettingsError
from server.config.folders import find_folders
from server.config.sections import OffloadSettings
from server.execution.sandbox.find import PROOFS, Sandboxes
from server.execution.sandbox.values import Unavailable
from server.offload.delivery.check_runner import CheckRunner
from server.offload.delivery.rescue_copies import RescueCopies

pytestmark = [
    pytest.mark.anyio,
    pytest.mark.skipif(sys.platform != "linux", reason="other systems have no sandbox"),
]

SECRET = "secret-of-another-project"
PYTHON = str(Path(sys.executable).resolve())


@pytest.fixture
async def project(tmp_path: Path) -> Path:
    if isinstance(await Sandboxes(proofs=PROOFS).find("command"), Unavailable):
        pytest.skip("this machine has no sandbox for commands")
    project = tmp_path / "work" / "project"
    for folder in (project / ".git" / "hooks", project / ".claude", tmp_path / "work" / "other"):
        folder.mkdir(parents=True)
    (project / "a.py").write_text("x = 1\n")
    (project / ".claude" / "settings.json").write_text("{}")
    (tmp_path / "work" / "other" / ".env").write_text(f"KEY={SECRET}\n")
    folders = find_folders()
    folders.create()
    (folders.state / "token").write_text(SECRET)
    return project


def runner(**settings: object) -> CheckRunner:
    folders = find_folders()
    chosen = OffloadSettings(**{"check_sandbox": True, "check_timeout": 30, **settings})  # type: ignore[arg-type]
    return CheckRunner(
        chosen, folders.cache, Sandboxes(proofs=PROOFS), RescueCopies(folders.rescue_copies, 30)
    )


ESCAPES = {
    "the hub's token": "print(open('{state}/token').read())",
    "another project's secret": "print(open('{project}/../other/.env').read())",
    "a secret by a link": "import os; os.symlink('{project}/../other/.env', 'l'); print(open('l').read())",
    "a secret by a hard link": "import os; os.link('{project}/../other/.env', 'h'); print(open('h').read())",
    "a secret by /proc": "print(open('/proc/{pid}/cwd/{project}/../other/.env').read())",
    "a file of the home folder": "open('{home}/token-saver-escape', 'w').write('{secret}')",
    "a file next to the project": "open('{project}/../escape', 'w').write('{secret}')",
    "a git hook": "open('.git/hooks/pre-commit', 'w').write('{secret}')",
    "git's own configuration": "open('.git/config', 'a').write('{secret}')",
    "a moved git folder": "import os; os.rename('.git', 'moved')",
    "an agent's settings": "open('.claude/settings.json', 'w').write('{secret}')",
    "the network": "import socket; socket.create_connection(('127.0.0.1', {port}), 2).send(b'{secret}')",
    "another network": "import socket; socket.create_connection(('192.0.2.1', 80), 2)",
    "a datagram": (
        "import socket; socket.socket(socket.AF_INET, socket.SOCK_DGRAM)"
        ".sendto(b'{secret}', ('127.0.0.1', {port}))"
    ),
    "a unix socket": "import socket; socket.socket(socket.AF_UNIX).connect('{socket}')",
    "another process": "import os; os.kill({pid}, 0)",
    "ptrace": ("import ctypes; c = ctypes.CDLL(None, use_errno=True); assert c.ptrace(16, {pid}, 0, 0) == 0"),
    "the memory of another process": "open('/proc/{pid}/mem', 'rb').read(1)",
    "the clock": "import time; time.clock_settime(time.CLOCK_REALTIME, 0)",
    "a mount": ("import ctypes; assert ctypes.CDLL(None).mount(b'none', b'{project}', b'tmpfs', 0, 0) == 0"),
    "memory without end": "x = bytearray(6 << 30)\nfor i in range(0, len(x), 4096): x[i] = 1",
    "processes without end": "import os\nfor _ in range(100000): os.fork()",
}


PRIVATE = {"a file next to the project"}
"""Writes that may succeed, in a folder that exists in the sandbox alone."""


@pytest.mark.parametrize("way", ESCAPES)
async def test_a_check_does_not_get_out(project: Path, tmp_path: Path, way: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener, socket.socket(socket.AF_UNIX) as unix:
        listener.settimeout(0.1)
        place = tmp_path / "u"
        unix.bind(str(place))
        unix.listen()
        code = ESCAPES[way].format(
            project=project,
            state=find_folders().state,
            home=Path.home(),
            pid=os.getpid(),
            port=listener.getsockname()[1],
            socket=place,
            secret=SECRET,
        )
        script = f"try:\n {code.replace(chr(10), chr(10) + ' ')}\n print('escaped')\nfinally: print('ended')"
        check = await runner().run("test", (PYTHON, "-c", script + "\nraise SystemExit(3)"), project)
        assert not check.passed
        assert "escaped" not in check.message or way in PRIVATE, check.message
        assert SECRET not in check.message
        with pytest.raises(TimeoutError):
            listener.accept()
    found = [path for path in tmp_path.parent.rglob("*escape*") if path.is_file()]
    assert found == []
    assert not (Path.home() / "token-saver-escape").exists()
    assert list((project / ".git" / "hooks").iterdir()) == []
    assert (project / ".claude" / "settings.json").read_text() == "{}"


async def test_a_check_in_the_sandbox_ends_with_what_it_started(project: Path) -> None:
    code = f"import os; os.fork() or (os.setsid(), os.execv({PYTHON!r}, [{PYTHON!r}, '-c', {SLEEP!r}]))"
    assert (await runner().run("test", (PYTHON, "-c", code), project)).passed
    commands = [each.info["cmdline"] or [] for each in psutil.process_iter(["cmdline"])]
    assert [command for command in commands if SLEEP in command] == []


SLEEP = "import time; time.sleep(120); 'token-saver-check-sandbox'"


async def test_a_check_may_change_the_project_and_keeps_its_caches(project: Path) -> None:
    changes = (
        "import pathlib; pathlib.Path('a.py').write_text('x = 2\\n'); pathlib.Path('build').mkdir(); "
        "cache = pathlib.Path.home() / '.cache' / 'seen'; print(cache.exists()); cache.touch(); "
        "raise SystemExit(not {known})"
    )
    first = await runner().run("test", (PYTHON, "-c", changes.format(known=True)), project)
    again = "import pathlib; raise SystemExit(not (pathlib.Path.home() / '.cache' / 'seen').exists())"
    assert first.passed, first.message
    assert (await runner().run("test", (PYTHON, "-c", again), project)).passed
    assert (project / "a.py").read_text() == "x = 2\n"
    assert not (Path.home() / ".cache" / "seen").exists()


@pytest.mark.parametrize("name", [".vscode/tasks.json", ".envrc", "sub/AGENTS.md", "sitecustomize.py"])
async def test_new_configuration_that_other_programs_run_is_taken_away(project: Path, name: str) -> None:
    code = f"import pathlib; p = pathlib.Path({name!r}); p.parent.mkdir(exist_ok=True); p.write_text('evil')"
    check = await runner().run("test", (PYTHON, "-c", code), project)
    assert not check.passed
    assert "which other programs run" in check.message
    assert not (project / name).exists()
    copies = list(find_folders().rescue_copies.iterdir())
    assert [copy.read_text() for copy in copies] == ["evil"]


async def test_a_check_that_passes_outside_alone_is_reported_before_its_first_use(project: Path) -> None:
    outside = f"import os; raise SystemExit(not os.path.exists({str(project / '../other/.env')!r}))"
    command, file = (PYTHON, "-c", outside), project / "a.py"
    with pytest.raises(SettingsError, match="not in the sandbox") as refused:
        await runner().try_unchanged("mine", command, project, file)
    assert 'checks_outside = ["mine"]' in refused.value.next_step
    allowed = runner(checks_outside=("mine",))
    await allowed.try_unchanged("mine", command, project, file)
    assert (await allowed.run("mine", command, project)).passed
    # A check that fails in both places says nothing about the sandbox.
    await runner().try_unchanged("mine", (PYTHON, "-c", "raise SystemExit(1)"), project, file)


async def test_checks_run_outside_until_the_user_has_chosen_the_sandbox(project: Path) -> None:
    outside = f"import os; raise SystemExit(not os.path.exists({str(project / '../other/.env')!r}))"
    assert (await runner(check_sandbox=False).run("mine", (PYTHON, "-c", outside), project)).passed


async def test_programs_are_looked_for_in_absolute_folders_alone(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (project / "tool").write_text("#!/bin/sh\n")
    (project / "tool").chmod(0o755)
    monkeypatch.chdir(project)
    monkeypatch.setenv("PATH", f".:{os.environ['PATH']}")
    assert shutil.which("tool") is not None
    with pytest.raises(SettingsError, match="tool was not found"):
        await runner().run("mine", ("tool",), project)
