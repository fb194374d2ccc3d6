"""Search/replace blocks and selections: exact, then tolerant of white space, never guessed."""

from pathlib import Path

import pytest

from server.offload.answers.edits import EditFailed, apply, locate, parse_blocks, replace_selection
from server.offload.values import Source

pytestmark = pytest.mark.fast

TEXT = """\
class A:
    def f(self):
        x = 1
        return x

    def g(self):
        x = 1
        return x + 1
"""
FIVE = TEXT.replace("x = 1", "x = 5", 1)
WITHOUT_F = TEXT[:9] + TEXT[TEXT.index("    def g") :]


def block(search: str, replace: str) -> str:
    return f"<<<<<<< SEARCH\n{search}\n=======\n{replace}\n>>>>>>> REPLACE\n"


@pytest.mark.parametrize(
    ("search", "replace", "expected"),
    [
        ("        return x\n\n    def g", "", None),  # half a line does not match
        ("        return x + 1", "        return x + 2", TEXT.replace("x + 1", "x + 2")),
        ("    def f(self):\n        x = 1", "    def f(self):\n        x = 5", FIVE),
        # The whole block is indented less or has trailing blanks.
        ("def f(self):\n    x = 1", "def f(self):\n    x = 5", FIVE),
        ("    def f(self):  \n        x = 1 ", "    def f(self):\n        x = 5", FIVE),
        ("class A:", "class B:", TEXT.replace("class A", "class B")),
        # Removed lines lose their line endings.
        ("    def f(self):\n        x = 1\n        return x\n", "", WITHOUT_F),
    ],
)
def test_a_block_replaces_the_lines_it_names(search: str, replace: str, expected: str | None) -> None:
    blocks = parse_blocks(block(search, replace))
    if expected is None:
        with pytest.raises(EditFailed):
            locate(TEXT, blocks, "a.py")
        return
    assert apply(TEXT, locate(TEXT, blocks, "a.py")) == expected


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        (block("        x = 1", "        x = 2"), "occur 2 times"),
        (block("x = 1", "x = 2"), "several times"),
        (block("        return y", "        return z"), "'return y' is not one"),
        (block("", "new"), "empty SEARCH"),
        (block("class B:\n=====", "class C:\n====="), "'class B:' is not one"),
        ("no edits at all", "has no edit"),
        ("<<<<<<< SEARCH\nclass A:\n", "no ======= line"),
        ("<<<<<<< SEARCH\nclass A:\n=======\nclass B:\n", "no >>>>>>> REPLACE"),
        (block("class A:", "class B:") + block("class A:\n    def f(self):", "class C:"), "same lines"),
    ],
)
def test_an_uncertain_edit_is_refused_with_a_reason_for_the_model(answer: str, message: str) -> None:
    with pytest.raises(EditFailed, match=message):
        locate(TEXT, parse_blocks(answer), "a.py")


GUIDE = "Guide\n=======\n\nThe old text.\n"


def test_an_underlined_heading_in_the_new_lines_is_not_a_divider() -> None:
    blocks = parse_blocks(block("The old text.", "Usage\n=====\n\nThe new text."))
    after = apply(GUIDE, locate(GUIDE, blocks, "a.md"))
    assert after == GUIDE.replace("The old text.", "Usage\n=====\n\nThe new text.")


def test_a_divider_as_long_as_the_other_marks_is_told_from_an_underline() -> None:
    text = "# Log\n\n1.2\n=====\n\n- a\n"
    blocks = parse_blocks(block("# Log\n\n1.2", "# Log\n\n1.3\n=====\n\n- b\n\n1.2"))
    assert apply(text, locate(text, blocks, "a.md")) == "# Log\n\n1.3\n=====\n\n- b\n\n1.2\n=====\n\n- a\n"


@pytest.mark.parametrize(
    ("search", "replace"),
    [
        (GUIDE.rstrip(), "Guide\n=======\n\nThe new text."),  # its first line alone is also in the file
        ("Guide\n=======", ""),
        ("=======\n" * 30, "x"),
        # Quoted wrongly: the part up to the heading's underline fits, but would keep the old text.
        ("Guide\n=====\n\nThe older text.", "Guide\n=====\n\nThe new text."),
    ],
)
def test_an_ambiguous_divider_is_not_guessed(search: str, replace: str) -> None:
    with pytest.raises(EditFailed, match="not clear where its SEARCH part ends"):
        locate(GUIDE, parse_blocks(block(search, replace)), "a.md")


def test_an_empty_file_is_filled() -> None:
    assert apply("", locate("", parse_blocks(block("", "x = 1")), "a.py")) == "x = 1\n"


def test_blocks_name_their_files() -> None:
    answer = f"FILE: a.py\n{block('a', 'b')}\n**FILE:** `src/b.py`\n{block('c', 'd')}{block('e', 'f')}"
    assert [each.path for each in parse_blocks(answer)] == ["a.py", "src/b.py", "src/b.py"]


def source(text: str, part: str) -> Source:
    start = text.index(part)
    return Source(Path("/a.py"), "a.py", text, "", start, start + len(part))


METHOD = "    def f(self):\n        x = 1\n        return x"


@pytest.mark.parametrize(
    "answer",
    [
        "    def f(self):\n        return 2",
        "def f(self):\n    return 2",
        "def f(self):\n        return 2",  # only the first line lost its indentation
        "\n\n    def f(self):\n        return 2\n\n",
        "        def f(self):\n            return 2",
    ],
)
def test_a_selection_is_replaced_at_its_own_indentation(answer: str) -> None:
    edit = replace_selection(source(TEXT, METHOD), answer)
    assert apply(TEXT, (edit,)) == TEXT.replace(METHOD, "    def f(self):\n        return 2")


def test_lines_within_a_string_that_start_at_the_margin_stay_there() -> None:
    answer = '    def f(self):\n        return """\nraw\n"""'
    edit = replace_selection(source(TEXT, METHOD), answer)
    assert edit.text == answer
