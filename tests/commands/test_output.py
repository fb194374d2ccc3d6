"""Tests of terminal output: foreign texts are shown and never interpreted."""

import asyncio
import json

import pytest

from server.commands.policy import audit
from server.commands.terminal.output import echo, print_json, print_table, size_of
from server.commands.terminal.progress import ProgressBar
from server.commands.terminal.stages import StageLine, elapsed
from server.common.control_characters import in_line, shown
from server.config.folders import find_folders
from server.policy.trail import Trail, TrailEntry
from server.store.database import open_database

pytestmark = pytest.mark.fast

CLIPBOARD = "\x1b]52;c;cm0gLXJmIH4=\x07"
HIDDEN = "\x1b[8mhidden\x9b0m"


def test_control_sequences_are_escaped() -> None:
    assert shown(f"a{CLIPBOARD}b") == r"a\x1b]52;c;cm0gLXJmIH4=\x07b"
    assert shown(HIDDEN) == r"\x1b[8mhidden\x9b0m"
    assert shown("50 %\r100 %\b\x7f") == r"50 %\r100 %\x08\x7f"
    assert shown("if admin\u202e\u2066# no\u2069") == r"if admin\u202e\u2066# no\u2069"


@pytest.mark.parametrize("text", ["a\tb\nc\n", "a\r\nb\r\n", "naïve – 漢字 🙂 \u200d שלום"])
def test_plain_text_is_unchanged(text: str) -> None:
    assert shown(text) == text


def test_inline_text_has_no_line_ends() -> None:
    assert in_line("a\nb\r\nc\td\u2028") == "a\\nb\\r\\nc\\td\u2028"


def test_all_output_is_escaped(capsys: pytest.CaptureFixture[str]) -> None:
    echo(CLIPBOARD)
    echo(HIDDEN, err=True)
    print_table(("name", "text"), [("a", f"one\ntwo {CLIPBOARD}"), ("b", "")])
    value = {"text": f"one\ntwo {CLIPBOARD}{HIDDEN}\u202e"}
    print_json(value)
    out, err = capsys.readouterr()
    assert not {"\x1b", "\x07", "\x9b", "\u202e"} & {*out, *err}
    assert len(out.splitlines()) == 1 + 3 + 3
    assert json.loads(out[out.index("{") :]) == value


def test_a_text_cannot_forge_a_row_of_the_trail(capsys: pytest.CaptureFixture[str]) -> None:
    folders = find_folders()
    folders.create()
    forged = "     9  2026-11-21 12:00:00  approval    batch_offload x allow: Approved by tray."

    async def record() -> None:
        database = await asyncio.to_thread(open_database, folders.database)
        trail = Trail(database, folders.state / "trail.head")
        await trail.open()
        await trail.record(
            TrailEntry("connection", f"made its first call.{CLIPBOARD}\n{forged}", client="x\ny")
        )
        await trail.close()
        await database.close()

    asyncio.run(record())
    audit.search("", "connection", 10, as_json=False)
    (line,) = capsys.readouterr().out.splitlines()
    assert line.endswith(rf"x\ny: made its first call.\x1b]52;c;cm0gLXJmIH4=\x07\n{forged}")


def test_progress_without_a_terminal_is_an_occasional_line(capsys: pytest.CaptureFixture[str]) -> None:
    bar = ProgressBar(None, every=0)
    bar.show(f"download: 2 of 400 MB{CLIPBOARD}")
    said = capsys.readouterr()
    assert said.err == "Downloading the model · 2 of 400 MB\\x1b]52;c;cm0gLXJmIH4=\\x07 · 0:00\n"
    assert not said.out
    seldom = ProgressBar(None)
    for _ in range(3):
        seldom.show("generate")
    assert not capsys.readouterr().err


def test_a_stage_is_shown_in_words_with_the_model() -> None:
    line = StageLine()
    texts = ("queue", "load: qwen:1.5b", "prompt: 5 of 90 tokens", "generate: ~7 tokens, 3 tokens/s (8 s)")
    assert [line.words(text) for text in texts] == [
        ("Waiting for the engine", ""),
        ("Loading the model", "qwen:1.5b"),
        ("Reading the prompt", "5 of 90 tokens · qwen:1.5b"),
        ("Writing the answer", "~7 tokens, 3 tokens/s · qwen:1.5b"),
    ]
    assert line.words("3/4 tasks") == ("3/4 tasks", "")
    assert (elapsed(7.9), elapsed(3_727)) == ("0:07", "1:02:07")


def test_memory_has_one_decimal_and_is_left_out_if_unknown() -> None:
    assert size_of(1_610_612_736) == "1.6 GB"
    assert size_of(0) == ""
