"""Recognisers without a sample of a real output, each with a short output of its tool."""

import functools

import pytest

from server.digests.engine import make_digest
from server.digests.registry import RECOGNISERS
from server.digests.values import Digest
from tests.digests import sheets

DOCKER = """\
#1 [internal] load build definition from Dockerfile
#1 DONE 0.0s
#4 [1/3] FROM docker.io/library/python:3.12-slim
#4 CACHED
#5 [2/3] COPY requirements.txt .
#5 DONE 0.1s
#6 [3/3] RUN pip install -r requirements.txt
#6 ERROR: process "/bin/sh -c pip install -r requirements.txt" did not complete successfully: exit code: 1
------
Dockerfile:3
--------------------
   2 |     COPY requirements.txt .
   3 | >>> RUN pip install -r requirements.txt
--------------------
ERROR: failed to solve: process "/bin/sh -c pip install -r requirements.txt" did not complete successfully
"""
CI = """\
##[group]Run actions/checkout@v4
##[endgroup]
##[group]Run npm test
> node --test
##[endgroup]
##[warning]Node.js 16 actions are deprecated.
##[error]Expected 12 to equal 13
##[error]Process completed with exit code 1.
"""
GO = """\
=== RUN   TestFee
    fee_test.go:14: fee(3) = 12, want 13
--- FAIL: TestFee (0.00s)
=== RUN   TestBerth
--- PASS: TestBerth (0.01s)
=== RUN   TestTide
    tide_test.go:9: needs the sea
--- SKIP: TestTide (0.00s)
FAIL
FAIL\tharbour/fees\t0.012s
ok  \tharbour/quay\t0.004s
"""
DOTNET = """\
  Determining projects to restore...
  All projects are up-to-date for restore.
/src/Fees/Fee.cs(12,20): error CS0103: The name 'berth' does not exist in the context [/src/Fees/Fees.csproj]
/src/Fees/Fee.cs(9,13): warning CS0168: The variable 'tide' is never used [/src/Fees/Fees.csproj]

Build FAILED.

    1 Warning(s)
    1 Error(s)

Time Elapsed 00:00:02.31
"""
SHORT = {
    "docker build": (
        DOCKER,
        ["L8: #6 ERROR: process", "L15: ERROR: failed to solve", "3 | >>> RUN pip",
         "3 lines of steps, 1 cached", "last step · #6 [3/3] RUN pip install"],
    ),
    "ci log": (
        CI,
        ["CI job: 2 steps, 2 errors", "Run npm test · Process completed with exit code 1.",
         "Run npm test · Expected 12 to equal 13", "L6: Node.js 16 actions are deprecated."],
    ),
    "go test": (
        GO,
        ["1 failed, 1 passed, 1 skipped", "FAIL harbour/fees",
         "TestFee · fee(3) = 12, want 13 · fee_test.go:14", "needs the sea",
         "1 packages ok · ok harbour/quay"],
    ),
    "dotnet": (
        DOTNET,
        ["CS0103", "The name 'berth' does not exist", "CS0168", "The variable 'tide' is never used"],
    ),
}  # fmt: skip


@pytest.mark.fast
@pytest.mark.parametrize("name", SHORT)
def test_a_short_output_keeps_its_facts(name: str) -> None:
    digest = short_digest(name)
    assert name in digest.recognised
    assert [fact for fact in SHORT[name][1] if fact not in digest.text] == [], digest.text


def test_every_recogniser_has_an_output() -> None:
    recognised = {name for short in SHORT for name in short_digest(short).recognised}
    for name in sheets.names():
        sample = sheets.load(name)
        recognised |= {*make_digest(sample.data, sheets.LIMIT, command=sample.sheet["command"]).recognised}
    assert {each.name for each in RECOGNISERS} <= recognised


@functools.cache
def short_digest(name: str) -> Digest:
    return make_digest(SHORT[name][0].encode(), sheets.LIMIT, exit_status=1)


def test_a_line_that_the_focus_quotes_is_not_repeated_as_a_fact() -> None:
    lines = [f"[{number}/900] CC build/obj_{number}.o" for number in range(900)]
    lines[401] = "ld: linker: cannot find -lfoo"
    text = "\n".join([*lines, "make: *** [all] Error 1", ""])
    made = make_digest(text.encode(), sheets.LIMIT, focus="linker")
    assert made.text.count("cannot find -lfoo") == 1
    assert "L402: ld: linker: cannot find -lfoo" in made.text
    assert "make: *** [all] Error 1" in made.text
