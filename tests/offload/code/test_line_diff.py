"""Line differences: exact in the result, small, and fast on long files."""

import time

from hypothesis import given
from hypothesis import strategies as st

from server.offload.code.line_diff import differing_spans

LINES = st.lists(st.sampled_from(["a", "b", "c", "d", "e", ""]), max_size=30)


@given(LINES, LINES)
def test_the_spans_turn_one_side_into_the_other(old: list[str], new: list[str]) -> None:
    result: list[str] = []
    done = 0
    for a, b, c, d in differing_spans(old, new):
        result += [*old[done:a], *new[c:d]]
        done = b
    assert [*result, *old[done:]] == new


@given(LINES)
def test_equal_sides_have_no_spans(lines: list[str]) -> None:
    assert differing_spans(lines, list(lines)) == []


def test_a_long_file_is_anchored_at_unique_lines() -> None:
    old = [f"line {number}" if number % 3 else "" for number in range(9_000)]
    new = [*old[:100], "first", *old[101:5_000], *old[5_003:], "last"]
    assert differing_spans(old, new) == [
        (100, 101, 100, 101),
        (5_000, 5_003, 5_000, 5_000),
        (9_000, 9_000, 8_997, 8_998),
    ]


def test_a_long_file_without_unique_lines_takes_no_longer_than_a_second() -> None:
    old, new = ["x", "y"] * 4_000, ["y", "x"] * 4_000
    began = time.process_time()
    assert differing_spans(["a", *old, "b"], ["c", *new, "d"])
    assert time.process_time() - began < 1
