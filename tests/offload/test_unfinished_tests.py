"""The complete part of generated tests whose answer did not end."""

from collections.abc import Callable

import pytest

from server.offload.answers.unfinished_tests import MOST_ALIKE, MOST_LISTED, complete_tests, lists_without_end

pytestmark = pytest.mark.fast

IMPORT = "from share import share\n"
HEAD = f"{IMPORT}\n\ndef test_share():\n"
ONE = HEAD + "    assert share(0, 0) == 0\n"


def _cases(count: int) -> str:
    return "".join(f"    assert share({number}, 100) == {number}\n" for number in range(count))


def _tests(count: int) -> str:
    return "".join(
        f"\n\ndef test_{number}():\n    assert share({number}, 9) == 0\n" for number in range(count)
    )


@pytest.mark.parametrize(
    "fence", ["", "```python\n", "Here they are:\n\n```\n"], ids=["bare", "block", "remark"]
)
def test_a_statement_that_was_cut_goes(fence: str) -> None:
    assert complete_tests(f"{fence}{ONE}    assert share(1, ") == ONE
    assert (
        complete_tests(
            f"{fence}{ONE}\n\n@pytest.mark.parametrize(\n    'a',\n    [\n        1,\n        2,\n"
        )
        == ONE
    )


def test_a_block_that_was_closed_ends_there() -> None:
    assert complete_tests(f"```python\n{ONE}```\n\nThese tests cover") == ONE


@pytest.mark.parametrize(
    "answer",
    ["", "x = 1\n", "def share(", "def helper():\n    return 1\n\ndef test_a():\n    asse"],
    ids=repr,
)
def test_without_a_complete_test_nothing_remains(answer: str) -> None:
    assert complete_tests(answer) is None


@pytest.mark.parametrize(("head", "cases"), [(HEAD, _cases), (IMPORT, _tests)], ids=["assertions", "tests"])
def test_a_row_of_cases_is_shortened(head: str, cases: Callable[[int], str]) -> None:
    assert not lists_without_end(f"```python\n{head}{cases(MOST_ALIKE)}")
    answer = f"```python\n{head}{cases(MOST_ALIKE + 30)}    assert sha"
    assert lists_without_end(answer)
    assert complete_tests(answer) == head + cases(MOST_ALIKE)


def test_cases_of_other_forms_are_no_row() -> None:
    mixed = "".join(
        f"    assert share({number}, 1) == 0\n    assert not share({number}, 2)\n"
        for number in range(MOST_ALIKE)
    )
    assert not lists_without_end(HEAD + mixed + "    asse")


CASES = "@pytest.mark.parametrize('part, whole', [\n"


@pytest.mark.parametrize("end", ["", "    (9", "    (share(9, 'a"], ids=["comma", "element", "text"])
def test_a_list_without_end_is_noticed(end: str) -> None:
    few = "".join(f"    ({number}, {number + 1}),\n" for number in range(MOST_LISTED))
    assert not lists_without_end(f"```python\n{ONE}\n\n{CASES}{few}{end}")
    answer = f"```python\n{ONE}\n\n{CASES}{few}    (1, 2),\n{end}"
    assert lists_without_end(answer)
    assert complete_tests(answer) == ONE


def test_a_list_of_several_forms_may_be_long() -> None:
    mixed = "".join(f"    ({number}, 1),\n    ('a', {number}),\n" for number in range(MOST_LISTED))
    assert not lists_without_end(f"{ONE}\n\n{CASES}{mixed}")
    closed = "X = [\n" + "    (1, 2),\n" * (MOST_LISTED + 5) + "]\n"
    assert not lists_without_end(f"{closed}{ONE}    asse")
