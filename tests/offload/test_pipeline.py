"""One offload end to end, on a stand-in for Ollama: the file, the history, the caller's reply."""

import asyncio
import hashlib
from pathlib import Path

import pytest

from server.common.errors import NotFound
from server.common.events import OffloadEnded, OffloadQueued, OffloadStage, OffloadText
from tests.pipeline_harness import OpenPipeline, PipelineHarness
from tests.standins.answers import Answer
from tests.standins.serving import eventually

pytestmark = pytest.mark.anyio

SLUGIFY = (
    'import re\n\n\ndef slugify(text):\n    return re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-")\n'
)


def fenced(code: str, language: str = "python") -> str:
    return f"```{language}\n{code}```"


@pytest.mark.fast
async def test_a_task_with_an_output_leaves_a_checked_file_and_a_short_digest(
    pipeline: PipelineHarness, project: Path
) -> None:
    pipeline.ollama.answers.when("slugify", Answer(fenced(SLUGIFY)))
    outcome = await pipeline.run("Write a Python function slugify(text).", output="src/slug.py")
    assert outcome.name == "delivered", outcome.text
    assert (project / "src/slug.py").read_text() == SLUGIFY
    assert len(outcome.text) <= 400
    for part in ("src/slug.py", "+5 -0 (new)", "slugify", "parses", "net ", outcome.offload_id):
        assert part in outcome.text


@pytest.mark.fast
async def test_the_history_records_the_attempt_and_the_result(
    pipeline: PipelineHarness, project: Path
) -> None:
    pipeline.ollama.answers.when("slugify", Answer(fenced(SLUGIFY)))
    outcome = await pipeline.run("Write slugify(text).", output="slug.py")
    detail = await pipeline.history.get(outcome.offload_id)
    assert detail is not None
    assert detail.row.outcome == "delivered"
    assert detail.row.net_tokens == outcome.net_tokens
    assert detail.row.model == "qwen2.5-coder:0.5b"
    assert detail.undo is not None
    assert detail.undo.before is None
    assert detail.undo.after_digest == hashlib.sha256((project / "slug.py").read_bytes()).hexdigest()
    assert "+def slugify(text):" in detail.diff
    [attempt] = detail.attempts
    assert attempt.kind == "generate"
    assert attempt.prompt[0]["role"] == "system"
    assert "slugify" in attempt.prompt[1]["content"]
    assert [check.name for check in attempt.checks][:3] == ["complete", "content", "parses"]


async def test_damaged_characters_are_handed_back(pipeline: PipelineHarness, project: Path) -> None:
    pipeline.ollama.answers.default = Answer('```python\ndef f():\n    return "\ufffd\ufffd"\n```')
    outcome = await pipeline.run("Write f().", output="f.py")
    assert (outcome.name, outcome.code) == ("handed_back", "damaged_characters")
    assert list(project.iterdir()) == []


async def test_damaged_characters_of_the_source_may_stay(pipeline: PipelineHarness, project: Path) -> None:
    (project / "a.py").write_text('BAD = "\ufffd"\n')
    pipeline.ollama.answers.default = Answer('```python\nWORSE = BAD = "\ufffd"\n```')
    outcome = await pipeline.run("Add the name WORSE.", files=("a.py",), output="a.py")
    assert outcome.name == "delivered"


async def test_every_stage_is_an_event(pipeline: PipelineHarness) -> None:
    pipeline.ollama.answers.when("slugify", Answer(fenced(SLUGIFY), delay=0.005))
    await pipeline.run("Write slugify(text).", output="slug.py")
    stages = [event.stage for event in pipeline.events if isinstance(event, OffloadStage)]
    assert [s for s in stages if s != "load"] == [
        "read", "fit", "queue", "prompt", "generate", "check", "deliver"
    ] or "load" in stages  # fmt: skip
    texts = [event for event in pipeline.events if isinstance(event, OffloadText)]
    assert "".join(event.text for event in texts) == fenced(SLUGIFY)
    assert isinstance(pipeline.events[0], OffloadQueued)
    [ended] = [event for event in pipeline.events if isinstance(event, OffloadEnded)]
    assert ended.outcome == "delivered"


async def test_without_an_output_the_text_itself_is_returned(
    pipeline: PipelineHarness, project: Path
) -> None:
    (project / "a.txt").write_text("one\ntwo\n")
    pipeline.ollama.answers.when("Summarise", Answer("Two lines."))
    outcome = await pipeline.run("Summarise it.", files=("a.txt",), output_format="explanation")
    assert outcome.name == "returned"
    assert outcome.text == "Two lines."
    pipeline.ollama.answers.when("Summarise", Answer("".join(f"Sentence {n}. " for n in range(200))))
    long = await pipeline.run("Summarise it.", files=("a.txt",), output_format="explanation")
    assert "Pass `output`" in long.text


@pytest.mark.fast
async def test_a_bad_answer_is_repaired_with_the_precise_error(
    pipeline: PipelineHarness, project: Path
) -> None:
    pipeline.ollama.answers.when("Write twice", Answer(fenced("def twice(x)\n    return 2 * x\n")))
    pipeline.ollama.answers.when("expected ':'", Answer(fenced("def twice(x):\n    return 2 * x\n")))
    outcome = await pipeline.run("Write twice(x).", output="twice.py")
    assert outcome.name == "delivered", outcome.text
    assert "1 failed try" in outcome.text
    assert [attempt.number for attempt in outcome.attempts] == [1, 2]
    asked_again = outcome.attempts[1].prompt.messages
    assert [message.role for message in asked_again] == ["system", "user", "assistant", "user"]
    assert "Line 1: expected ':'" in asked_again[-1].content
    assert (project / "twice.py").read_text() == "def twice(x):\n    return 2 * x\n"


@pytest.mark.fast
async def test_after_the_last_repair_the_task_is_handed_back_and_nothing_is_written(
    pipeline: PipelineHarness, project: Path
) -> None:
    pipeline.ollama.answers.when("Write twice", Answer(fenced("def twice(x)\n    return 2 * x\n")))
    outcome = await pipeline.run("Write twice(x).", output="new/twice.py")
    assert (outcome.name, outcome.code) == ("handed_back", "does_not_parse")
    assert len(outcome.attempts) == 3
    assert len(outcome.text) <= 400
    assert "Line 1" in outcome.text
    assert f"3 tries, the best is no. 3 in the history under {outcome.offload_id}" in outcome.text
    assert list(project.iterdir()) == []
    assert outcome.net_tokens < 0


async def test_each_round_is_warmer_and_a_repeated_answer_is_not_shown_again(
    pipeline: PipelineHarness, project: Path
) -> None:
    bad = fenced("def twice(x)\n    return 2 * x\n")
    pipeline.ollama.answers.when("Write twice", Answer(bad))
    outcome = await pipeline.run("Write twice(x).", output="twice.py")
    rounds = [[message.role for message in each.prompt.messages] for each in outcome.attempts]
    assert rounds == [["system", "user"], ["system", "user", "assistant", "user"], ["system", "user"]]
    last = outcome.attempts[2].prompt.messages[1].content
    assert last.startswith(outcome.attempts[0].prompt.messages[1].content)
    assert "expected ':'" in last
    assert "2 * x" not in last.partition("Write twice(x).")[0]
    warmth = [body["options"]["temperature"] for body in pipeline.ollama.bodies("/api/chat")]
    assert warmth == pytest.approx([0.2, 0.5, 0.8])


@pytest.mark.parametrize(
    "repeated",
    [
        "print(twice(2) == 4)  # True\n",
        "def test_twice():\n" + "".join(f"    assert twice({n}) == {2 * n}\n" for n in range(20)) + "\n",
    ],
    ids=["line", "function"],
)
async def test_an_endlessly_repeating_answer_is_stopped_and_asked_for_again(
    pipeline: PipelineHarness, project: Path, repeated: str
) -> None:
    circle = "def twice(x):\n    return 2 * x\n\n" + repeated * 200
    pipeline.ollama.answers.when("Write twice", Answer(f"```python\n{circle}", ends="endless"))
    pipeline.ollama.answers.when("repeats itself", Answer(fenced("def twice(x):\n    return 2 * x\n")))
    outcome = await pipeline.run("Write twice(x).", output="twice.py")
    assert outcome.name == "delivered", outcome.text
    assert outcome.attempts[0].verdict.reason.startswith("complete: The answer repeats itself")
    assert len(outcome.attempts[0].generation.text) < 6_000
    await eventually(lambda: pipeline.ollama.outcomes("/api/chat") == ["dropped", "answered"])


async def test_digits_without_end_are_stopped_early(pipeline: PipelineHarness, project: Path) -> None:
    digits = Answer(tokens=tuple("```python\nLIMIT = " + "1234567890" * 200), ends="endless")
    pipeline.ollama.answers.when("Write LIMIT", digits)
    again = Answer(fenced("LIMIT = 12\n"), prompt_tokens=900)  # the stand-in would count the digits as one
    pipeline.ollama.answers.when("repeats itself", again)
    outcome = await pipeline.run("Write LIMIT.", output="limit.py")
    assert outcome.name == "delivered", outcome.text
    assert len(outcome.attempts[0].generation.text) < 1_000


async def test_an_answer_that_copies_the_file_instead_of_editing_it_is_stopped(
    pipeline: PipelineHarness, project: Path
) -> None:
    functions = "\n".join(
        f"def rate_{number}(amount):\n    return amount * {number}\n" for number in range(600)
    )
    (project / "rates.py").write_text(f"LIMIT = 3\n\n{functions}\nprint(LIMIT)\n")
    edit = "<<<<<<< SEARCH\nLIMIT = 3\n=======\nLIMIT = 5\n>>>>>>> REPLACE\n"
    pipeline.ollama.answers.when("LIMIT to 5", Answer(f"```python\n{functions}```"))
    pipeline.ollama.answers.when("copies the file", Answer(edit))
    outcome = await pipeline.run("Change LIMIT to 5.", files=("rates.py",), output="rates.py")
    assert outcome.name == "delivered", outcome.text
    assert outcome.attempts[0].verdict.reason.startswith("complete: The answer copies the file")
    assert len(outcome.attempts[0].generation.text) < 4_000
    assert (project / "rates.py").read_text().startswith("LIMIT = 5\n\ndef rate_0")


async def test_thoughts_may_copy_the_file_before_an_edit(pipeline: PipelineHarness, project: Path) -> None:
    functions = "\n".join(
        f"def rate_{number}(amount):\n    return amount * {number}\n" for number in range(600)
    )
    (project / "rates.py").write_text(f"LIMIT = 3\n\n{functions}\nprint(LIMIT)\n")
    edit = "<<<<<<< SEARCH\nLIMIT = 3\n=======\nLIMIT = 5\n>>>>>>> REPLACE\n"
    pipeline.ollama.answers.when("LIMIT to 5", Answer(edit, thinking=functions[:9_000]))
    outcome = await pipeline.run("Change LIMIT to 5.", files=("rates.py",), output="rates.py")
    assert (outcome.name, len(outcome.attempts)) == ("delivered", 1), outcome.text


async def test_repetition_in_the_file_is_allowed_in_the_answer(
    pipeline: PipelineHarness, project: Path
) -> None:
    rows = "    (0, 0, 0, 0, 0, 0, 0, 0),\n" * 130
    (project / "rows.py").write_text(f"LIMIT = 1\nROWS = (\n{rows})\n")
    pipeline.ollama.answers.default = Answer(fenced(f"LIMIT = 2\nROWS = (\n{rows})\n"))
    outcome = await pipeline.run("Set the limit to 2.", files=("rows.py",), output="rows.py")
    assert outcome.name == "delivered", outcome.text


async def test_the_prompt_outlines_the_file_around_a_selected_part(
    pipeline: PipelineHarness, project: Path
) -> None:
    (project / "a.py").write_text(
        "import re\n\n\ndef one(x):\n    return 11\n\n\ndef two(x):\n    return 22\n"
    )
    pipeline.ollama.answers.default = Answer(fenced("from a import two\n\nprint(two(1))\n"))
    outcome = await pipeline.run("Print two of 1.", files=("a.py::two",), output="use.py")
    prompt = outcome.attempts[0].prompt.messages[1].content
    assert "return 22" in prompt
    assert "import re" in prompt
    assert "def one(x)" in prompt
    assert "return 11" not in prompt


@pytest.mark.parametrize(
    ("answer", "code"),
    [
        (Answer("", thinking="Let me think about it. " * 5), "only_thinking"),
        (Answer("<think>Hmm, so I have to</think>"), "only_thinking"),
        (Answer(""), "answer_empty"),
        (Answer("def f():\n" + "".join(f"    x{n} = {n * n}\n" for n in range(9000))), "answer_cut"),
    ],
)
async def test_an_unusable_answer_is_never_a_success(
    open_pipeline: OpenPipeline, project: Path, answer: Answer, code: str
) -> None:
    pipeline = await open_pipeline(offload={"max_output_tokens": 512})
    pipeline.ollama.answers.default = answer
    outcome = await pipeline.run("Write f().", output="f.py")
    assert (outcome.name, outcome.code) == ("handed_back", code)
    assert not (project / "f.py").exists()


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        ({"files": ("../outside.txt",)}, "path_outside_roots"),
        ({"files": ("missing.py",)}, "path_not_found"),
        ({"files": ("*.nothing",)}, "path_not_found"),
        ({"files": ("binary.bin",)}, "binary_file"),
        ({"files": ("folder",)}, "not_a_file"),
        ({"files": ("big.txt",)}, "file_too_large"),
        ({"files": ("a.py::nothing",)}, "selection_not_found"),
        ({"output": "/etc/passwd"}, "path_outside_roots"),
        ({"output": ".git/config"}, "path_protected"),
        ({"output": "folder"}, "not_a_file"),
        ({"output": "folder/"}, "not_a_file"),
        ({"output": "new/"}, "not_a_file"),
        ({"output": "{path}"}, "bad_arguments"),
        ({"output": "{dir}/{stem}_x.py"}, "bad_arguments"),
        ({"output": "shop/*.py"}, "bad_arguments"),
        ({"output": "what?.md"}, "bad_arguments"),
        ({"output": "x.py", "model": "no-such-model"}, "model_not_found"),
        ({"output": "x.py", "check": "no-such-check"}, "bad_arguments"),
        ({"files": ("long.txt",), "output": "x.py"}, "prompt_too_long"),
        ({"context": "word " * 4000}, "would_lose"),
        ({"output_format": "diff"}, "bad_arguments"),
    ],
)
async def test_bad_input_is_refused_with_a_code_and_changes_nothing(
    open_pipeline: OpenPipeline, project: Path, arguments: dict[str, object], code: str
) -> None:
    (project / "binary.bin").write_bytes(bytes(range(256)))
    (project / "folder").mkdir()
    (project / "big.txt").write_text("x" * 200_001)
    (project / "long.txt").write_text("some words in a line\n" * 4000)
    (project / "a.py").write_text("def f():\n    pass\n")
    before = snapshot(project)
    pipeline = await open_pipeline(
        offload={"max_file_bytes": 200_000},
    )
    pipeline.ollama.models["qwen2.5-coder:0.5b"] = type(pipeline.ollama.models["qwen2.5-coder:0.5b"])(
        context_length=4096
    )
    outcome = await pipeline.run("Do it.", **arguments)  # type: ignore[arg-type]
    assert (outcome.name, outcome.code) == ("failed", code), outcome.text
    assert snapshot(project) == before
    detail = await pipeline.history.get(outcome.offload_id)
    assert detail is not None
    assert detail.row.code == code


@pytest.mark.parametrize("ends", ["broken", "early", "half", "garbage", "error"])
async def test_an_engine_that_crashes_while_generating_is_an_error_with_a_code(
    pipeline: PipelineHarness, project: Path, ends: str
) -> None:
    pipeline.ollama.answers.default = Answer(fenced(SLUGIFY), ends=ends)
    outcome = await pipeline.run("Write slugify(text).", output="slug.py")
    assert outcome.name == "failed"
    assert outcome.code in ("backend_failed", "backend_unreachable")
    assert list(project.iterdir()) == []


async def test_a_silently_cut_prompt_is_never_a_success(pipeline: PipelineHarness, project: Path) -> None:
    (project / "a.txt").write_text("0123456789 " * 300)
    pipeline.ollama.answers.default = Answer("Digits.", prompt_tokens=400)
    outcome = await pipeline.run("Summarise it.", files=("a.txt",), output_format="explanation")
    assert (outcome.name, outcome.code) == ("failed", "prompt_too_long")


async def test_cancelling_the_call_frees_the_engine_and_writes_nothing(
    pipeline: PipelineHarness, project: Path
) -> None:
    pipeline.ollama.answers.default = Answer(ends="endless", delay=0.01)
    call = asyncio.create_task(pipeline.run("Write f().", output="f.py"))
    while not any(isinstance(event, OffloadText) for event in pipeline.events):
        await asyncio.sleep(0.02)
    call.cancel()
    with pytest.raises(asyncio.CancelledError):
        await call
    assert list(project.iterdir()) == []
    [ended] = [event for event in pipeline.events if isinstance(event, OffloadEnded)]
    detail = await pipeline.history.get(pipeline.events[0].offload_id)  # type: ignore[attr-defined]
    assert detail is not None
    assert ended.outcome == detail.row.outcome == "cancelled"
    await eventually(lambda: not pipeline.ollama.running)


async def test_the_user_cancels_one_offload_and_its_caller_is_told(
    pipeline: PipelineHarness, project: Path
) -> None:
    pipeline.ollama.answers.default = Answer(ends="endless", delay=0.01)
    call = asyncio.create_task(pipeline.run("Write f().", output="f.py"))
    while not any(isinstance(event, OffloadText) for event in pipeline.events):
        await asyncio.sleep(0.02)
    await pipeline.offloader.cancel(pipeline.events[0].offload_id)  # type: ignore[attr-defined]
    outcome = await call
    assert (outcome.name, outcome.code) == ("cancelled", "cancelled")
    with pytest.raises(NotFound):
        await pipeline.offloader.cancel(outcome.offload_id)


@pytest.mark.fast
async def test_a_file_that_changed_meanwhile_is_not_overwritten(
    pipeline: PipelineHarness, project: Path
) -> None:
    (project / "a.py").write_text("x = 1\n")

    def change(_prompt: str, _body: object) -> Answer:
        (project / "a.py").write_text("x = 'by hand'\n")
        return Answer(fenced("x = 2\n"))

    pipeline.ollama.answers.choose(change)
    outcome = await pipeline.run("Set x to 2.", files=("a.py",), output="a.py")
    assert (outcome.name, outcome.code) == ("failed", "file_changed")
    assert (project / "a.py").read_text() == "x = 'by hand'\n"
    detail = await pipeline.history.get(outcome.offload_id)
    assert detail is not None
    assert detail.undo is None


def snapshot(folder: Path) -> dict[str, bytes | None]:
    return {
        str(path.relative_to(folder)): path.read_bytes() if path.is_file() else None
        for path in sorted(folder.rglob("*"))
    }


async def test_body_lines_alone_are_not_an_answer_for_a_selected_function(
    pipeline: PipelineHarness, project: Path
) -> None:
    text = "def find(users, name):\n    return users[name]\n\n\nLIMIT = 1\n"
    (project / "users.py").write_text(text)
    whole = "def find(users, name):\n    if not users:\n        return None\n    return users[name]"
    pipeline.ollama.answers.when("Return None", Answer(fenced("if not users:\n    return None\n")))
    pipeline.ollama.answers.when("beginning with `def find(users, name):`", Answer(fenced(f"{whole}\n")))
    outcome = await pipeline.run(
        "Return None at once when users is empty.", files=("users.py::find",), output="users.py"
    )
    assert outcome.name == "delivered", outcome.text
    assert (project / "users.py").read_text() == f"{whole}\n\n\nLIMIT = 1\n"
