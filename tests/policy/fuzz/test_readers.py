"""Fuzzing of the readers of untrusted bytes: engine streams, transcripts, a model's edits."""

import itertools
import json

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from server.backends.base import GenerationRequest, Message
from server.backends.ollama import chat_stream as ollama_stream
from server.backends.ollama.pull import PullReader
from server.backends.openai import chat_stream
from server.backends.wire import Garbled, LineReader, StreamError
from server.common.errors import TokenSaverError
from server.ledger.transcripts.followup import KnownOffload
from server.ledger.transcripts.parse import parse_line
from server.ledger.transcripts.session import TranscriptSession
from server.ledger.transcripts.session_state import SessionState
from server.ledger.transcripts.summary import Summary, summarise
from server.offload.answers.edits import EditFailed, apply, locate, parse_blocks
from server.offload.files.textfile import decode
from tests.policy.fuzz.amount import fuzz

REQUEST = GenerationRequest("m", (Message("user", "a b"),), num_ctx=4096, max_tokens=8)
NUMBERS = st.one_of(st.integers(), st.floats(), st.sampled_from([2**63, 10**400, -1, True]))


def json_of(keys: list[str], words: list[str]) -> st.SearchStrategy[object]:
    """JSON with the keys of one format and arbitrary other content."""
    scalars = st.one_of(st.sampled_from(words), st.text(max_size=6), NUMBERS, st.booleans(), st.none())
    names = st.one_of(st.sampled_from(keys), st.text(max_size=3))
    return st.recursive(
        scalars,
        lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(names, inner, max_size=4)),
        max_leaves=12,
    )


def in_pieces(lines: st.SearchStrategy[bytes]) -> st.SearchStrategy[list[bytes]]:
    """A stream of such lines, cut into arbitrary pieces."""
    whole = st.lists(st.one_of(lines, st.binary(max_size=20)), max_size=6).map(b"\n".join)
    return st.tuples(whole, st.lists(st.integers(0, 200), max_size=4)).map(lambda each: _cut(*each))


def _cut(data: bytes, at: list[int]) -> list[bytes]:
    places = [0, *sorted(min(each, len(data)) for each in at), len(data)]
    return [data[start:end] for start, end in itertools.pairwise(places)]


def _line(value: object) -> bytes:
    return json.dumps(value).encode()


OLLAMA = json_of(
    ["message", "content", "thinking", "done", "done_reason", "error", "prompt_eval_count", "eval_count"],
    ["length", "stop", "<think>", "</think>", "text", "\ud800"],
)
OPENAI = json_of(
    ["choices", "delta", "content", "reasoning", "finish_reason", "usage", "timings", "error", "message"],
    ["length", "stop", "<think>", "</think>", "text", "\ud800"],
)
PULL = json_of(["status", "digest", "total", "completed", "error"], ["success", "pulling manifest"])
OLLAMA_LINES = OLLAMA.map(_line)
EVENTS = st.one_of(
    OPENAI.map(lambda value: b"data: " + _line(value)),
    st.tuples(
        st.sampled_from(
            [b"data:", b"data: [DONE]", b": alive", b"event: x", b"id: 1", b"error: ", b"retry:"]
        ),
        st.binary(max_size=12),
    ).map(b"".join),
    OPENAI.map(_line),
)


def _lines(pieces: list[bytes]) -> list[str]:
    reader = LineReader()
    found = [line for piece in pieces for line in reader.read(piece)] + reader.end()
    assert all(found)
    return found


@fuzz
@given(pieces=in_pieces(OLLAMA_LINES))
def test_ndjson(pieces: list[bytes]) -> None:
    reader = ollama_stream.ChatReader(REQUEST)
    try:
        for line in _lines(pieces):
            for delta in reader.read(line):
                delta.text.encode("utf-8")
        completed = reader.end()
    except (Garbled, StreamError) as error:
        str(error).encode("utf-8")
        return
    assert completed.prompt_tokens >= 0
    assert completed.generate_seconds >= 0


@fuzz
@given(pieces=in_pieces(PULL.map(_line)))
def test_ndjson_of_a_download(pieces: list[bytes]) -> None:
    reader = PullReader("m")
    try:
        for line in _lines(pieces):
            progress = reader.read(line)
            progress.status.encode("utf-8")
    except (Garbled, StreamError, TokenSaverError) as error:
        str(error).encode("utf-8")


@fuzz
@given(pieces=in_pieces(EVENTS))
@example(pieces=[b'data: {"error": "\\ud800"}'])
def test_server_sent_events(pieces: list[bytes]) -> None:
    reader = chat_stream.ChatReader(REQUEST)
    try:
        for line in _lines(pieces):
            for item in reader.read(line):
                getattr(item, "text", "").encode("utf-8")
        reader.finish()
        reader.completed()
    except (Garbled, StreamError) as error:
        str(error).encode("utf-8")


@fuzz
@given(data=st.binary(max_size=400), cuts=st.lists(st.integers(0, 400), max_size=5))
def test_lines_do_not_depend_on_the_cuts(data: bytes, cuts: list[int]) -> None:
    def outcome(pieces: list[bytes]) -> object:
        try:
            return _lines(pieces)
        except Garbled:
            return "garbled"

    assert outcome(_cut(data, cuts)) == outcome([data])


TRANSCRIPT = st.dictionaries(
    st.sampled_from(["type", "message", "agentId", "isSidechain", "isMeta", "cwd", "uuid"]),
    json_of(
        ["id", "usage", "content", "input_tokens", "output_tokens", "model", "role", "type", "text", "input"],
        ["tool_use", "tool_result", "text", "thinking", "msg_1", "mcp__token-saver__offload_work", "/p"],
    ),
    max_size=5,
)
BLOCKS = st.lists(
    st.fixed_dictionaries(
        {"type": st.sampled_from(["tool_use", "tool_result", "text", "thinking"])},
        optional={
            "id": st.sampled_from(["t1", "t2", 5]),
            "tool_use_id": st.sampled_from(["t1", "t2", None]),
            "name": st.sampled_from(["Read", "Edit", "Write", "Bash", "mcp__token-saver__offload_work", 1]),
            "input": json_of(["file_path", "files", "output", "old_string", "content"], ["a.py", "/p/a.py"]),
            "content": json_of(["type", "text"], ["text", "done"]),
            "text": st.text(max_size=5),
            "is_error": st.booleans(),
        },
    ),
    max_size=3,
)
NEARLY = st.fixed_dictionaries(
    {
        "type": st.sampled_from(["user", "assistant"]),
        "message": st.fixed_dictionaries(
            {"content": BLOCKS},
            optional={
                "id": st.sampled_from(["msg_1", "msg_2"]),
                "model": st.text(max_size=3),
                "usage": st.dictionaries(
                    st.sampled_from(["input_tokens", "output_tokens", "cache_read_input_tokens"]),
                    st.one_of(NUMBERS, st.text(max_size=2)),
                    max_size=3,
                ),
            },
        ),
    },
    optional={"cwd": st.sampled_from(["/p", "", "\0", 7]), "isSidechain": st.booleans()},
)


OFFLOAD = KnownOffload("o1", "delivered", "offload_work", "/p/a.py", ("return 1",), {"/p/b.py": 9})


@fuzz
@given(
    lines=st.lists(
        st.one_of(TRANSCRIPT.map(_line), NEARLY.map(_line), st.binary(max_size=40)), min_size=1, max_size=5
    )
)
def test_transcripts(lines: list[bytes]) -> None:
    session = TranscriptSession(SessionState(), lambda _use_id: (OFFLOAD,))
    for line in lines:
        try:
            said = parse_line(line)
        except ValueError:  # documented by the reader: cut off, or not JSON
            continue
        if said is not None:
            session.follow(said)
    assert SessionState.from_json(session.state.as_json()) == session.state
    text = summarise(session.state, session.accountant, "2026-11-01").as_json()
    assert Summary.from_json(text).as_json() == text


MARKS = st.sampled_from(
    [
        "<<<<<<< SEARCH", "=======", ">>>>>>> REPLACE", "FILE: a.py", "<<<<<SEARCH", "=====",
        ">>>>> REPLACE:", "def f():", "    return 1", "\treturn 1", "", "  ", "}", "```", "x = 1\r", "é",
    ]
)  # fmt: skip
ANSWERS = st.one_of(
    st.lists(st.one_of(MARKS, st.text(max_size=8)), max_size=20).map("\n".join), st.text(max_size=200)
)
BLOCK = st.tuples(st.lists(MARKS, max_size=3).map("\n".join), st.lists(MARKS, max_size=3).map("\n".join)).map(
    lambda both: f"<<<<<<< SEARCH\n{both[0]}\n=======\n{both[1]}\n>>>>>>> REPLACE"
)


@fuzz
@given(
    text=st.lists(st.one_of(MARKS, st.text(max_size=5)), max_size=12).map("\n".join),
    answer=st.one_of(ANSWERS, st.lists(BLOCK, max_size=3).map("\n".join)),
)
def test_edit_blocks(text: str, answer: str) -> None:
    try:
        edits = locate(text, parse_blocks(answer), "a.py")
    except EditFailed as error:
        if not str(error).endswith("."):
            pytest.fail(str(error))
        return
    after = apply(text, edits)
    kept = len(text) - sum(edit.end - edit.start for edit in edits)
    assert len(after) == kept + sum(len(edit.text) for edit in edits)
    assert all(0 <= edit.start <= edit.end <= len(text) for edit in edits)


@fuzz
@given(data=st.binary(max_size=300))
def test_texts_of_files(data: bytes) -> None:
    try:
        decode(data, "f").text.encode("utf-8")
    except TokenSaverError as error:
        if not error.next_step:
            pytest.fail("an error without a next step")
