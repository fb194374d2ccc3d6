"""Properties of any file: bytes outside a selection survive, failures leave no trace, undo is exact."""

import asyncio
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from server.common.errors import FileChanged, TokenSaverError
from server.config.folders import find_folders
from server.offload.answers.edits import EditFailed, apply, locate, parse_blocks, replace_selection
from server.offload.code.languages import LANGUAGES
from server.offload.code.syntax import definitions, problems
from server.offload.delivery.patches import diff_of
from server.offload.files.textfile import apply_edits, decode, edits_between, encode
from server.offload.files.workspace import digest_of
from server.offload.values import Caller, Edit, Source, Task
from tests.offload.test_pipeline import snapshot
from tests.pipeline_harness import make_pipeline
from tests.standins.answers import Answer
from tests.standins.ollama import OllamaStandIn

LINE = st.text(st.characters(blacklist_categories=("Cs", "Cc"), blacklist_characters="\ufeff"), max_size=12)
NEWLINE = st.sampled_from(["\n", "\r\n"])
ENCODING = st.sampled_from([("utf-8", b""), ("utf-8", b"\xef\xbb\xbf"), ("utf-16-le", b"\xff\xfe")])


@st.composite
def files(draw: st.DrawFn) -> bytes:
    """Bytes of a text file: any encoding, mixed line endings, with or without a final one."""
    encoding, mark = draw(ENCODING)
    lines = draw(st.lists(st.tuples(LINE, NEWLINE), max_size=12))
    last = draw(LINE)
    return mark + ("".join(line + end for line, end in lines) + last).encode(encoding)


@given(files())
def test_a_text_file_survives_the_round_trip(data: bytes) -> None:
    decoded = decode(data, "f")
    assert apply_edits(data, (), "f") == data
    if "\r\n" not in data.decode(decoded.encoding, "replace") or data.count(b"\r") == data.count(b"\n"):
        again = encode(decoded.text, decoded.encoding, decoded.bom, decoded.newline, "f")
        assert decode(again, "f").text == decoded.text


@given(files(), st.data(), st.text("ab \n", max_size=20))
def test_bytes_outside_a_selection_survive(data: bytes, draw: st.DataObject, new: str) -> None:
    decoded = decode(data, "f")
    start = draw.draw(st.integers(0, len(decoded.text)))
    end = draw.draw(st.integers(start, len(decoded.text)))
    after = apply_edits(data, (Edit(start, end, new),), "f")
    # The bytes before and after the selection, found independently of the code under test.
    raw = data[(3 if decoded.bom and decoded.encoding == "utf-8" else 2 if decoded.bom else 0) :]
    text = raw.decode(decoded.encoding)
    kept = _raw_prefix(text, start), _raw_suffix(text, len(decoded.text) - end)
    assert after.startswith(data[: len(data) - len(raw)] + kept[0].encode(decoded.encoding))
    assert after.endswith(kept[1].encode(decoded.encoding))
    middle = after.decode(decoded.encoding).removeprefix("\ufeff")[len(kept[0]) :]
    assert middle.removesuffix(kept[1]).replace("\r\n", "\n") == new


def _raw_prefix(text: str, count: int) -> str:
    out = ""
    while len(out.replace("\r\n", "\n")) < count:
        size = 2 if text.startswith("\r\n", len(out)) else 1
        out += text[len(out) : len(out) + size]
    return out


def _raw_suffix(text: str, count: int) -> str:
    out = ""
    while len(out.replace("\r\n", "\n")) < count:
        rest = text[: len(text) - len(out)]
        out = rest[-2 if rest.endswith("\r\n") else -1 :] + out
    return out


@given(files(), files())
def test_whole_lines_that_did_not_change_keep_their_endings(old: bytes, new: bytes) -> None:
    before, after = decode(old, "f"), decode(new, "f")
    result = apply_edits(old, edits_between(before.text, after.text), "f")
    assert decode(result, "f").text == after.text
    assert apply(before.text, edits_between(before.text, after.text)) == after.text


@given(st.text("ab \n#=<>SEARCHREPLACE", max_size=200), st.text("ab \n", max_size=100))
def test_the_block_parser_never_crashes(answer: str, text: str) -> None:
    try:
        edits = locate(text, parse_blocks(answer), "f")
    except EditFailed:
        return
    assert isinstance(apply(text, edits), str)


@given(st.lists(st.sampled_from(["a", "b", "  c", "", "    d"]), min_size=1, max_size=15), st.data())
def test_a_block_changes_only_the_lines_it_names(lines: list[str], draw: st.DataObject) -> None:
    text = "\n".join(lines)
    at = draw.draw(st.integers(0, len(lines) - 1))
    count = draw.draw(st.integers(1, len(lines) - at))
    wanted = lines[at : at + count]
    assume(any(line.strip() for line in wanted))
    answer = "\n".join(["<<<<<<< SEARCH", *wanted, "=======", "new", ">>>>>>> REPLACE"])
    times = sum(lines[i : i + count] == wanted for i in range(len(lines) - count + 1))
    if times == 1:
        after = apply(text, locate(text, parse_blocks(answer), "f"))
        assert after.split("\n") == [*lines[:at], "new", *lines[at + count :]]
    else:
        with pytest.raises(EditFailed):
            locate(text, parse_blocks(answer), "f")


@given(st.text(max_size=200), st.sampled_from(LANGUAGES))
@settings(suppress_health_check=[HealthCheck.too_slow])
def test_any_text_can_be_parsed_in_any_language(text: str, language: object) -> None:
    assume(not any("\ud800" <= c <= "\udfff" for c in text))
    found = definitions(text, language)  # type: ignore[arg-type]
    problems(text, language)  # type: ignore[arg-type]
    assert all(0 <= each.start <= each.head <= each.body <= each.end <= len(text) for each in found)


@given(st.text("ab \n\t", min_size=1, max_size=60), st.text("ab \n\t", max_size=60), st.data())
def test_an_indented_selection_never_changes_its_surroundings(
    text: str, answer: str, draw: st.DataObject
) -> None:
    start = draw.draw(st.integers(0, len(text)))
    end = draw.draw(st.integers(start, len(text)))
    source = Source(Path("/f"), "f", text, "", start, end)
    edit = replace_selection(source, answer)
    assert (edit.start, edit.end) == (start, end)
    after = apply(text, (edit,))
    assert after.startswith(text[:start])
    assert after.endswith(text[end:])


@given(files(), st.text("abc\n ", max_size=40))
@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_git_applies_the_diffs(tmp_path: Path, data: bytes, new: str) -> None:
    path = tmp_path / "a file.txt"
    path.write_bytes(data)
    decoded = decode(data, "f")
    assume(not decoded.encoding.startswith("utf-16"))
    source = Source(path, path.name, decoded.text, digest_of(data), 0, 0)
    edits = edits_between(decoded.text, new)
    diff = diff_of(source, edits)
    assume(diff != "")
    git = ["git", "-c", "core.autocrlf=false", "apply", "--whitespace=nowarn", "-"]
    applied = subprocess.run(git, check=False, cwd=tmp_path, input=diff.encode(), capture_output=True)
    assert applied.returncode == 0, applied.stderr
    assert path.read_bytes() == apply_edits(data, edits, "f")


ANSWERS = st.sampled_from(
    [
        Answer("```python\nx = 7\n```"),
        Answer("```python\nx = (\n```"),
        Answer(""),
        Answer("<think>hm"),
        Answer("```python\nx = 7\n```", ends="broken"),
        Answer("```python\nx = 7\n```", ends="error"),
        Answer("```python\nx = 7\n```", prompt_tokens=3),
    ]
)


@dataclass(frozen=True)
class Call:
    old: bytes | None
    answer: Answer
    stop_after: int
    check: str | None
    changed: bytes | None


@st.composite
def calls(draw: st.DrawFn) -> Call:
    """A call, the model's answer, the number of events before cancellation (0: never), and another program's
    change to the file."""
    return Call(
        old=draw(st.sampled_from([None, b"x = 1\n", b"\xef\xbb\xbfx = 1\r\n"])),
        answer=draw(ANSWERS),
        stop_after=draw(st.integers(0, 25)),
        check=draw(st.sampled_from([None, "good", "bad"])),
        changed=draw(st.none() | st.binary(max_size=20)),
    )


@given(call=calls())
@settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
def test_an_offload_without_delivery_leaves_the_tree_unchanged(
    tmp_path_factory: pytest.TempPathFactory,
    tree_ollama: OllamaStandIn,
    call: Call,
) -> None:
    """Any answer of the model, and cancellation at any event."""
    project = tmp_path_factory.mktemp("project")
    if call.old is not None:
        (project / "a.py").write_bytes(call.old)
    tree_ollama.answers.default = call.answer
    asyncio.run(_cancelled_somewhere(project, tree_ollama, call))


@pytest.fixture(scope="module")
def tree_ollama() -> Iterator[OllamaStandIn]:
    with OllamaStandIn() as standin:
        yield standin


async def _cancelled_somewhere(project: Path, ollama: OllamaStandIn, wanted: Call) -> None:
    before = snapshot(project)
    caller = Caller("t", "s", project, (project,))
    checks = {"good": "true {file}", "bad": "false {file}"}
    pipeline = await make_pipeline(caller, ollama, find_folders(), checks=checks)
    task = Task(
        "Set x.", files=("a.py",) if wanted.old is not None else (), output="a.py", check=wanted.check
    )
    call = asyncio.create_task(pipeline.offloader.run(task, caller, pipeline.report))
    stages = 0

    def stop(_event: object) -> None:
        nonlocal stages
        stages += 1
        if stages == wanted.stop_after:
            asyncio.get_running_loop().call_soon(call.cancel)

    pipeline.offloader._events.subscribe(stop)
    try:
        outcome = await call
    except asyncio.CancelledError:
        outcome = None
    offload_id = pipeline.events[0].offload_id  # type: ignore[attr-defined]
    detail = await pipeline.history.get(offload_id) if pipeline.events else None
    ended = detail.row.outcome if detail else ""
    assert outcome is None or ended == outcome.name
    if ended == "delivered":
        written = (project / "a.py").read_bytes()
        assert b"x = 7" in written
        if wanted.changed is not None:
            (project / "a.py").write_bytes(wanted.changed)
            with pytest.raises(FileChanged):
                await pipeline.offloader.undo(offload_id)
            assert (project / "a.py").read_bytes() == wanted.changed
            (project / "a.py").write_bytes(written)
        await pipeline.offloader.undo(offload_id)
    else:
        with pytest.raises(TokenSaverError):
            await pipeline.offloader.undo(offload_id)
    assert snapshot(project) == before
    await pipeline.offloader.close()
    await pipeline.engine.close()
    await pipeline.history.close()
