"""Tests of a diff's line numbers, syntax styles and marks on changed words."""

import pytest

from dashboard.diff_lines import DiffLine, read_diff

pytestmark = pytest.mark.fast

DIFF = '''--- a/fees.py
+++ b/fees.py
@@ -1,4 +1,5 @@
-def berth_fee(length, days):
+def berth_fee(length: float, days: int) -> float:
+    """Return the fee
+    in euros."""
     rate = 12.5  # per day
-    return rate * days
+    return rate * days * 2
'''


def lines(diff: str = DIFF) -> list[DiffLine]:
    return list(read_diff(diff, 100))


def test_lines_carry_the_numbers_of_both_files() -> None:
    numbers = [(line.kind, line.old, line.new) for line in lines()]
    assert numbers == [
        ("file", 0, 0),
        ("file", 0, 0),
        ("hunk", 0, 0),
        ("removed", 1, 0),
        ("added", 0, 1),
        ("added", 0, 2),
        ("added", 0, 3),
        ("same", 2, 4),
        ("removed", 3, 0),
        ("added", 0, 5),
    ]


def test_only_the_changed_words_are_marked() -> None:
    removed, added = lines()[-2:]
    assert [piece.text for piece in removed.pieces if piece.changed] == []
    assert "".join(piece.text for piece in added.pieces if piece.changed) == " * 2"


def test_strings_over_several_lines_keep_their_colour() -> None:
    styles = {piece.text.strip(): piece.style for line in lines() for piece in line.pieces}
    assert styles['in euros."""'] == "string"
    assert styles["# per day"] == "comment"
    assert styles["return"] == "keyword"
    assert styles["12.5"] == "number"


@pytest.mark.parametrize(
    "diff",
    [DIFF, DIFF.replace("fees.py", "fees.unknown"), "", "no diff\n", DIFF.replace("def", "x\x0c\x85def")],
    ids=["python", "unknown-language", "empty", "not-a-diff", "odd-line-ends"],
)
def test_no_character_is_lost(diff: str) -> None:
    sign = {"added": "+", "removed": "-", "same": " "}
    assert [sign.get(line.kind, "") + line.text for line in lines(diff)] == (
        diff.removesuffix("\n").split("\n") if diff else []
    )


def test_unlike_lines_are_not_compared() -> None:
    removed, added = lines("--- a/x\n+++ b/x\n@@ -1 +1 @@\n-alpha beta gamma\n+1 + 2\n")[-2:]
    assert not any(piece.changed for line in (removed, added) for piece in line.pieces)
