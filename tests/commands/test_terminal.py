"""Tests of commands in a real terminal: colours, the width of tables, diffs, live output."""

import asyncio
import os
import re
import sys
from pathlib import Path

import pytest

from server.commands.terminal.output import shortened
from server.config.folders import find_folders
from server.store.history import History
from tests.forks import program
from tests.hub_process import start_hub
from tests.standins.answers import Answer
from tests.standins.ollama import OllamaStandIn
from tests.store.offloads import end, start

if sys.platform == "win32":
    pytest.skip("Windows has no pseudo-terminals", allow_module_level=True)

from tests.commands.terminal import run_in_terminal

TASK = "Write a page about the foxes of the northern forests and how they spend the long winter there"
DIFF = "--- a/foxes.md\n+++ b/foxes.md\n@@ -1 +1,2 @@\n-Foxes.\n+Foxes are red.\n+They sleep.\n"
ESCAPE = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")
GREEN, RED, CYAN = "\x1b[32m", "\x1b[31m", "\x1b[36m"


@pytest.fixture
def home() -> dict[str, str]:
    """An environment with a history of two offloads."""

    async def fill() -> None:
        folders = find_folders()
        folders.create()
        history = await History.open(folders.database)
        for number, outcome in enumerate(("delivered", "failed")):
            offload_id = f"c707f3c{number}"
            await history.start(start(offload_id, 1_000_000.0 + number, task=TASK))
            await history.finish(offload_id, end(outcome, diff=DIFF if outcome == "delivered" else ""))
        await history.close()

    asyncio.run(fill())
    return {"TOKEN_SAVER_HOME": os.environ["TOKEN_SAVER_HOME"]}


@pytest.mark.parametrize("columns", [72, 100, 160], ids=["narrow", "usual", "wide"])
def test_a_table_fits_the_terminal_and_keeps_words_whole(home: dict[str, str], columns: int) -> None:
    status, shown = run_in_terminal("history", environ=home, columns=columns)
    assert status == 0
    lines = ESCAPE.sub("", shown).splitlines()
    assert len(lines) == 3
    assert max(map(len, lines)) <= columns
    for line in lines[1:]:
        words = line.rstrip("…").split()
        assert words[0].startswith("c707f3c")
        assert set(words[-3:]) <= set(TASK.split()), line


def test_outcomes_and_gains_are_coloured_on_a_terminal_only(home: dict[str, str]) -> None:
    _, shown = run_in_terminal("history", environ=home)
    assert f"{GREEN}written" in shown
    assert f"{RED}failed" in shown
    _, plain = run_in_terminal("history", environ={**home, "NO_COLOR": "1"})
    assert not re.search(r"\x1b\[[\d;]*m", plain)  # no colour, and no bold heading
    _, plain_help = run_in_terminal("--help", environ={**home, "NO_COLOR": "1"})
    assert "Usage" in plain_help
    assert not re.search(r"\x1b\[[\d;]*m", plain_help)
    piped = {"PATH": os.defpath, **home}
    assert "\x1b" not in program.run("history", env=piped, check=True).stdout
    forced = program.run("history", env={**piped, "FORCE_COLOR": "1"}, check=True)
    assert f"{GREEN}written" in forced.stdout


def test_a_diff_is_coloured_and_goes_through_the_pager(home: dict[str, str]) -> None:
    _, shown = run_in_terminal("history", "c707f3c0", environ={**home, "PAGER": "sed s/^/paged:/"})
    assert f"paged:{GREEN}+They sleep." in shown
    assert f"paged:{RED}-Foxes." in shown
    assert f"paged:{CYAN}@@ -1 +1,2 @@" in shown


def test_an_error_is_red_on_a_terminal(home: dict[str, str]) -> None:
    status, shown = run_in_terminal("history", "nosuch", environ=home)
    assert status == 1
    assert shown.startswith(f"{RED}token-saver: ")


def test_a_batch_shows_a_live_table_until_its_end(tmp_path: Path, ollama_standin: OllamaStandIn) -> None:
    for number in range(3):
        (tmp_path / f"m{number}.txt").write_text("A fox.\n")
    ollama_standin.answers.default = Answer("The fox is red.\n", delay=0.1)
    with start_hub(tmp_path / "home", TOKEN_SAVER_BACKEND__URL=ollama_standin.url) as hub:
        arguments = ("batch", "Describe the fox", "--each", "*.txt", "--output", "{stem}.md")
        status, shown = run_in_terminal(*arguments, environ=hub.environ, cwd=tmp_path)
        assert status == 0, shown
        assert "0 of 3 done" in shown
        assert "m0.md" in shown
        assert "3 of 3 done" in shown.splitlines()[-3:][0] + shown
        job = re.search(r"Job (j[0-9a-f]{8}) ended", shown)
        assert job is not None, shown
        assert (tmp_path / "m2.md").exists()
        status, shown = run_in_terminal("undo", job[1], environ=hub.environ, cwd=tmp_path)
        assert "3 files restored" in shown
        assert not (tmp_path / "m2.md").exists()


def test_an_offload_shows_one_live_line_in_words(tmp_path: Path, ollama_standin: OllamaStandIn) -> None:
    ollama_standin.answers.default = Answer("The fox is red and sleeps.\n" * 4, delay=0.1)
    with start_hub(tmp_path / "home", TOKEN_SAVER_BACKEND__URL=ollama_standin.url) as hub:
        arguments = ("offload", "Describe the fox", "--output", "fox.md")
        status, shown = run_in_terminal(*arguments, environ=hub.environ, cwd=tmp_path)
    assert status == 0, shown
    plain = ESCAPE.sub("", shown)
    assert re.search(r"Writing the answer · ~\d+ tokens, \d+ tokens/s · qwen", plain)
    assert "generate:" not in plain
    assert re.search(r" 0:0\d", plain), "the elapsed time"
    assert plain.count("\n") <= 6, plain


@pytest.mark.parametrize(
    ("text", "width", "short"),
    [
        ("one two three", 20, "one two three"),
        ("one two three", 9, "one two…"),
        ("one two three", 8, "one two…"),
        ("harbour/jobs/sync.py", 12, "…obs/sync.py"),
        ("unbreakable", 6, "unbre…"),
    ],
    ids=["fits", "in-a-word", "at-a-word's-end", "path", "one-word"],
)
def test_a_shortened_text_keeps_whole_words_or_the_end_of_a_path(text: str, width: int, short: str) -> None:
    assert shortened(text, width) == short
