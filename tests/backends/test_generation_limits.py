"""Lower bound for the tokens of a prompt."""

import pytest

from server.backends.base import Message
from server.backends.generation_limits import minimum_tokens

pytestmark = pytest.mark.fast


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", 0),
        ("one two\nthree\tfour", 4),
        ("x = 12 + y[3]", 2),
        ("12 345 --- .. _", 0),
        ("é _a 9z ...b", 4),
        ("1,2;3" * 100_000, 0),
        (".:" * 100_000 + "a b", 2),
    ],
)
def test_every_word_with_a_letter_counts_as_a_token(text: str, words: int) -> None:
    assert minimum_tokens([Message("system", ""), Message("user", text)]) == words
