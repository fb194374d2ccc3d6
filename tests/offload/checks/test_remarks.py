"""Answers outside of a block that are a remark, in several languages and kinds of files."""

import pytest

from server.offload.checks.run import check_answer
from server.offload.values import Generation, Verdict
from tests.offload.plans import plan_of, source

APOLOGIES = {
    "English": "I'm sorry, but I can't help with that.",
    "two paragraphs": "Unfortunately this is impossible.\n\nYou can do it yourself with an editor.",
    "German": "Das kann ich leider nicht tun.",
    "Spanish": "No puedo modificar archivos.",
    "Japanese": "申し訳ありませんが、ファイルを編集できません。",
    "Chinese": "抱歉，我无法修改文件。",
    "no apology": "The file has to be changed by hand.",
}
BEFORE = {
    "a.md": "# A\n\nPort 8080.\n",
    "a.txt": "Ada\nBen\nCleo\n",
    "LICENSE": "MIT License\n\nCopyright 2020 Ada.\n",
    "a.ini": "[a]\nport = 8080\n",
    "a.sql": "SELECT 1;\n",
    "a.yml": "port: 8080\nname: x\n",
    "a.kt": "fun a() = 1\n",
    "a.css": "a { color: red }\n",
    "a.html": "<p>One</p>\n",
}


def verdict(file: str, before: str, answer: str) -> Verdict:
    sources = (source(file, before),) if before else ()
    return check_answer(plan_of("Change it.", file, *sources), Generation(answer, "", "stop", 1, 1))


@pytest.mark.parametrize("answer", APOLOGIES.values(), ids=APOLOGIES)
@pytest.mark.parametrize("file", BEFORE)
def test_a_remark_instead_of_an_edit_is_seen(file: str, answer: str) -> None:
    found = verdict(file, BEFORE[file], answer)
    assert not found.passed or any(each.likely for each in found.notices)


@pytest.mark.parametrize("answer", APOLOGIES.values(), ids=APOLOGIES)
@pytest.mark.parametrize("file", BEFORE)
def test_a_remark_instead_of_a_new_file_is_seen(file: str, answer: str) -> None:
    found = verdict(file, "", answer)
    assert not found.passed or any(each.likely for each in found.notices)


@pytest.mark.parametrize("file", ["a.ini", "a.sql", "a.yml", "a.kt", "a.css", "a.html"])
def test_code_and_data_are_never_only_sentences(file: str) -> None:
    for before in ("", BEFORE[file]):
        assert not verdict(file, before, APOLOGIES["English"]).passed


def test_a_line_above_the_first_one_is_noticed() -> None:
    answer = "Here is the list:\n\nAda\nBen\nCleo\nDora"
    assert [each.text for each in verdict("a.txt", BEFORE["a.txt"], answer).notices] == [
        "the first line may be a remark: Here is the list:"
    ]


@pytest.mark.parametrize(
    ("file", "before", "answer"),
    [
        ("a.txt", "Ada\nBen\n", "Ada\nBen\nCleo"),
        ("a.txt", "These are:\n\nAda\n", "These are:\n\nAda\nBen"),
        ("a.txt", "Hello, Ada.\n", "Hello, Ben."),
        ("a.md", "", "# A\n\nIt is here.\n\n- one\n"),
        ("VERSION", "1.0\n", "1.1"),
        ("a.yml", "a: 1\nb: 2\n", "a: 1\nb: 3"),
    ],
    ids=["names", "own first line", "a sentence", "new Markdown", "number", "YAML"],
)
def test_content_outside_of_a_block_is_taken(file: str, before: str, answer: str) -> None:
    found = verdict(file, before, answer)
    assert found.passed, found.reason
    assert found.notices == ()
