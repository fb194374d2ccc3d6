"""Mutants as small, distinct faults, and trimmed tests that notice them."""

import ast

import pytest

from server.execution.mutants import mutants
from server.execution.sandbox.find import Sandbox
from server.execution.test_trim import trim_tests

pytestmark = pytest.mark.anyio

CODE = '''"""Slots."""

LIMIT = 3


def merge(slots):
    """Merge slots that overlap."""
    merged = []
    for start, end in sorted(slots):
        if start > end:
            raise ValueError("ends before it starts")
        if merged and merged[-1][1] >= start:
            merged[-1] = (merged[-1][0], max(merged[-1][1], end))
        else:
            merged.append((start, end))
    return merged


def total(slots):
    return sum(end - start for start, end in merge(slots))
'''


@pytest.mark.fast
async def test_mutants_are_distinct_modules_with_one_change_each() -> None:
    found = mutants(CODE)
    original = ast.unparse(ast.parse(CODE)).splitlines()
    assert 15 <= len(found) <= 30
    assert len({each.source for each in found}) == len(found)
    for each in found:
        ast.parse(each.source)
        assert each.line > 5
        assert abs(len(each.source.splitlines()) - len(original)) <= 1
    assert {"another comparison", "another operator", "returns nothing"} <= {each.change for each in found}


@pytest.mark.fast
async def test_mutants_are_spread_over_functions_and_can_be_limited() -> None:
    few = mutants(CODE, most=4)
    assert len(few) == 4
    assert {each.line >= 19 for each in few} == {True, False}
    assert all(each.line >= 19 for each in mutants(CODE, within={"total"}))
    assert mutants("X = 1\n") == []


TESTS = """import pytest

from app.slots import merge, total


@pytest.fixture
def slots():
    return [(4, 6), (1, 3), (2, 5)]


def test_merge(slots):
    assert merge(slots) == [(1, 6)]
    assert merge([(1, 2)]) == [(1, 3)]  # wrong
    assert merge([]) == []


@pytest.mark.parametrize("pair", [(3, 1), (2, 0)])
def test_refuses(pair):
    with pytest.raises(ValueError, match="before"):
        merge([pair])
    with pytest.raises(KeyError):
        merge([(1, 2)])


def test_total():
    # The whole test is wrong.
    assert total([(1, 3)]) == 7


class TestTotal:
    def test_sum(self):
        assert total([(1, 3), (2, 5), (7, 8)]) == 5

    def test_setup_fails(self):
        slots = undefined_name
        assert total(slots) == 1
"""


async def test_failing_assertions_are_dropped_one_by_one(sandbox: Sandbox) -> None:
    result = await trim_tests(sandbox, TESTS, CODE, "app.slots")
    assert (result.verdict, result.reason) == ("passed", "")
    expected = TESTS.replace("    assert merge([(1, 2)]) == [(1, 3)]  # wrong\n", "")
    expected = expected.replace("    with pytest.raises(KeyError):\n        merge([(1, 2)])\n", "")
    start, end = expected.index("def test_total"), expected.index("class TestTotal")
    expected = expected[:start] + "\n\n" + expected[end:]
    expected = expected[: expected.index("    def test_setup_fails")]
    assert result.source.rstrip() == expected.rstrip()
    assert len(result.dropped) == 4
    assert result.dropped[0].startswith("assert merge([(1, 2)]) == [(1, 3)]")
    assert result.tests == 3
    assert result.killed >= result.mutants / 2 > 5


async def test_tests_that_detect_no_mutant_are_refused(sandbox: Sandbox) -> None:
    tests = (
        "from slots import merge\n\ndef test_merge():\n    assert merge([]) is not None\n    assert True\n"
    )
    result = await trim_tests(sandbox, tests, CODE, "slots")
    assert result.verdict == "failed"
    assert result.killed < result.mutants / 3
    assert "faults" in result.reason


async def test_unittest_is_run_as_well(sandbox: Sandbox) -> None:
    tests = (
        "import unittest\nfrom slots import merge, total\n\n\nclass Slots(unittest.TestCase):\n"
        "    def test_merge(self):\n        self.assertEqual(merge([(1, 3), (2, 5)]), [(1, 5)])\n"
        "        self.assertEqual(merge([]), [1])\n"
        "        with self.assertRaises(ValueError):\n            merge([(2, 1)])\n"
        "    def test_total(self):\n        self.assertEqual(total([(1, 3), (5, 9)]), 6)\n"
    )
    result = await trim_tests(sandbox, tests, CODE, "slots")
    assert result.verdict == "passed"
    assert [each.partition(" (")[0] for each in result.dropped] == ["self.assertEqual(merge([]), [1])"]
    assert result.tests == 2


@pytest.mark.parametrize(
    ("tests", "verdict", "reason"),
    [
        pytest.param(
            "import numpy\ndef test_a():\n    assert 1\n", "not run", "numpy", id="a-missing-package"
        ),
        pytest.param(
            "def test_a(tmp_path):\n    assert 1\n", "not run", "fixture tmp_path", id="a-fixture-of-pytest"
        ),
        pytest.param("from slots import nothing\n", "failed", "do not load", id="no-such-function"),
        pytest.param("def test_a(:\n", "failed", "do not parse", id="syntax"),
        pytest.param("x = 1\n", "failed", "No remaining test passes", id="no-test"),
        pytest.param("import os\ndef test_a():\n    os._exit(0)\n", "failed", "ended the process", id="exit"),
        pytest.param(
            "def test_a():\n    assert 1 == 2\n", "failed", "No remaining test passes", id="nothing-holds"
        ),
    ],
)
async def test_tests_that_cannot_be_kept_have_a_reason(
    tests: str, verdict: str, reason: str, sandbox: Sandbox
) -> None:
    result = await trim_tests(sandbox, tests, CODE, "slots")
    assert result.verdict == verdict
    assert reason in result.reason
