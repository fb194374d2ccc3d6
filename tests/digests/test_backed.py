"""Sentences of a model, and the line that does or does not back them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from server.digests.clean import clean_lines
from server.digests.compress.answer import FORM, checked, facts_to_show
from server.digests.compress.backed import backing_of
from server.digests.engine import find_facts, is_severe
from server.digests.layout import SEPARATOR, squeezed
from server.digests.values import Fact, Part, Section

COUNTS = (Section.RESULT, "3 failed, 27 passed in 12.1s")
LOGIN = (Section.FAILURE, "FAILED tests/test_auth.py::test_login - ConnectionRefusedError: port 5432")
DISK = (Section.ERROR, "worker 2 failed: disk quota exceeded (job 7)")
NEEDS = (Section.NOTE, "pkg-a 1.0 requires pkg-b<2, but you have pkg-b 3.1")


def fact_of(section: Section, *lines: str) -> Fact:
    return Fact(section, tuple(Part(text, number) for number, text in enumerate(lines, start=7)))


@pytest.mark.fast
@pytest.mark.parametrize(
    ("line", "sentence"),
    [
        (COUNTS, "3 failed"),
        (COUNTS, "3 failed, 27 passed."),
        (LOGIN, "The test_login failed: ConnectionRefusedError"),
        (DISK, "Worker 2 failed: the disk quota was exceeded."),
        (NEEDS, "`pkg-a` requires `pkg-b`"),
    ],
    ids=["count", "counts", "names", "other endings", "quoted names"],
)
def test_a_sentence_in_the_words_of_its_line_is_backed(line: tuple[Section, str], sentence: str) -> None:
    backing = backing_of(sentence, fact_of(*line), is_severe)
    assert backing is not None
    assert (backing.first, backing.last) == (7, 7)


@pytest.mark.fast
@pytest.mark.parametrize(
    ("line", "sentence"),
    [
        (COUNTS, "27 failed"),
        (COUNTS, "27 passed, 3 failed"),
        (COUNTS, "All tests passed."),
        (COUNTS, "passed in 12.1s"),
        (LOGIN, "test_login"),
        (LOGIN, "test_login passed"),
        (LOGIN, "test_logout failed"),
        (LOGIN, "test_login, port 543"),
        (DISK, "worker 7 failed"),
        (DISK, "worker 2 never failed"),
        (DISK, "the disk is full"),
        (NEEDS, "pkg-b requires pkg-a"),
        (NEEDS, "pkg-a is required by pkg-b"),
        ((Section.ERROR, "the file was not found"), "the file was found"),
        ((Section.NOTE, "build finished in 3 s"), "build failed"),
    ],
    ids=[
        "count of something else", "numbers swapped", "unknown word", "error left out", "name alone",
        "opposite outcome",
        "other name", "part of a number", "number of something else", "negation added", "other state",
        "names swapped", "passive", "negation left out", "error added",
    ],
)  # fmt: skip
def test_a_sentence_that_says_more_is_not_backed(line: tuple[Section, str], sentence: str) -> None:
    assert backing_of(sentence, fact_of(*line), is_severe) is None


def test_a_sentence_may_stand_on_several_lines_of_one_fact() -> None:
    fact = fact_of(Section.FAILURE, "FAIL: test_login", "ConnectionRefusedError on port 5432")
    backing = backing_of("FAIL: test_login, ConnectionRefusedError on port 5432", fact, is_severe)
    assert backing is not None
    assert (backing.first, backing.last) == (7, 8)


def test_a_wrong_number_of_a_fact_is_corrected() -> None:
    text = "INFO start\n" * 5 + "ERROR worker 2 failed\n" + "ERROR queue 9 is full\n"
    places = facts_to_show([find_facts(text)])
    wrong = next(number for number, each in enumerate(places, 1) if "queue 9" in each.fact.parts[0].text)
    [said] = checked(f"[{wrong}] worker 2 failed", places, cut=False).said
    assert said.backing.first == 6


def test_a_number_with_the_words_of_the_prompt_quotes_its_fact() -> None:
    places = facts_to_show([find_facts("INFO start\n" * 5 + "ERROR worker 2 failed\n")])
    number = next(at for at, each in enumerate(places, 1) if "worker 2" in each.fact.parts[0].text)
    [said] = checked(f"[{number}] {FORM}", places, cut=False).said
    assert said.quote
    assert said.sentence == "ERROR worker 2 failed"
    assert checked("[1] nothing of the kind", places, cut=False).said == ()


@given(st.text(max_size=200), st.text(max_size=200))
def test_any_answer_is_checked_without_an_error(answer: str, text: str) -> None:
    found = checked(answer, facts_to_show([find_facts(text)]), cut=False)
    lines = list(clean_lines(text.removesuffix("\n").split("\n")))
    for said in found.said:
        assert said.quote or said.sentence in answer
        quotes = said.sentence.split(SEPARATOR) if said.quote else []
        assert all(any(quote in squeezed(line.text) for line in lines) for quote in quotes)
