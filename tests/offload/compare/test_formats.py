"""Comparison of Markdown, XML, HTML, top comments, plain lines and characters."""

import pytest

from server.offload.code.languages import language_of
from server.offload.compare.compare import compare
from tests.offload.compare.losses import losses


def changes(before: str, after: str, name: str) -> list[str]:
    return [change.text for change in compare(before, after, name, language_of(name)).changes]


@pytest.mark.parametrize("loss", losses("formats"), ids=lambda loss: loss["name"])
def test_a_loss_is_named(loss: dict[str, str]) -> None:
    assert loss["named"] in changes(loss["before"], loss["after"], loss["file"])


@pytest.mark.parametrize(
    ("name", "before", "after"),
    [
        ("a.py", "# Copyright 2024 A\nx = 1\n", "# Copyright 2025 A\nx = 1\n"),
        ("a.py", "x = {\n    1: 'one word',\n}\n", "x = {\n    1: 'one word',\n    3: 'one word more',\n}\n"),
        ("a.py", "x = {\n    1: 'one word',\n}\n", "x = {\n    1: 'one word',\n    2: 'one word',\n}\n"),
        ("a.md", "# A\n\nText.\n", "# A\n\nOther text.\n\n## B\n"),
        ("a.ini", "[a]\nhost = 1\n", "[a]\nhost = 2\n"),
        ("a.html", "<p>1</p>", '<p class="x">2</p><p>3</p>'),
    ],
    ids=["year", "numbers as keys", "a number like the line", "reworded text", "value", "element"],
)
def test_a_plain_edit_is_no_loss(name: str, before: str, after: str) -> None:
    assert changes(before, after, name) == []


def test_lines_inside_a_test_of_a_suite_are_like_lines_of_a_function() -> None:
    inner = "  it('b', () => {\n    one(1);\n    two(2);\n  });\n"
    last = "  it('c', () => {\n    three(3);\n  });\n"
    before = f"describe('a', () => {{\n{inner}{last}}});\n"
    assert changes(before, before.replace("    two(2);\n", ""), "a.test.js") == []
    assert "removed it('c', () => {" in changes(before, before.replace(last, ""), "a.test.js")
