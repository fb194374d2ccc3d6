"""The documentation's commands, run in order in a project, with a real hub and a stand-in engine."""

import json
import os
import shlex
import subprocess
from collections.abc import Iterator
from pathlib import Path

import click
import pytest
from typer.main import get_command

from server.commands.app import build_cli
from tests.docs.pages import ROOT, Command, commands, guides
from tests.forks import program
from tests.hub_process import HubProcess, start_hub
from tests.standins.answers import Answer
from tests.standins.claude_code import claude_binary
from tests.standins.ollama import OllamaStandIn

NOT_RUN = 14
"""Number of commands that need a network, a browser, another program's data, or an answer by a person."""
REFERENCE = "commands.md"
"""The page whose examples are independent of each other; ``test_every_example_is_accepted`` parses them."""
APP = '"""Sums."""\n\n\ndef add(first, second):\n    return first + second\n'
DOCUMENTED = APP.replace(":\n    return", ':\n    """Return the sum."""\n    return')
SLUGIFY = """```python
import re


def slugify(text):
    return re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-")
```"""
LOG = "".join(
    f"2026-11-30 08:{minute:02}:00,000 INFO  [loader] read part {minute} of 60\n" for minute in range(60)
)
FAILURE = "2026-11-30 09:00:00,000 ERROR [linker] undefined symbol: weigh_lorry in plates.o\n"
TESTS = "import unittest\n\n\nclass Sums(unittest.TestCase):\n    def test_sum(self):\n        pass\n"
POLICY = 'version: "1"\ndefault: allow\ntools: {}\n'
GUIDES = [page for page in guides() if page.name != REFERENCE]
RUN = [page for page in GUIDES if any(not each.not_run for each in commands(page))]


@pytest.fixture(scope="module")
def hub(tmp_path_factory: pytest.TempPathFactory) -> Iterator[HubProcess]:
    home = tmp_path_factory.mktemp("docs") / "home"
    with OllamaStandIn() as ollama:
        ollama.answers.default = Answer(f"```python\n{DOCUMENTED}```")
        ollama.answers.when("slugify", SLUGIFY)
        ollama.answers.when("What does this module do", "It adds two numbers.")
        settings = {"TOKEN_SAVER_BACKEND__URL": ollama.url, "TOKEN_SAVER_OFFLOAD__RUN_CODE": "true"}
        with start_hub(home, **settings) as running:
            yield running


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A project under version control with what the pages speak of."""
    files = {"src/app.py": APP, "build.log": LOG + FAILURE, "test_sums.py": TESTS, "policy.yaml": POLICY}
    for name, text in files.items():
        path = tmp_path / "project" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    for arguments in (("init", "-q"), ("add", "-A")):
        subprocess.run(["git", *arguments], cwd=tmp_path / "project", check=True)
    (tmp_path / "home" / ".claude").mkdir(parents=True)  # Claude Code was started once
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "claude").symlink_to(claude_binary())
    return tmp_path / "project"


@pytest.mark.parametrize("page", RUN, ids=lambda page: page.stem.lower())
def test_the_commands_of_a_page_work_in_order(page: Path, hub: HubProcess, project: Path) -> None:
    folder = project.parent
    environ = hub.environ | {
        "HOME": str(folder / "home"),
        "CLAUDE_CONFIG_DIR": str(folder / "home" / ".claude"),
        "PATH": os.pathsep.join((str(folder / "bin"), os.environ.get("PATH", os.defpath))),
    }
    for each in commands(page):
        if each.not_run:
            continue
        done = run(with_ids(each.text, environ, project), environ, project)
        right = (0, 4) if " doctor" in each.text else (0,)
        assert done.returncode in right, f"{page.name}:{each.line}: {each.text}\n{done.stdout}{done.stderr}"
        assert done.stdout.strip() or done.stderr.strip(), f"{page.name}:{each.line}: no output"


def test_the_commands_that_do_not_run_are_marked_and_counted() -> None:
    marked = [each for page in GUIDES for each in commands(page) if each.not_run]
    assert len(marked) == NOT_RUN, "\n".join(f"{each.not_run}: {each.text}" for each in marked)
    ran = sum(not each.not_run for page in RUN for each in commands(page))
    assert ran >= 40


def test_every_example_is_accepted() -> None:
    """The examples of the reference page are complete: each command accepts its arguments."""
    examples = list(commands(ROOT / "docs" / REFERENCE))
    assert len(examples) > 50
    wrong = [each.text for each in examples if not is_accepted(each)]
    assert wrong == []


def run(words: list[str], environ: dict[str, str], project: Path) -> "subprocess.CompletedProcess[str]":
    if words[0] == "token-saver":
        return program.run(*words[1:], env=environ, cwd=project)
    return subprocess.run(
        words,
        env=environ,
        cwd=ROOT if words[0] == "sh" else project,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        encoding="utf-8",
        check=False,
        timeout=120,
    )


def with_ids(text: str, environ: dict[str, str], project: Path) -> list[str]:
    """Split a command line, and replace ``ID`` and ``JOB`` by the newest written offload and batch."""
    words = words_of(text)
    for name, listing in (("ID", "history"), ("JOB", "jobs")):
        if name in words:
            done = program.run(listing, "--json", env=environ, cwd=project, check=True)
            written = [
                each for each in json.loads(done.stdout) if each.get("outcome", "") in ("", "delivered")
            ]
            words[words.index(name)] = str(written[0]["id"])
    return words


def words_of(text: str) -> list[str]:
    return shlex.split(text)


def is_accepted(example: Command) -> bool:
    command = get_command(build_cli(lambda _: None, str))
    words = words_of(example.text)[1:]
    try:
        while words and words[0] in getattr(command, "commands", {}):
            command = command.commands[words.pop(0)]  # type: ignore[attr-defined]
        command.make_context("token-saver", words)
    except click.ClickException:
        return False
    return True
