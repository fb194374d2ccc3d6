"""Tests of the whole command line: help, examples, completion, exit statuses, errors, log rotation."""

import logging
import os
import re
import shlex
import stat
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from typer.main import get_command

from server.commands.app import build_cli
from server.commands.examples import EXAMPLES, EXIT_STATUS
from server.config.folders import find_folders
from server.config.settings import Settings
from server.web.log_file import LOG_BYTES, LOGS_KEPT, log_to_file
from tests.forks.program import run as run_program

ROOT: Any = get_command(build_cli(lambda _: None, str))
LONGEST_HELP = 55
"""Longest help page, lines: one screen."""


def commands() -> dict[str, Any]:
    found = dict(ROOT.commands)
    for name, command in ROOT.commands.items():
        found |= {f"{name} {child}": each for child, each in getattr(command, "commands", {}).items()}
    return found


def run(*arguments: str, **environ: str) -> "subprocess.CompletedProcess[str]":
    home = os.environ["TOKEN_SAVER_HOME"]
    return run_program(*arguments, env={"PATH": os.defpath, "TOKEN_SAVER_HOME": home, **environ})


@pytest.mark.fast
def test_every_command_has_help_and_one_example() -> None:
    assert commands().keys() == EXAMPLES.keys()
    for name, command in commands().items():
        assert command.help.strip(), name
        assert command.epilog == f"Example: {EXAMPLES[name]}"
        assert all(param.help for param in command.params if not param.hidden), name
        # Text in brackets would be interpreted as markup and disappear.
        texts = [command.help, *(param.help or "" for param in command.params)]
        assert not any(re.search(r"\[/?[a-z]", text) for text in texts), name


@pytest.mark.fast
def test_a_short_flag_means_the_same_in_every_command() -> None:
    meanings: dict[str, set[str]] = {}
    for command in commands().values():
        for param in command.params:
            short = [opt for opt in param.opts if len(opt) == 2 and opt.startswith("-")]
            for opt in short:
                meanings.setdefault(opt, set()).add(param.opts[0])
    assert meanings.pop("-n") == {"--limit", "--lines"}, "a number of lines or rows"
    assert {opt for opt, names in meanings.items() if len(names) > 1} == set()


@pytest.mark.fast
def test_a_command_is_described_on_one_line_of_eighty_columns() -> None:
    for name, command in ROOT.commands.items():
        if not command.hidden:
            first = command.help.split("\n\n")[0]
            assert len(" ".join(first.split())) <= 65, name


@pytest.mark.fast
@pytest.mark.parametrize("name", ["config", "jobs", "models", "checks"])
def test_a_group_that_lists_also_has_the_command_list(name: str) -> None:
    assert "list" in ROOT.commands[name].commands
    assert "list" in ROOT.commands[name].help


@pytest.mark.parametrize("name", EXAMPLES)
def test_the_example_is_valid(name: str) -> None:
    program, *words = shlex.split(EXAMPLES[name])
    assert program == "token-saver"
    assert words[: len(name.split())] == name.split()
    # Parsed completely, but not run.
    context, command = None, ROOT
    while True:
        context = command.make_context("x", list(words), parent=context)
        rest = [*context._protected_args, *context.args]
        if not rest:
            return
        _, command, words = command.resolve_command(context, rest)


@pytest.mark.parametrize("name", ["", "connect", "offload", "batch"])
def test_a_help_page_fits_on_a_screen(name: str) -> None:
    done = run(*name.split(), "--help", COLUMNS="100")
    assert done.returncode == 0
    assert len(done.stdout.splitlines()) <= LONGEST_HELP
    assert "Exit status: 0 done" in done.stdout or "Example: token-saver" in done.stdout


@pytest.mark.parametrize(
    ("words", "completed"),
    [
        ("token-saver conn", ["connect"]),
        ("token-saver connect cl", ["claude-code", "claude-desktop"]),
        ("token-saver models un", ["unload"]),
        ("token-saver doctor --no", ["--no-offload"]),
    ],
)
def test_the_shell_completes_commands_options_and_clients(words: str, completed: list[str]) -> None:
    line = words.split(" ")
    done = run(
        _TOKEN_SAVER_COMPLETE="complete_bash", COMP_WORDS=words.rstrip(), COMP_CWORD=str(len(line) - 1)
    )
    assert done.stdout.split() == completed, done.stderr


# A defect of the app, raised by the function that `run_cli` starts.
FAULTY = "import sys; from server.commands.app import run_cli; run_cli(lambda start: 1 / 0, str)"


@pytest.mark.parametrize("debug", [False, True])
def test_a_traceback_is_shown_on_request_only(debug: bool, tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-P", "-c", FAULTY, *(["--debug"] if debug else [])],
        env={"PATH": os.defpath, "TOKEN_SAVER_HOME": str(tmp_path)},
        capture_output=True,
        encoding="utf-8",
        check=False,
        timeout=180,
    )
    assert done.returncode == 1
    if debug:
        assert "Traceback" in done.stderr
    else:
        assert done.stderr.startswith("token-saver: ZeroDivisionError: ")
        assert done.stderr.endswith(" (internal_error)\n")
        assert "--debug" in done.stderr
        assert done.stderr.count("\n") == 1


def test_the_documented_statuses_are_the_real_ones() -> None:
    assert run("--version").returncode == 0
    assert run("status").returncode == 1
    assert run("no-such-command").returncode == 2
    assert {0, 1, 2, 3, 4, 130} == EXIT_STATUS.keys()


@pytest.fixture
def restored_logging() -> Iterator[None]:
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    for handler in set(root.handlers) - set(handlers):
        handler.close()
    root.handlers, root.level = handlers, level


def test_a_name_cannot_forge_a_line_of_the_log(restored_logging: None) -> None:
    forged = "m\n2026-11-30 12:00:00,000 INFO server.policy: allowed\r\n\x1b[2J"
    log_to_file(Settings(), find_folders())
    logger = logging.getLogger("token-saver")
    logger.warning("engine: %s", forged)
    try:
        raise ValueError(forged)
    except ValueError:
        logger.exception("the model %s failed", forged, stack_info=True)
    text = find_folders().log_file.read_text()
    assert "\x1b" not in text
    records = [line for line in text.splitlines() if not line.startswith("    ")]
    assert [line.split()[2] for line in records if line] == ["WARNING", "ERROR"]
    assert "ValueError: m" in text


def test_the_log_rotates_and_stays_private(restored_logging: None) -> None:
    folders = find_folders()
    old = os.umask(0o022)
    try:
        log_to_file(Settings(), folders)
        line = "x" * 20_000
        for _ in range((LOGS_KEPT + 2) * LOG_BYTES // len(line)):
            logging.getLogger("token-saver").warning(line)
    finally:
        os.umask(old)
    files = sorted(folders.state.glob("token-saver.log*"))
    assert [path.name for path in files] == [
        "token-saver.log",
        *(f"token-saver.log.{number}" for number in range(1, LOGS_KEPT + 1)),
    ]
    assert all(path.stat().st_size <= LOG_BYTES for path in files)
    if sys.platform != "win32":
        assert {stat.S_IMODE(path.stat().st_mode) for path in files} == {0o600}
    shown = run("logs", "--lines", "3", TOKEN_SAVER_HOME=str(folders.state))
    assert shown.stdout.splitlines()[0] == str(folders.log_file)
    assert len(shown.stdout.splitlines()) == 4


def test_help_names_values_and_not_python_types() -> None:
    for words in ((), ("ask",), ("history",), ("policy", "approve"), ("offload",), ("models", "bench")):
        shown = run(*words, "--help", COLUMNS="100").stdout
        assert not re.search(r"<(?:bool|str|int|float|list\[)", shown), shown
    assert "<limit>" in run("history", "--help").stdout
    assert "Usage: token-saver ask [OPTIONS] <question> <files>..." in run("ask", "--help").stdout
