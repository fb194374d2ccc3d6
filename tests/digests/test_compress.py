"""``compress_context``: digests without a model, backed sentences with one, kept texts, the cache."""

import os
import random
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest

from server.config.folders import find_folders
from server.digests.compress.reply import ANSWER_HEAD
from server.digests.kept import KeptTexts
from server.ledger.habits import PUBLIC
from server.ledger.terms import Terms
from server.ledger.tokens import estimate_tokens
from server.offload.values import Caller, Compression, Outcome
from server.store.records import SHELL
from tests.pipeline_harness import OpenPipeline, PipelineHarness
from tests.standins.answers import Answer

pytestmark = pytest.mark.anyio

SHORT = {"allow_losing": True}
"""The setting of tests whose files are shorter than is worth a digest."""
QUESTION = "Which worker failed, and why?"
CAUSE = "worker 2 failed: disk quota exceeded on /var/data (job 90210)"
PLANTED = f"2026-03-04 13:00:01 ERROR {CAUSE}"


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


def quoted(number: int, text: str) -> bool:
    """Whether a digest quotes the planted line with its number."""
    return any(line.startswith(f"L{number}: ") and CAUSE in line for line in text.splitlines())


def calls_of_the_model(pipeline: PipelineHarness) -> int:
    return len(pipeline.ollama.outcomes("/api/chat"))


async def test_a_log_is_digested_without_the_model(pipeline: PipelineHarness, project: Path) -> None:
    (project / "big.log").write_text("\n".join(log_lines(40_000, 27_182)) + "\n")
    outcome = await compress(pipeline, files=("big.log",), max_length=1500)
    assert outcome.name == "returned", outcome.text
    assert quoted(27_182, outcome.text)
    assert outcome.text.startswith("big.log: ")
    assert len(outcome.text) <= 1500
    assert calls_of_the_model(pipeline) == 0


async def test_a_question_is_answered_from_the_facts(pipeline: PipelineHarness, project: Path) -> None:
    (project / "a.log").write_text("\n".join(log_lines(2_000, 1_500)))
    pipeline.ollama.answers.default = Answer("[1] worker 2 failed: disk quota exceeded on /var/data\n")
    outcome = await compress(pipeline, files=("a.log",), focus=QUESTION)
    assert f"{ANSWER_HEAD}\n- L1500: worker 2 failed: disk quota exceeded on /var/data" in outcome.text
    [attempt] = outcome.attempts
    asked = attempt.prompt.messages[0].content
    assert f"Question: {QUESTION}" in asked
    assert CAUSE in asked
    assert len(asked) < 3_000, "the model sees the facts, not the log"
    assert attempt.verdict.passed


async def test_a_sentence_without_backing_is_dropped_and_its_line_quoted(
    pipeline: PipelineHarness, project: Path
) -> None:
    (project / "a.log").write_text("\n".join(log_lines(2_000, 1_500)))
    pipeline.ollama.answers.default = Answer("[1] worker 3 failed\n[1] the disk is broken\nWorkers are fine.")
    outcome = await compress(pipeline, files=("a.log",), focus=QUESTION, max_length=600)
    assert f"{ANSWER_HEAD}\n- L1500: {PLANTED}" in outcome.text
    for false in ("worker 3 failed", "broken", "fine"):
        assert false not in outcome.text
    [attempt] = outcome.attempts
    assert attempt.verdict.reason == "backed: Dropped, because no fact supports it: worker 3 failed"


async def test_without_an_engine_the_digest_is_returned_all_the_same(
    open_pipeline: OpenPipeline, project: Path
) -> None:
    pipeline = await open_pipeline(backend={"kind": "ollama", "url": "http://127.0.0.1:9"})
    (project / "a.log").write_text("\n".join(log_lines(2_000, 1_500)))
    for focus, said in (("", False), (QUESTION, True)):
        outcome = await compress(pipeline, files=("a.log",), focus=focus)
        assert outcome.name == "returned"
        assert CAUSE in outcome.text
        assert ("(The local model did not answer: backend_unreachable.)" in outcome.text) is said


async def test_an_engine_that_fails_leaves_the_digest(pipeline: PipelineHarness, project: Path) -> None:
    (project / "a.log").write_text("\n".join(log_lines(2_000, 1_500)))
    pipeline.ollama.answers.default = Answer("[1] worker", ends="error")
    outcome = await compress(pipeline, files=("a.log",), focus=QUESTION)
    assert outcome.name == "returned"
    assert CAUSE in outcome.text
    assert "(The local model did not answer: backend_failed.)" in outcome.text


async def test_an_answer_that_takes_too_long_is_not_awaited(pipeline: PipelineHarness, project: Path) -> None:
    (project / "a.log").write_text("\n".join(log_lines(2_000, 1_500)))
    pipeline.ollama.answers.default = Answer("[1] worker 2 failed", first_delay=30)
    began = time.monotonic()
    outcome = await compress(pipeline, files=("a.log",), focus=QUESTION, patience=0.5)
    assert time.monotonic() - began < 15
    assert "(The local model did not answer: time limit of 0 s.)" in outcome.text
    assert CAUSE in outcome.text


async def test_the_same_question_is_answered_from_the_cache_until_the_file_changes(
    pipeline: PipelineHarness, project: Path
) -> None:
    lines = log_lines(2_000, 1_500)
    (project / "a.log").write_text("\n".join(lines))
    pipeline.ollama.answers.default = Answer("[1] worker 2 failed")
    first = await compress(pipeline, files=("a.log",), focus=QUESTION)
    again = await compress(pipeline, files=("a.log",), focus=QUESTION)
    assert "- L1500: worker 2 failed" in first.text
    assert again.text.splitlines()[:-1] == first.text.splitlines()[:-1]
    assert (len(first.attempts), len(again.attempts)) == (1, 0)
    assert len((await compress(pipeline, files=("a.log",), focus=f"{QUESTION} When?")).attempts) == 1
    lines[700] = PLANTED.replace("worker 2", "worker 5")
    (project / "a.log").write_text("\n".join(lines))
    assert len((await compress(pipeline, files=("a.log",), focus=QUESTION)).attempts) == 1


async def test_prose_is_read_by_the_model_and_code_only_for_a_question(
    pipeline: PipelineHarness, project: Path
) -> None:
    text = "".join(f"# Part {n}\n\nThe pump of part {n} needs {n + 3} bar.\n\n" for n in range(200))
    (project / "manual.md").write_text(text)
    pipeline.ollama.answers.default = Answer("[2] The pump of part 0 needs 3 bar.")
    outcome = await compress(pipeline, files=("manual.md",))
    assert "- L3: The pump of part 0 needs 3 bar." in outcome.text
    code = "".join(f"def step_{n}(value):\n    return value + {n}\n\n\n" for n in range(200))
    (project / "steps.py").write_text(code)
    before = calls_of_the_model(pipeline)
    assert "Python: 200 function" in (await compress(pipeline, files=("steps.py",))).text
    assert calls_of_the_model(pipeline) == before
    pipeline.ollama.answers.default = Answer("[1] return value + 77")
    outcome = await compress(pipeline, files=("steps.py",), focus="What does step_77 return?")
    assert "return value + 77" in outcome.text


async def test_each_text_has_its_digest_and_its_handle(pipeline: PipelineHarness, project: Path) -> None:
    (project / "a.log").write_text("\n".join(log_lines(2_000, 1_500)))
    (project / "b.log").write_text("\n".join(log_lines(300, 30)))
    outcome = await compress(pipeline, files=("*.log",))
    assert "a.log: " in outcome.text
    assert "b.log: " in outcome.text
    assert outcome.text.count("full text: digest kept:") == 2
    assert len(outcome.text) <= 2_000
    assert len(outcome.text) > 1_500, "unused room goes to further facts"


async def test_of_many_files_those_that_a_focus_asks_about_are_digested(
    open_pipeline: OpenPipeline, project: Path
) -> None:
    pipeline = await open_pipeline(offload=SHORT)
    for number in range(40):
        (project / f"part{number:02}.txt").write_text(f"record {number} of the archive\n" * 30)
    (project / "part33.txt").write_text("the valve of record 33 leaks\n" * 30)
    outcome = await compress(pipeline, files=("*.txt",), focus="valve")
    assert "part33.txt: " in outcome.text
    assert "the valve of record 33 leaks" in outcome.text
    assert "(30 more files without a digest for lack of room)" in outcome.text


async def test_without_contents_nothing_is_kept(open_pipeline: OpenPipeline, project: Path) -> None:
    pipeline = await open_pipeline(history={"contents": False})
    (project / "a.log").write_text("\n".join(log_lines(2_000, 1_500)))
    pipeline.ollama.answers.default = Answer("[1] worker 2 failed")
    for _ in range(2):
        outcome = await compress(pipeline, files=("a.log",), focus=QUESTION)
        assert "kept:" not in outcome.text
    assert calls_of_the_model(pipeline) == 2
    assert not (find_folders().cache / "digests").exists()
    assert not find_folders().kept_texts.exists()


def handle_in(text: str) -> str:
    [last] = [line for line in text.splitlines() if line.startswith("full text: ")]
    return last.removeprefix("full text: digest ").partition(",")[0]


async def test_a_handle_gives_lines_of_the_text_as_it_was(pipeline: PipelineHarness, project: Path) -> None:
    lines = log_lines(2_000, 1_500)
    (project / "a.log").write_text("\n".join(lines))
    handle = handle_in((await compress(pipeline, files=("a.log",))).text)
    (project / "a.log").write_text("rotated\n")
    outcome = await compress(pipeline, files=(f"{handle}:1499-1501",))
    assert outcome.text == "\n".join(lines[1498:1501])
    outcome = await compress(pipeline, files=(handle,), focus="quota")
    assert outcome.text == f"L1500: {PLANTED}"
    outcome = await compress(pipeline, files=(f"{handle}:1-100",), focus="mallory", max_length=400)
    assert all(line.startswith("L") and "mallory" in line for line in outcome.text.splitlines()[:-1])
    assert outcome.text.splitlines()[-1].endswith(" more lines match)")
    assert len(outcome.text) <= 400
    outcome = await compress(pipeline, files=(f"{handle}:5000-5001",))
    assert (outcome.name, outcome.code) == ("failed", "not_found")
    outcome = await compress(pipeline, files=(handle,))
    assert CAUSE in outcome.text
    assert handle_in(outcome.text) == handle
    assert calls_of_the_model(pipeline) == 0


async def test_a_handle_opens_for_its_project_alone(
    pipeline: PipelineHarness, project: Path, tmp_path: Path
) -> None:
    (project / "a.log").write_text("\n".join(log_lines(2_000, 1_500)))
    handle = handle_in((await compress(pipeline, files=("a.log",))).text)
    other = tmp_path / "other"
    other.mkdir()
    pipeline.caller = Caller("tests", "s2", other, (other,))
    outcome = await compress(pipeline, files=(f"{handle}:1-2",))
    assert (outcome.name, outcome.code) == ("failed", "not_found")
    assert "This project has no kept text" in outcome.text


async def test_a_removed_text_says_so(pipeline: PipelineHarness, project: Path) -> None:
    (project / "a.log").write_text("\n".join(log_lines(2_000, 1_500)))
    handle = handle_in((await compress(pipeline, files=("a.log",))).text)
    KeptTexts(find_folders().kept_texts, most_days=-1).prune()
    outcome = await compress(pipeline, files=(handle,))
    assert outcome.code == "not_found"
    assert "was removed" in outcome.text


async def test_a_kept_copy_of_a_file_that_may_no_longer_be_read_stays_closed(
    open_pipeline: OpenPipeline, project: Path
) -> None:
    (project / "a.log").write_text("\n".join(log_lines(2_000, 1_500)))
    first = await open_pipeline()
    handle = handle_in((await compress(first, files=("a.log",))).text)
    second = await open_pipeline(paths={"never_read": ["*.log"]})
    outcome = await compress(second, files=(f"{handle}:1-2",))
    assert (outcome.name, outcome.code) == ("failed", "path_protected")


async def test_secrets_are_not_kept(pipeline: PipelineHarness, project: Path) -> None:
    secret = "ghp_" + "a1B2c3D4e5" * 3 + "a1B2c3"
    lines = log_lines(2_000, 1_500)
    lines[99] = f"token {secret}"
    (project / "a.log").write_text("\n".join(lines))
    handle = handle_in((await compress(pipeline, files=("a.log",))).text)
    outcome = await compress(pipeline, files=(f"{handle}:99-101",))
    assert secret not in outcome.text
    assert outcome.text.splitlines()[0] == lines[98]
    assert outcome.text.splitlines()[2] == lines[100]


@pytest.mark.parametrize(
    ("count", "max_length", "said"),
    [
        (47, 2000, "The file has 1,504 characters; a digest of up to 2,000 saves nothing. "
         "Read it yourself: the text is short."),
        (300, 20_000, "The file has 9,600 characters; a digest of up to 20,000 saves nothing. "
         "Read it yourself, or pass a smaller max_length: the text is short."),
        (300, 2000, ""),
        (47, 200, ""),
    ],
    ids=["short", "short for the length", "long", "long for the length"],
)  # fmt: skip
async def test_what_is_shorter_than_its_digest_is_refused(
    pipeline: PipelineHarness, project: Path, count: int, max_length: int, said: str
) -> None:
    (project / "a.txt").write_text("31 characters stand on a line.\n" * count + "x" * count)
    outcome = await compress(pipeline, files=("a.txt",), max_length=max_length)
    assert outcome.text == f"would_lose: {said}" if said else outcome.name == "returned"


async def test_a_short_file_is_digested_for_the_user(pipeline: PipelineHarness, project: Path) -> None:
    (project / "a.log").write_text("all is well\nERROR: port 99 taken\n")
    pipeline.caller = replace(pipeline.caller, client=SHELL)
    outcome = await compress(pipeline, files=("a.log",))
    assert "L2: ERROR: port 99 taken" in outcome.text
    assert "kept:" not in outcome.text


@pytest.mark.parametrize("encoding", ["utf-16", "utf-8-sig", "utf-8"])
async def test_a_log_that_powershell_wrote_is_text(
    open_pipeline: OpenPipeline, project: Path, encoding: str
) -> None:
    pipeline = await open_pipeline(offload=SHORT)
    (project / "windows.log").write_bytes("first\r\nERROR second é\r\n".encode(encoding))
    assert "L2: ERROR second é" in (await compress(pipeline, files=("windows.log",))).text


@pytest.mark.parametrize(
    ("wanted", "code"),
    [
        ({}, "bad_arguments"),
        ({"files": ("a.log",), "content": "x"}, "bad_arguments"),
        ({"files": ("none.log",)}, "path_not_found"),
        ({"files": ("../x.log",)}, "path_outside_roots"),
        ({"files": ("b.bin",)}, "binary_file"),
        ({"files": ("kept:12",)}, "bad_arguments"),
        ({"files": ("kept:0123456789abcdef",)}, "not_found"),
        ({"content": "some words " * 4000}, "would_lose"),
    ],
    ids=["nothing", "both", "missing", "outside", "binary", "malformed handle", "unknown handle", "inline"],
)
async def test_bad_calls_are_refused(
    pipeline: PipelineHarness, project: Path, wanted: dict[str, object], code: str
) -> None:
    (project / "a.log").write_text("one\n")
    (project / "b.bin").write_bytes(b"abc\0def" * 900)
    outcome = await compress(pipeline, **wanted)
    assert (outcome.name, outcome.code) == ("failed", code)


async def test_what_claude_passed_itself_is_not_spared(pipeline: PipelineHarness) -> None:
    outcome = await compress(pipeline, content="\n".join(log_lines(40, 10)))
    detail = await pipeline.history.get(outcome.offload_id)
    assert detail is not None
    assert detail.receipt is not None
    assert detail.receipt.spared_input == 0
    assert detail.receipt.net_tokens < 0


@pytest.mark.parametrize("lines", [400, 4000])
async def test_of_a_log_the_tail_is_spared_that_claude_reads_by_habit(
    pipeline: PipelineHarness, project: Path, lines: int
) -> None:
    log = "\n".join(log_lines(lines, 100))
    (project / "service.log").write_text(log)
    outcome = await compress(pipeline, files=("service.log",))
    detail = await pipeline.history.get(outcome.offload_id)
    assert detail is not None
    assert detail.receipt is not None
    assert detail.receipt.spared_input == PUBLIC.tail_tokens
    terms = Terms.from_json(detail.receipt.terms)
    assert terms is not None
    assert terms.assumed.input_least == PUBLIC.tail_tokens
    assert terms.assumed.input_most == min(25_000, int(estimate_tokens(log, "B") + 0.5))


async def test_of_a_document_as_much_is_spared_as_claude_reads_at_once(
    pipeline: PipelineHarness, project: Path
) -> None:
    code = "".join(f"def step_{n}(value):\n    return value + {n}\n\n\n" for n in range(4_000))
    (project / "steps.py").write_text(code)
    outcome = await compress(pipeline, files=("steps.py",))
    detail = await pipeline.history.get(outcome.offload_id)
    assert detail is not None
    assert detail.receipt is not None
    # Claude Code's Read returns 25,000 tokens at most.
    assert detail.receipt.spared_input == min(25_000, int(estimate_tokens(code, "B") + 0.5))
    assert detail.receipt.net_tokens > 0


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="the peak is read from Linux's /proc")
def test_real_outputs_keep_their_facts_and_a_large_log_keeps_the_hub_under_300_mb() -> None:
    """With a hub of its own and no engine, asked over HTTP; the bench fails otherwise.

    ``TOKEN_SAVER_TEST_LOG_MEGABYTES=20`` is the long form.
    """
    size = os.environ.get("TOKEN_SAVER_TEST_LOG_MEGABYTES", "5")
    run = subprocess.run(
        [sys.executable, "-m", "tests.bench.compress", "--megabytes", size],
        cwd=Path(__file__).parents[2],
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.returncode == 0, run.stdout + run.stderr
