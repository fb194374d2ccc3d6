"""Other styles of outputs than those of the samples: quiet, short, pretty, without verbosity, wrapped."""

import pytest

from server.digests.engine import make_digest

KERNEL = "".join(
    f"Nov  3 08:{second // 60:02d}:{second % 60:02d} host kernel: [{second}.000001] usb 1-1: reset device\n"
    for second in range(60)
)
STYLES = {
    "level word inside a message": (
        f"{KERNEL}Nov  3 08:09:00 host kernel: [540.000001] EXT4-fs error (device sda1): no inode 2\n",
        ["EXT4-fs error (device sda1): no inode 2"],
    ),
    "pytest native": (
        """
=================================== FAILURES ===================================
___________________________________ test_key ___________________________________
Traceback (most recent call last):
  File "/venv/lib/python3.11/site-packages/_pytest/runner.py", line 361, in from_call
    result: TResult | None = func()
  File "/tmp/shop/test_a.py", line 7, in test_key
    helper("zz")
KeyError: 'zz'
2 failed, 60 passed in 0.12s
""",
        ["2 failed, 60 passed", "test_key", "KeyError: 'zz'", 'test_a.py", line 7'],
    ),
    "pytest line": (
        """
=================================== FAILURES ===================================
/tmp/shop/test_a.py:3: AssertionError: slot 41 is taken
=========================== short test summary info ============================
FAILED test_a.py::test_many[41] - AssertionError: slot 41 is taken
1 failed, 60 passed in 0.12s
""",
        ["test_many[41] · AssertionError: slot 41 is taken · /tmp/shop/test_a.py:3"],
    ),
    "pytest collection": (
        """
==================================== ERRORS ====================================
_________________________ ERROR collecting test_b.py __________________________
test_b.py:1: in <module>
    import absent_module
E   ModuleNotFoundError: No module named 'absent_module'
!!!!!!!!!!!!!!!!!!!! Interrupted: 1 error during collection !!!!!!!!!!!!!!!!!!!!
1 error in 0.38s
""",
        ["1 error in 0.38s", "No module named 'absent_module'", "test_b.py:1", "Interrupted"],
    ),
    "go test without -v": (
        """--- FAIL: TestOne (0.00s)
    a_test.go:3: got 3, want 4
--- FAIL: TestTwo (0.00s)
    --- FAIL: TestTwo/y (0.00s)
        a_test.go:4: y is broken
FAIL
FAIL\texample.test/gt/a\t0.012s
""",
        [
            "TestOne · got 3, want 4 · a_test.go:3",
            "TestTwo/y · y is broken · a_test.go:4",
            "FAIL example.test/gt/a",
        ],
    ),
    "mypy pretty": (
        """harbour/shackle.py:23:5: error: Assertion is always true, perhaps remove
parentheses?  [misc]
        assert (True, 'always')
        ^~~~~~~~~~~~~~~~~~~~~~~
harbour/mooring.py:23:11: error: Name "undefined_rope" is not defined
[name-defined]
Found 2 errors in 2 files (checked 25 source files)
""",
        ["perhaps remove · misc · harbour/shackle.py:23:5 · parentheses?", "name-defined", "Found 2 errors"],
    ),
    "compiler under BuildKit": (
        """#9 [build 4/5] RUN make
#9 0.412 src/keel.c:12:20: error: unknown type name 'draft'
#9 0.413 make: *** [Makefile:10: build/keel.o] Error 1
#9 ERROR: process "/bin/sh -c make" did not complete successfully: exit code: 2
""",
        [
            "unknown type name 'draft'",
            "src/keel.c:12:20",
            "[Makefile:10: build/keel.o] Error 1",
            "exit code: 2",
        ],
    ),
    "a name that begins no Kubernetes object": (
        "Name:      pump-7\nStatus:    installed\nVersion:   2\n"
        + "".join(f"checking valve {number}\n" for number in range(300))
        + "error: valve 41 is stuck\nchecked 300 valves\n",
        ["error: valve 41 is stuck", "checked 300 valves"],
    ),
    "unknown tool": (
        "".join(f"copying part {number} of 500\n" for number in range(500))
        + "could not copy part 500: quota of /srv exceeded\n  at /srv/parts/500\nleaving 1 part behind\n",
        [
            "could not copy part 500: quota of /srv exceeded · at /srv/parts/500",
            "L503: leaving 1 part behind",
        ],
    ),
}


@pytest.mark.parametrize("style", STYLES)
def test_the_facts_are_kept(style: str) -> None:
    text, facts = STYLES[style]
    digest = make_digest(text, 1_000, exit_status=1).text
    assert [fact for fact in facts if fact not in digest] == [], digest


def test_an_exit_status_is_told_where_nothing_else_says_so() -> None:
    assert "exit 3" in make_digest("all is well\n", 200, exit_status=3).text


def test_words_of_the_focus_come_first() -> None:
    text = (
        "".join(f"tick {number}\n" for number in range(3_000))
        + "the lamp of quay 7 is out\n"
        + "tock\n" * 3_000
    )
    assert "L3001: the lamp of quay 7 is out" in make_digest(text, 300, focus="lamp").text


def test_a_text_of_unknown_encoding_says_so() -> None:
    digest = make_digest(b"ERROR \x81\x8d\x8f\x90\x9d caf\xe9 is closed\n" * 3, 300)
    assert not digest.literal
    assert "encoding unknown" in digest.text
