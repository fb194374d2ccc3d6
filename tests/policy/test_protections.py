"""Tests of the list of mutations: each one applies and is proven, and each row of ``SECURITY.md`` has one."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.bench.protections import ROOT, digest, protections, proven

pytestmark = pytest.mark.fast

NAMED = re.compile(r"`([\w/]*\.py)?::(test_\w+)`")
WITHOUT = {
    "to hide a request in the body of another": "the library llhttp",
    "to change many files": "the rule is data: the shipped policy",
    "to profit from a broken policy file": "three places keep the rules; one alone changes nothing",
    "to run any command through a permission": "advice that the app does not give",
    "to use a policy pattern with exponential run time": "the library RE2",
    "to make the model write elsewhere": "the same code as the project's boundary",
    "to be executed when a client starts a hook": "options in data files, tested with hostile folders",
}
"""Rows whose protection is no line of code that could be taken out, by their first words, and why."""


@pytest.mark.parametrize("takes_out", [each.takes_out for each in protections()])
def test_a_mutation_applies_to_the_code_and_names_a_test(takes_out: str) -> None:
    (each,) = [each for each in protections() if each.takes_out == takes_out]
    assert (ROOT / each.file).read_text(encoding="utf-8").count(each.old) == 1
    assert each.new != each.old
    path, _, name = each.test.partition("::")
    assert f"def {name}(" in (ROOT / "tests" / path).read_text(encoding="utf-8")


def test_each_mutation_was_seen_to_fail_its_test_as_both_are_now() -> None:
    """``python -m tests.bench.protections --resume`` proves the missing ones."""
    found = proven()
    assert {each.takes_out for each in protections()} == set(found)
    stale = [each.takes_out for each in protections() if found[each.takes_out]["mutation"] != digest(each)]
    assert stale == []


def test_each_row_of_the_security_page_has_a_mutation() -> None:
    proven = {each.test for each in protections()}
    missing = [attack for attack, tests in _rows() if not tests & proven and not _is_without(attack)]
    assert missing == []


def _is_without(attack: str) -> bool:
    return any(attack.startswith(each) for each in WITHOUT)


def _rows() -> Iterator[tuple[str, set[str]]]:
    for line in Path(ROOT / "SECURITY.md").read_text(encoding="utf-8").splitlines():
        if line.startswith("| ") and not line.startswith(("| it ", "| they ", "| ---")):
            file, tests = "", set()
            for path, test in NAMED.findall(line):
                file = path or file
                tests.add(f"{file}::{test}")
            yield line.split("|")[1].strip(), tests
