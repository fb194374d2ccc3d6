"""Condensing: folding, splitting, notes that are literally true, levels, the cache; a log of 20 MB."""

import random
import re
import subprocess
import sys
from pathlib import Path

import pytest

from server.common.errors import BinaryFile
from server.config.folders import find_folders
from server.digests.compress.fold import Line, fold, lines_of_file, lines_of_text
from server.digests.compress.sources import without_repeated
from server.digests.compress.split import split, starts_of
from server.ledger.tokens import estimate_tokens
from server.offload.checks.quotes import notes_of, verified
from server.offload.values import Compression, Outcome
from tests.pipeline_harness import OpenPipeline, PipelineHarness
from tests.standins.answers import Answer

pytestmark = pytest.mark.anyio

SHORT = {"allow_losing": True}
"""The setting of tests whose files are shorter than is worth a digest."""
PLANTED = "2026-03-04 13:00:01 ERROR worker 2 failed: disk quota exceeded on /var/data (job 90210)"


def log_lines(count: int, planted_at: int) -> list[str]:
    """Lines of a busy, dull log with one that is neither."""
    dice = random.Random(7)
    users = ["ada", "bob", "eve", "mallory"]
    lines = []
    for n in range(count):
        stamp = f"2026-03-04 {n // 3600 % 24:02d}:{n // 60 % 60:02d}:{n % 60:02d}"
        lines.append(
            stamp
            + dice.choice(
                [
                    f" INFO worker {n % 8} finished job {1000 + n} in {dice.randint(1, 900)} ms",
                    f" DEBUG cache hit for key 0x{dice.getrandbits(32):08x}",
                    f" INFO GET /api/items/{dice.randint(1, 9999)} 200 {dice.randint(1, 90)}ms",
                    f" INFO user {dice.choice(users)} logged in from 10.0.{n % 256}.{dice.randint(1, 254)}",
                ]
            )
        )
    lines[planted_at - 1] = PLANTED
    return lines


async def compress(pipeline: PipelineHarness, **wanted: object) -> Outcome:
    return await pipeline.compressor.compress(Compression(**wanted), pipeline.caller, pipeline.report)  # type: ignore[arg-type]


def test_repetition_is_folded_and_the_odd_line_stays() -> None:
    lines = log_lines(20_000, 12_345)
    folded = fold(lambda: lines_of_text("\n".join(lines)), lambda text: "ERROR" in text, 100_000)
    assert len(folded) < 40
    assert sum(line.count for line in folded) == 20_000
    [planted] = [line for line in folded if line.text == PLANTED]
    assert (planted.number, planted.count) == (12_345, 1)


def test_what_does_not_fold_finely_is_folded_coarsely_but_the_sought_is_kept() -> None:
    words = [f"note {'abcdefgh'[n % 8]}{'xyz' * (n % 50)}word{'q' * (n % 97)} happened" for n in range(5_000)]
    words[77] = "ERROR in module alpha"
    folded = fold(lambda: lines_of_text("\n".join(words)), lambda text: "ERROR" in text, 3_000)
    assert sum(len(line.text) for line in folded) <= 3_000
    assert any(line.text == "ERROR in module alpha" and line.number == 78 for line in folded)


def test_a_binary_is_no_text(tmp_path: Path) -> None:
    (tmp_path / "b.log").write_bytes(b"abc\0def")
    with pytest.raises(BinaryFile):
        list(lines_of_file(tmp_path / "b.log", "b.log"))


@pytest.mark.parametrize("encoding", ["utf-16", "utf-8-sig", "utf-8"])
def test_a_log_that_powershell_wrote_is_text(tmp_path: Path, encoding: str) -> None:
    path = tmp_path / "windows.log"
    path.write_bytes("first\r\nsecond é\r\n".encode(encoding))
    found = [(line.number, line.text.removeprefix("\ufeff")) for line in lines_of_file(path, "windows.log")]
    assert found == [(1, "first"), (2, "second é")]


def test_pieces_end_at_functions_and_headings() -> None:
    code = "".join(f"def f{n}():\n    a = {n}\n    b = a\n    return b\n\n" for n in range(30))
    lines = [Line(n, text) for n, text in enumerate(code.split("\n"), start=1)]
    pieces = split(lines, "a.py", 200, starts_of(code, "a.py"))
    assert len(pieces) > 3
    assert all(re.match(r"L\d+: def ", piece.text) for piece in pieces)
    text = "".join(f"# Part {n}\n\nSome words about it.\nMore of them.\n\n" for n in range(30))
    lines = [Line(n, each) for n, each in enumerate(text.split("\n"), start=1)]
    assert all(
        re.match(r"L\d+: (# Part|Some|$)", piece.text)
        for piece in split(lines, "a.md", 150, starts_of(text, "a.md"))
    )


SOURCE = (
    'L12: 2026 ERROR disk "quota exceeded" on /var/data, job 90210\nL13: src/a.py:44 ValueError: bad 1.5\n'
    "L20: worker 7 is done [x90, last L99]"
)


@pytest.mark.parametrize(
    ("note", "is_true"),
    [
        ("L12: job 90210 failed on /var/data", True),
        ('L12: "quota exceeded"', True),
        ("L13: `ValueError: bad 1.5` in src/a.py", True),
        ("The disk is full", True),
        ("L14: job 90210 failed", False),
        ("L99: worker 7 is done", True),
        ("L20: workers are done", True),
        ("L7: job 90210 failed", False),
        ("L20: job 90210 failed", False),
        ("L12: job 90211 failed", False),
        ('L12: "quota was exceeded"', False),
        ("L13: `TypeError` in src/a.py", False),
        ("L13: bad value in src/b.py", False),
        ("3 errors in all", False),
    ],
)
def test_a_note_may_quote_only_what_is_there(note: str, is_true: bool) -> None:
    good, bad = verified([note], SOURCE)
    assert (good, bad) == (([note], []) if is_true else ([], [note]))


def test_of_an_answer_that_was_cut_the_last_note_goes() -> None:
    assert notes_of("- L1: a\n* L2: b\n3. L3: c", cut=False) == ["L1: a", "L2: b", "L3: c"]
    assert notes_of("- L1: a\n- L2: b, and th", cut=True) == ["L1: a"]


async def test_a_short_file_is_condensed_in_one_call(open_pipeline: OpenPipeline, project: Path) -> None:
    pipeline = await open_pipeline(offload=SHORT)
    (project / "a.log").write_text("all is well\nERROR: port 99 taken\n")
    pipeline.ollama.answers.default = Answer("- L2: ERROR: port 99 taken\n- L7: made up")
    outcome = await compress(pipeline, files=("a.log",), focus="ports")
    assert outcome.name == "returned"
    assert outcome.text == "a.log: 2 lines.\n- L2: ERROR: port 99 taken"
    [attempt] = outcome.attempts
    assert attempt.verdict.reason == "quotes: Dropped, because it quotes text that is not there: L7: made up"
    assert "Focus on: ports" in attempt.prompt.messages[1].content


async def test_the_same_again_comes_from_the_cache_until_the_file_changes(
    open_pipeline: OpenPipeline, project: Path
) -> None:
    pipeline = await open_pipeline(offload=SHORT)
    (project / "a.log").write_text("one\n")
    pipeline.ollama.answers.default = Answer("- L1: one")
    first = await compress(pipeline, files=("a.log",))
    again = await compress(pipeline, files=("a.log",))
    assert again.text == first.text
    assert (len(first.attempts), len(again.attempts)) == (1, 0)
    assert len((await compress(pipeline, files=("a.log",), focus="else")).attempts) == 1
    (project / "a.log").write_text("one\ntwo\n")
    assert len((await compress(pipeline, files=("a.log",))).attempts) == 1


async def test_the_cache_knows_a_file_by_its_name_as_well(pipeline: PipelineHarness, project: Path) -> None:
    pipeline.ollama.answers.default = Answer("- the pumps ran normally")
    for name in ("pump-north.log", "pump-south.log"):
        (project / name).write_text("\n".join(log_lines(60, 20)))
    first = await compress(pipeline, files=("pump-north.log",))
    second = await compress(pipeline, files=("pump-south.log",))
    assert first.text == second.text.replace("south", "north")
    assert "pump-south.log" in second.text


async def test_a_digest_without_a_note_is_handed_back_and_not_kept(
    open_pipeline: OpenPipeline, project: Path
) -> None:
    pipeline = await open_pipeline(offload=SHORT)
    pipeline.ollama.answers.default = Answer('- L3: "catastrophic meltdown" at 99999')
    (project / "dull.log").write_text("the pump ran\n" * 60)
    for _ in range(2):
        outcome = await compress(pipeline, files=("dull.log",))
        assert (outcome.name, outcome.code) == ("handed_back", "quote_missing")
        assert "catastrophic meltdown" in outcome.text
        assert outcome.net_tokens < 0
    assert len(pipeline.ollama.outcomes("/api/chat")) == 2
    pipeline.ollama.answers.default = Answer("")
    outcome = await compress(pipeline, files=("dull.log",))
    assert (outcome.name, outcome.code) == ("handed_back", "answer_empty")


async def test_without_contents_no_digest_is_kept(open_pipeline: OpenPipeline, project: Path) -> None:
    pipeline = await open_pipeline(history={"contents": False}, offload=SHORT)
    pipeline.ollama.answers.default = Answer("- the pump ran")
    (project / "dull.log").write_text("the pump ran\n" * 60)
    for _ in range(2):
        assert (await compress(pipeline, files=("dull.log",))).name == "returned"
    assert len(pipeline.ollama.outcomes("/api/chat")) == 2
    assert not (find_folders().cache / "digests").exists()


async def test_a_long_text_leaves_room_in_the_queue(open_pipeline: OpenPipeline, project: Path) -> None:
    pipeline = await open_pipeline(offload={"queue_limit": 1})
    pipeline.ollama.answers.default = Answer("- words")
    parts = (f"## Part {n}\n\n{'Many words about this part. ' * 40}\n\n" for n in range(300))
    (project / "long.md").write_text("".join(parts))
    outcome = await compress(pipeline, files=("long.md",))
    assert outcome.name == "returned", outcome.text
    assert len(pipeline.ollama.outcomes("/api/chat")) > 12


async def test_many_notes_are_merged_in_levels_down_to_the_length(
    pipeline: PipelineHarness, project: Path
) -> None:
    text = "".join(f"## Part {n}\n\n{'Many words about this part. ' * 40}\n\n" for n in range(60))
    (project / "long.md").write_text(text)
    pipeline.ollama.answers.choose(
        lambda prompt, _: (
            Answer("- L1: ## Part 0")
            if "notes on parts" in prompt
            else Answer("\n".join(f"- {'Many words about this part. ' * 6}" for _ in range(5)))
        )
    )
    pipeline.ollama.models["qwen2.5-coder:0.5b"] = type(pipeline.ollama.models["qwen2.5-coder:0.5b"])(
        context_length=4096
    )
    outcome = await compress(pipeline, files=("long.md",), max_length=500)
    assert outcome.name == "returned", outcome.text
    assert len(outcome.text) <= 500
    kinds = [attempt.prompt.kind for attempt in outcome.attempts]
    assert kinds.count("compress") > 3
    assert "reduce" in kinds


async def test_notes_name_their_file_where_there_are_several(
    open_pipeline: OpenPipeline, project: Path
) -> None:
    pipeline = await open_pipeline(offload=SHORT)
    (project / "a.log").write_text("one\n")
    (project / "b.log").write_text("one\n")
    pipeline.ollama.answers.default = Answer("- L1: one")
    outcome = await compress(pipeline, files=("*.log",))
    assert "- a.log L1: one\n- b.log L1: one" in outcome.text


@pytest.mark.parametrize(
    ("count", "max_length", "said"),
    [
        (47, 2000, "A digest of up to 2,000 characters saves nothing of the file's 1,504. "
         "The text is short: read it yourself."),
        (300, 20_000, "A digest of up to 20,000 characters saves nothing of the file's 9,600. "
         "The text is short: read it yourself, or pass a smaller max_length."),
        (300, 2000, ""),
        (47, 200, ""),
    ],
)  # fmt: skip
async def test_what_is_shorter_than_its_digest_is_refused_without_asking_the_model(
    pipeline: PipelineHarness, project: Path, count: int, max_length: int, said: str
) -> None:
    (project / "a.md").write_text("31 characters stand on a line.\n" * count + "x" * count)
    pipeline.ollama.answers.default = Answer("- L1: 31 characters")
    outcome = await compress(pipeline, files=("a.md",), max_length=max_length)
    assert outcome.text == f"would_lose: {said}" if said else outcome.name == "returned"
    assert bool(pipeline.ollama.outcomes("/api/chat")) is not bool(said)


def test_a_note_that_stands_word_for_word_beside_it_is_left_out() -> None:
    literal = ["L8: ERROR disk full", "a.log L9: FATAL out of room [x3, last L30]"]
    notes = [
        "L8: ERROR disk full", "L8: `disk full`.", "L7: ERROR disk full", "The disk is full",
        "a.log L9: FATAL out of room", "b.log L9: FATAL out of room",
    ]  # fmt: skip
    assert without_repeated(notes, literal) == [
        "L7: ERROR disk full", "The disk is full", "b.log L9: FATAL out of room"
    ]  # fmt: skip


async def test_a_digest_says_no_line_twice(pipeline: PipelineHarness, project: Path) -> None:
    lines = log_lines(400, 100)
    (project / "a.log").write_text("\n".join(lines))
    pipeline.ollama.answers.default = Answer(f"- L100: {PLANTED}\n- Workers finish jobs.")
    outcome = await compress(pipeline, files=("a.log",), max_length=600)
    assert outcome.text.count(PLANTED) == 1
    assert "- Workers finish jobs." in outcome.text


@pytest.mark.parametrize(
    ("wanted", "code"),
    [
        ({}, "bad_arguments"),
        ({"files": ("a.log",), "content": "x"}, "bad_arguments"),
        ({"files": ("none.log",)}, "path_not_found"),
        ({"files": ("../x.log",)}, "path_outside_roots"),
        ({"content": "some words " * 4000}, "would_lose"),
    ],
)
async def test_bad_calls_are_refused(
    pipeline: PipelineHarness, project: Path, wanted: dict[str, object], code: str
) -> None:
    (project / "a.log").write_text("one\n")
    outcome = await compress(pipeline, **wanted)
    assert (outcome.name, outcome.code) == ("failed", code)


async def test_an_engine_that_fails_in_one_part_fails_the_call(
    pipeline: PipelineHarness, project: Path
) -> None:
    (project / "long.md").write_text("words and words\n" * 4000)
    pipeline.ollama.answers.default = Answer("- L1: words", ends="error")
    outcome = await compress(pipeline, files=("long.md",))
    assert (outcome.name, outcome.code) == ("failed", "backend_failed")


async def test_a_long_log_on_a_small_context_gives_its_one_error_with_its_line(
    pipeline: PipelineHarness, project: Path
) -> None:
    lines = log_lines(40_000, 27_182)
    (project / "big.log").write_text("\n".join(lines) + "\n")
    pipeline.ollama.models["qwen2.5-coder:0.5b"] = type(pipeline.ollama.models["qwen2.5-coder:0.5b"])(
        context_length=4096
    )
    pipeline.ollama.answers.default = Answer("- Workers finish jobs; users log in.")
    outcome = await compress(pipeline, files=("big.log",), max_length=1500)
    assert outcome.name == "returned", outcome.text
    assert f"L27182: {PLANTED}" in outcome.text
    assert len(outcome.text) <= 1500
    assert len(outcome.attempts) < 30


@pytest.mark.parametrize("lines", [400, 4000])
async def test_what_claude_would_have_read_of_a_log_is_spared(
    pipeline: PipelineHarness, project: Path, lines: int
) -> None:
    log = "\n".join(log_lines(lines, 100))
    (project / "service.log").write_text(log)
    pipeline.ollama.answers.default = Answer("- Workers finish jobs; users log in.")
    outcome = await compress(pipeline, files=("service.log",))
    detail = await pipeline.history.get(outcome.offload_id)
    assert detail is not None
    assert detail.receipt is not None
    # Claude Code's Read returns 25,000 tokens at most.
    assert detail.receipt.spared_input == min(25_000, int(estimate_tokens(log, "B") + 0.5))
    assert detail.receipt.net_tokens > 0


async def test_what_claude_passed_itself_is_not_spared(pipeline: PipelineHarness) -> None:
    pipeline.ollama.answers.default = Answer("- Workers finish jobs; users log in.")
    outcome = await compress(pipeline, content="\n".join(log_lines(400, 100)))
    detail = await pipeline.history.get(outcome.offload_id)
    assert detail is not None
    assert detail.receipt is not None
    assert detail.receipt.spared_input == 0
    assert detail.receipt.net_tokens < 0


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="the peak is read from Linux's /proc")
def test_a_log_of_20_mb_gives_its_one_error_and_keeps_the_hub_under_300_mb() -> None:
    """With a hub of its own and a context of 4,096 tokens, asked over HTTP; the bench fails otherwise."""
    run = subprocess.run(
        [sys.executable, "-m", "tests.bench.compress"],
        cwd=Path(__file__).parents[2],
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.returncode == 0, run.stdout + run.stderr
    assert "planted error quoted with its line number" in run.stdout
