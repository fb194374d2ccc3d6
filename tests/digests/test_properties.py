"""Properties of every digest: quotes that hold, a budget that is kept, no exception, linear work."""

import os
import sys
from types import FrameType

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from server.digests.clean import clean_lines
from server.digests.engine import make_digest
from tests.digests import sheets

_PIECES = [
    "=== FAILURES ===", "____ test_x ____", "E   assert 1 == 2", "tests/a.py:3: AssertionError",
    "FAIL: test_a (m.T.test_a)", "Ran 3 tests in 0.1s", "FAILED (failures=1)", "--- FAIL: TestA (0.00s)",
    "FAIL\tpkg\t0.1s", "panic: boom", "error[E0308]: mismatched types", " --> src/a.rs:1:2",
    "test result: FAILED. 1 passed; 1 failed", "[ERROR] Tests run: 2, Failures: 1, Errors: 0, Skipped: 0",
    "[ERROR] a.B.c -- Time elapsed: 0 s <<< ERROR!", "java.lang.Error: x", "\tat a.B.c(B.java:3)",
    '{"level": "error", "msg": "x", "status": 500}', "a.c:1:2: error: bad [-Wall]", "make: *** [a] Error 1",
    "CMake Error at CMakeLists.txt:3 (find_package):",
    "  Could not find X", "ERROR: No matching distribution",
    "Collecting x", "a.ts(1,2): error TS1: x", "  1:2  error  Bad  rule", "✖ 1 problem (1 error, 0 warnings)",
    "\x1b[31mred\x1b[0m", "a\rb\rc", "12% \b\b\b13%", "", "   ", "x" * 500, "12:00:00 ERROR db down 5",
    "Traceback (most recent call last):", '  File "a.py", line 3, in f', "ValueError: 3",
    "---", "+++ b/x", "@@ -1,2 +1,2 @@", "#12 1.5 gcc failed", "key: value", "a,b,c", "<html>",
    "# Title",
]  # fmt: skip
_LINES = st.lists(st.one_of(st.sampled_from(_PIECES), st.text(max_size=60)), max_size=60)


GROWING = int(os.environ.get("TOKEN_SAVER_TEST_GROWING", "25000"))
"""Characters of a sample that is repeated, to see how the work grows."""


@given(lines=_LINES, room=st.integers(0, 3_000), status=st.sampled_from([None, 0, 1]))
@settings(max_examples=300, deadline=None)
def test_any_text_gives_true_quotes_within_the_room(lines: list[str], room: int, status: int | None) -> None:
    text = "\n".join(lines)
    digest = make_digest(text, room, exit_status=status)
    assert len(digest.text) <= room
    read = {line.number: line for line in clean_lines(text.removesuffix("\n").split("\n"))}
    assert digest.lines == len(read)
    assert sheets.misquoted(digest, read) == []


@given(data=st.binary(max_size=400), room=st.integers(0, 500))
@settings(max_examples=200, deadline=None)
def test_any_bytes_give_a_digest(data: bytes, room: int) -> None:
    assert len(make_digest(data, room).text) <= room


@pytest.mark.parametrize("name", ["pytest-verbose", "cargo-build", "server-json", "go-test"])
@given(seed=st.randoms(use_true_random=False))
@settings(max_examples=10, deadline=None)
def test_a_damaged_output_gives_true_quotes(name: str, seed) -> None:
    lines = sheets.load(name).data.decode().split("\n")[-700:]
    for _ in range(40):
        place = seed.randrange(len(lines))
        lines[place] = seed.choice(
            [lines[seed.randrange(len(lines))], lines[place][: seed.randrange(20)], ""]
        )
    digest = make_digest("\n".join(lines), 2_000)
    read = {line.number: line for line in clean_lines("\n".join(lines).removesuffix("\n").split("\n"))}
    assert sheets.misquoted(digest, read) == []


@pytest.mark.parametrize("name", sheets.names())
def test_work_grows_linearly(name: str) -> None:
    text = sheets.load(name).data.decode()[:GROWING]
    once, many = _calls(text * 2), _calls(text * 8)
    assert many < once * 4 * 1.6


def _calls(text: str) -> int:
    """How many functions, of Python and of C, a digest calls: a measure of work that knows no clock."""
    count = 0

    def tally(frame: FrameType, event: str, _argument: object) -> None:
        nonlocal count
        if event in ("call", "c_call"):
            count += 1

    before = sys.getprofile()
    sys.setprofile(tally)
    try:
        make_digest(text, 2_000)
    finally:
        sys.setprofile(before)
    return count
