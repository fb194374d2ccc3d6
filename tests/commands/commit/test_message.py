"""Tests of commit messages: the repository's style, the model's answer, faults, messages from file names."""

import pytest

from server.commands.commit.message import fault_of, plain_message, tidied, write_message
from server.commands.commit.repository import StagedFile
from server.commands.commit.style import Style, style_of

pytestmark = pytest.mark.fast

EDIT = StagedFile("M", "src/parser.py", "", 1, 1, "-    return 0\n+    return parse_line(text)\n")
NEW = StagedFile("A", "docs/use.md", "", 3, 0, "+Use it.\n")
MOVED = StagedFile("R", "src/reader.py", "src/parser.py", 0, 0, "")
PLAIN = style_of(["Add a parser", "Read lines"])
CONVENTIONAL = style_of(["feat: add a parser", "fix(parser): read lines\n\nBecause.", "docs: explain"])


def test_the_style_is_that_of_most_messages() -> None:
    assert Style(("Add a parser", "Read lines"), False, (), False, False) == PLAIN
    assert (CONVENTIONAL.conventional, CONVENTIONAL.types) == (True, ("feat", "fix", "docs"))
    assert style_of(["Füge Prüfung hinzu", "Entferne Werte"]).capitalises
    assert style_of(["Add a\n\nWhy.", "Read b\n\nWhy."]).has_body
    assert not style_of([]).conventional


def test_an_answer_becomes_a_message() -> None:
    answer = "```\nCommit message: Read lines.\n\n" + "word " * 30 + "\n```"
    subject, _, body = tidied(answer).partition("\n\n")
    assert subject == "Read lines"
    assert [len(line) <= 72 for line in body.splitlines()] == [True, True, True]
    assert tidied("  \n") == ""


@pytest.mark.parametrize(
    ("message", "file", "style", "words"),
    [
        pytest.param("Call parse_line", EDIT, PLAIN, "", id="good"),
        pytest.param("fix(parser): call parse_line", EDIT, CONVENTIONAL, "", id="good-conventional"),
        pytest.param("Call parse_header", EDIT, PLAIN, "it names parse_header", id="foreign-name"),
        pytest.param("Call it on Redis", EDIT, PLAIN, "it names Redis", id="foreign-product"),
        pytest.param("Call parse_line", EDIT, CONVENTIONAL, "does not start with one of feat", id="no-type"),
        pytest.param("Read " + "very " * 20, EDIT, PLAIN, "characters, more than 72", id="too-long"),
        pytest.param("Call\x1b[31m it", EDIT, PLAIN, "control characters", id="control-character"),
        pytest.param("", EDIT, PLAIN, "it is empty", id="empty"),
        pytest.param("Add reader.py", MOVED, PLAIN, "does not mention parser", id="rename-as-addition"),
    ],
)
def test_the_fault_of_a_message_is_named(message: str, file: StagedFile, style: Style, words: str) -> None:
    assert words in fault_of(message, [file], style)
    assert bool(fault_of(message, [file], style)) == bool(words)


@pytest.mark.parametrize(
    ("files", "style", "message"),
    [
        pytest.param([EDIT], PLAIN, "Update parser.py", id="edited"),
        pytest.param([MOVED], PLAIN, "Rename parser.py to reader.py", id="renamed"),
        pytest.param([NEW], CONVENTIONAL, "docs: add use.md", id="document"),
        pytest.param([EDIT, MOVED], PLAIN, "Update 2 files in src", id="one-folder"),
        pytest.param([EDIT, NEW], PLAIN, "Update parser.py and 1 other file", id="two-folders"),
    ],
)
def test_a_message_can_be_made_from_the_file_names(
    files: list[StagedFile], style: Style, message: str
) -> None:
    assert plain_message(files, style) == message


def test_the_model_is_asked_again_with_the_reason() -> None:
    tasks: list[str] = []

    def ask(task: str, context: str) -> str:
        assert "modified: src/parser.py (+1 -1)" in context
        tasks.append(task)
        return "Call parse_line" if "refused because it names Redis" in task else "Use Redis"

    assert write_message([EDIT], PLAIN, ask) == ("Call parse_line", "")
    assert len(tasks) == 2
    assert write_message([EDIT], PLAIN, lambda *_: "") == ("Update parser.py", "the model did not answer")
