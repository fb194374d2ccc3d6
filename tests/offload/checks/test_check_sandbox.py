"""Tests of the user's checks in the sandbox: fifty ways out, and what a check may do."""

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
from server.offload.checks.named import NamedChecks
from server.offload.checks.places import CheckPlaces
from server.offload.delivery.check_runner import CheckRunner
from server.offload.delivery.rescue_copies import RescueCopies
from tests.escapes import ESCAPES, PRIVATE, script_of
from tests.execution.sandbox.attack_time import ATTACK_SECONDS

pytestmark = [
    pytest.mark.anyio,
    pytest.mark.skipif(sys.platform != "linux", reason="other systems have no sandbox"),
]

SECRET = "secret-of-another-project"
MARKER = "token-saver-escape-test"
CHECKS = {"mine": "python {file}"}
ENDLESS = ("a child for each end",)
"""Ways that end by the time limit alone."""
PYTHON = str(Path(sys.executable).resolve())


@pytest.fixture
async def project(tmp_path: Path) -> Path:
    if isinstance(await Sandboxes(proofs=PROOFS).find("command"), Unavailable):
        pytest.skip("this machine has no sandbox for commands")
    project = tmp_path / "work" / "project"
    for folder in (project / ".git" / "hooks", project / ".claude", tmp_path / "work" / "other"):
        folder.mkdir(parents=True)
    (project / "a.py").write_text("x = 1\n")
    (project / ".git" / "config").touch()
    (project / ".claude" / "settings.json").write_text("{}")
    (tmp_path / "work" / "other" / ".env").write_text(f"KEY={SECRET}\n")
    folders = find_folders()
    folders.create()
    (folders.state / "token").write_text(SECRET)
    return project


def runner(**settings: object) -> CheckRunner:
    folders = find_folders()
    chosen = OffloadSettings(**{"check_timeout": 30, **settings})  # type: ignore[arg-type]
    return CheckRunner(
        chosen,
        cache=folders.cache,
        sandboxes=Sandboxes(proofs=PROOFS),
        rescue_copies=RescueCopies(folders.rescue_copies, 30),
        checks=NamedChecks(CHECKS, folders),
        places=CheckPlaces(folders.check_places),
    )


@pytest.mark.parametrize("way", ESCAPES)
async def test_a_check_does_not_get_out(
    project: Path, tmp_path: Path, way: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SECRET_OF_ANOTHER_PROJECT", MARKER)
    with socket.create_server(("127.0.0.1", 0)) as listener, socket.socket(socket.AF_UNIX) as unix:
        listener.settimeout(0.1)
        place = tmp_path / "u"
        unix.bind(str(place))
        unix.listen()
        script = script_of(
            way,
            project=project,
            state=find_folders().state,
            home=Path.home(),
            pid=os.getpid(),
            port=listener.getsockname()[1],
            socket=place,
            marker=MARKER,
        )
        limits = {"check_timeout": ATTACK_SECONDS} if way in ENDLESS else {}
        check = await runner(**limits).run("test", (PYTHON, "-c", script), project)
        assert not check.passed
        assert "escaped" not in check.message or way in PRIVATE, check.message
        assert SECRET not in check.message
        with pytest.raises(TimeoutError):
            listener.accept()
    found = [path for path in tmp_path.parent.rglob("*escape*") if path.is_file()]
    assert found == []
    for folder in (Path.home(), Path("/tmp"), Path("/dev/shm")):
        assert not (folder / "token-saver-escape").exists()
    assert [path for path in project.rglob("*") if path.is_file() and MARKER in path.read_text()] == []
    assert (project / ".git" / "config").read_text() == ""
    assert list((project / ".git" / "hooks").iterdir()) == []
    assert (project / ".claude" / "settings.json").read_text() == "{}"
    assert [each for each in psutil.process_iter(["cmdline"]) if MARKER in (each.info["cmdline"] or [])] == []


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
    assert "token-saver checks place mine outside" in refused.value.next_step
    places = CheckPlaces(find_folders().check_places)
    assert "not in the sandbox" in places.questions(CHECKS)["mine"].text
    assert not (await runner().run("mine", command, project)).passed
    for allowed in (runner(checks_outside=("mine",)), runner(check_sandbox="never")):
        await allowed.try_unchanged("mine", command, project, file)
        assert (await allowed.run("mine", command, project)).passed
    places.answer("mine", CHECKS["mine"], "outside")
    assert places.questions(CHECKS) == {}
    assert (await runner().run("mine", command, project)).passed
    places.answer("mine", CHECKS["mine"], "sandbox")
    assert not (await runner().run("mine", command, project)).passed
    # A check that fails in both places says nothing about the sandbox.
    await runner().try_unchanged("mine", (PYTHON, "-c", "raise SystemExit(1)"), project, file)


async def test_a_check_that_existed_runs_outside_until_the_user_has_answered(project: Path) -> None:
    command = (PYTHON, "-c", f"open({str(project / '../other/.env')!r})")
    places = CheckPlaces(find_folders().check_places)
    places.start(CHECKS, is_new=False)
    assert "as before" in places.questions(CHECKS)["mine"].text
    assert (await runner().run("mine", command, project)).passed
    places.start({**CHECKS, "later": "x"}, is_new=False)
    assert not (await runner().run("later", command, project)).passed
    assert list(places.questions({**CHECKS, "later": "x"})) == ["mine"]
    assert places.questions({"mine": "another command"}) == {}
    places.answer("mine", CHECKS["mine"], "sandbox")
    assert not (await runner().run("mine", command, project)).passed


async def test_in_a_new_set_up_every_check_runs_in_the_sandbox(project: Path) -> None:
    command = (PYTHON, "-c", f"open({str(project / '../other/.env')!r})")
    places = CheckPlaces(find_folders().check_places)
    places.start(CHECKS, is_new=True)
    places.start(CHECKS, is_new=False)
    assert places.questions(CHECKS) == {}
    assert not (await runner().run("mine", command, project)).passed


async def test_a_check_without_a_sandbox_runs_outside_unless_the_user_demands_one(project: Path) -> None:
    command = (PYTHON, "-c", "pass")
    nowhere = Sandboxes(platform="darwin")
    without, strict = runner(), runner(check_sandbox="always")
    without._sandboxes = strict._sandboxes = nowhere
    assert (await without.run("mine", command, project)).passed
    with pytest.raises(SettingsError, match="no sandbox is available"):
        await strict.run("mine", command, project)


async def test_a_check_has_the_network_if_the_user_allows_it(project: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        code = f"import socket; socket.create_connection(('localhost', {port}), 5)"
        assert not (await runner().run("mine", (PYTHON, "-c", code), project)).passed
        check = await runner(checks_network=("mine",)).run("mine", (PYTHON, "-c", code), project)
        assert check.passed, check.message
    unix = "import socket; socket.socket(socket.AF_UNIX)"
    assert not (await runner(checks_network=("mine",)).run("mine", (PYTHON, "-c", unix), project)).passed


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
