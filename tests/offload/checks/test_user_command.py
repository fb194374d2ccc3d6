"""The user's own checks: parsing of the command, and its end."""

import asyncio
import os
import sys
from pathlib import Path

import psutil
import pytest

from server.common.errors import BadArguments, SettingsError
from server.offload.checks.user_command import command_of, run_check

pytestmark = pytest.mark.anyio

FILE = Path("dir/a$(touch pwned).py")


@pytest.mark.parametrize(
    ("command", "words"),
    [
        ("ruff check {file}", ("ruff", "check", str(FILE))),
        ("mypy --file={file} -q", ("mypy", f"--file={FILE}", "-q")),
        ("sh -c 'cd src && pytest \"$1\"' sh {file}", ("sh", "-c", 'cd src && pytest "$1"', "sh", str(FILE))),
        ("make -C src/{file}.d all", ("make", "-C", f"src/{FILE}.d", "all")),
    ],
)
def test_the_file_is_a_separate_word_or_in_an_option(command: str, words: tuple[str, ...]) -> None:
    assert command_of("test", {"test": command}, FILE, windows=False) == words


@pytest.mark.parametrize(
    "command",
    [
        'sh -c "cd src && pytest {file}"',
        "python -c \"print('{file}')\"",
        "bash -c 'pytest;{file}'",
        "sh -c `{file}`",
    ],
)
def test_a_file_inside_a_script_is_refused(command: str) -> None:
    with pytest.raises(SettingsError, match="inside a script") as refused:
        command_of("test", {"test": command}, FILE, windows=False)
    assert "a separate word" in refused.value.next_step


@pytest.mark.parametrize(
    ("command", "words"),
    [
        (r"C:\tools\ruff.exe check {file}", (r"C:\tools\ruff.exe", "check", str(FILE))),
        (r'"C:\Program Files\ruff.exe" {file}', (r"C:\Program Files\ruff.exe", str(FILE))),
    ],
)
def test_windows_paths_keep_their_backslashes(command: str, words: tuple[str, ...]) -> None:
    assert command_of("test", {"test": command}, FILE, windows=True) == words


@pytest.mark.parametrize(
    "command",
    [
        "eslint.cmd {file}",
        r'"C:\Program Files\nodejs\npx.CMD" eslint {file}',
        "check.bat --file={file}",
        "cmd /c eslint {file}",
        r"C:\Windows\System32\cmd.exe /c eslint {file}",
        "powershell -Command ./lint.ps1 {file}",
    ],
)
def test_a_file_name_is_never_a_command_to_a_program_that_joins_its_words(command: str) -> None:
    for name in ("a&calc.py", "a%PATH%.py", "a^b.py"):
        with pytest.raises(BadArguments, match=r"would not treat [&%^] as part of a name"):
            command_of("test", {"test": command}, Path(name), windows=True)
    plain = "src/[id] - 1+2@x,y=z~#.py"
    assert plain in command_of("test", {"test": command}, Path(plain), windows=True)[-1]


@pytest.mark.parametrize(("command", "error"), [("", SettingsError), ("say 'x", SettingsError)])
def test_a_command_that_cannot_be_read(command: str, error: type[Exception]) -> None:
    with pytest.raises(error):
        command_of("test", {"test": command}, FILE)
    with pytest.raises(BadArguments, match="no check 'other'"):
        command_of("other", {"test": command}, FILE)


@pytest.mark.skipif(os.name == "nt", reason="sessions exist only on POSIX")
@pytest.mark.parametrize("alone", [False, True])
async def test_processes_left_by_a_check_do_not_delay_it(tmp_path: Path, alone: bool) -> None:
    left = (
        "import subprocess, sys; print('checked', flush=True); "
        f"subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(60)'], start_new_session={alone})"
    )
    passed = await run_check("test", (sys.executable, "-c", left), tmp_path, 30)
    assert passed.passed
    failed = await run_check("test", (sys.executable, "-c", f"{left}; sys.exit(3)"), tmp_path, 30)
    assert failed.message == "Exit status 3:\nchecked"


async def test_a_check_that_does_not_end_is_killed(tmp_path: Path) -> None:
    check = await run_check("test", (sys.executable, "-c", "import time; time.sleep(600)"), tmp_path, 0.5)
    assert (check.passed, check.message) == (False, "It did not end within 0.5 s.")


@pytest.mark.anyio
async def test_a_check_sees_few_variables(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in (
        "OTHER_PROJECTS_SECRET",
        "TOKEN_SAVER_HOME",
        "AWS_SECRET_ACCESS_KEY",
        "PYTHONPATH",
        "JAVA_HOME",
    ):
        monkeypatch.setenv(name, "value-of-it")
    show = (sys.executable, "-c", "import os, sys; print(*os.environ); sys.exit(1)")
    seen = (await run_check("test", show, tmp_path, 30, ("JAVA_HOME",))).message
    assert {"PATH", "HOME" if os.name != "nt" else "USERPROFILE", "JAVA_HOME"} <= set(seen.split())
    for name in ("OTHER_PROJECTS_SECRET", "TOKEN_SAVER_HOME", "AWS_SECRET_ACCESS_KEY", "PYTHONPATH"):
        assert name not in seen


ESCAPES = {
    "a new session": "import os; os.fork() or (os.setsid(), os.execv({python!r}, [{python!r}, {sleep!r}]))",
    "twice forked": (
        "import os; os.fork() or (os.setsid(), os.fork() and os._exit(0), "
        "os.execv({python!r}, [{python!r}, {sleep!r}]))"
    ),
}


@pytest.mark.skipif(sys.platform != "linux", reason="other systems have no subreaper")
@pytest.mark.parametrize("way", ESCAPES)
@pytest.mark.parametrize("ends", ["by itself", "too late", "cancelled"])
async def test_a_check_ends_with_everything_that_it_started(tmp_path: Path, way: str, ends: str) -> None:
    sleep = tmp_path / "sleep.py"
    sleep.write_text("import time; open('began', 'w').close(); time.sleep(120)")
    code = ESCAPES[way].format(python=sys.executable, sleep=str(sleep))
    waits = "import time, os\nwhile not os.path.exists('began'): time.sleep(0.01)\n"
    last = "" if ends == "by itself" else "time.sleep(60)"
    command = (sys.executable, "-c", f"{code}\n{waits}{last}")
    check = asyncio.create_task(run_check("test", command, tmp_path, 3 if ends == "too late" else 60))
    if ends == "cancelled":
        while not (tmp_path / "began").exists():
            await asyncio.sleep(0.02)
        check.cancel()
    await asyncio.wait({check})
    if ends == "by itself":
        assert check.result().passed
    commands = [each.info["cmdline"] or [] for each in psutil.process_iter(["cmdline"])]
    assert [command for command in commands if str(sleep) in command] == []


async def test_a_program_is_not_taken_from_the_project(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tool = tmp_path / "tool"
    tool.write_text("#!/bin/sh\nexit 0\n")
    tool.chmod(0o755)
    monkeypatch.setenv("PATH", f".:{os.environ['PATH']}")
    with pytest.raises(SettingsError, match="cannot be started: No such file"):
        await run_check("test", ("tool",), tmp_path, 30)
    assert (await run_check("test", ("./tool",), tmp_path, 30)).passed


async def test_a_missing_program_is_an_error_of_the_setting(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="cannot be started: No such file"):
        await run_check("test", ("no-such-program-anywhere",), tmp_path, 30)
