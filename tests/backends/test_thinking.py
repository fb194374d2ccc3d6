"""Separation of thoughts and answer, however the stream is split."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from server.backends.thinking import MOST_BLANK, TAGS, ThinkingSplitter

pytestmark = pytest.mark.fast


def split(pieces: list[str]) -> tuple[str, str]:
    """Return the thoughts and the answer."""
    splitter = ThinkingSplitter()
    deltas = [delta for piece in pieces for delta in splitter.feed(piece)] + splitter.finish()
    return (
        "".join(delta.text for delta in deltas if delta.thinking),
        "".join(delta.text for delta in deltas if not delta.thinking),
    )


@pytest.mark.parametrize(
    ("text", "thoughts", "answer"),
    [
        ("plain", "", "plain"),
        ("<think>hm</think>yes", "hm", "yes"),
        ("\n <think>\nhm\n</think>\n\nyes", "\nhm\n", "yes"),
        ("[THINK]hm[/THINK]yes", "hm", "yes"),
        ("<think>never ends", "never ends", ""),
        ("<think></think>yes", "", "yes"),
        ("<thin", "", "<thin"),
        ("<table>", "", "<table>"),
        ("the <think>tag</think> in an answer", "", "the <think>tag</think> in an answer"),
        ("<think>a</think>b<think>c</think>", "a", "b<think>c</think>"),
        ("<think>a </thin b</think>c", "a </thin b", "c"),
        ("", "", ""),
        ("  \n", "", "  \n"),
    ],
)
def test_in_one_piece_and_letter_by_letter(text: str, thoughts: str, answer: str) -> None:
    assert split([text]) == (thoughts, answer)
    assert split(list(text)) == (thoughts, answer)


@given(
    st.lists(
        st.one_of(
            st.sampled_from([tag for pair in TAGS for tag in pair]), st.text("<>/think \nab", max_size=6)
        )
    ),
    st.data(),
)
def test_result_does_not_depend_on_the_pieces(parts: list[str], data: st.DataObject) -> None:
    text = "".join(parts)
    cuts = sorted(data.draw(st.lists(st.integers(0, len(text)), max_size=6)))
    pieces = [text[a:b] for a, b in zip([0, *cuts], [*cuts, len(text)], strict=True)]
    assert split(pieces) == split([text])


def test_endless_blanks_are_not_held_back() -> None:
    splitter = ThinkingSplitter()
    shown = [splitter.feed(" ") for _ in range(MOST_BLANK + 2)]
    assert [delta.text for delta in shown[-2]] == [" " * (MOST_BLANK + 1)]
    assert [delta.text for delta in shown[-1]] == [" "]
    late = " " * (MOST_BLANK + 1) + "<think>a</think>b"
    assert split([late]) == split(list(late)) == ("", late)
    in_time = late[1:]
    assert split([in_time]) == split(list(in_time)) == ("a", "b")
