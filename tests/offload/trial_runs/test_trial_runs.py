"""Results that are run before they are delivered: loaded, held to examples, compared with other samples."""

import sys
from itertools import cycle
from pathlib import Path

import pytest

from server.common.errors import BadArguments
from server.config.sections import OffloadSettings
from server.execution.python.demonstrations import without_demonstrations
from server.execution.python.runtime import PythonRuntime
from server.execution.sandbox.find import PROOFS, Sandboxes
from server.offload.trial_runs.trials import Trials
from server.offload.values import Outcome
from tests.pipeline_harness import OpenPipeline, PipelineHarness
from tests.standins.answers import Answer

pytestmark = [
    pytest.mark.anyio,
    pytest.mark.skipif(sys.platform != "linux", reason="needs a sandbox, which exists on Linux so far"),
]

SHARE = "def share(part, whole):\n    return round(100 * part / whole)\n"
GUARDED = (
    "def share(part, whole):\n    if whole == 0:\n        return 0\n    return round(100 * part / whole)\n"
)
TASK = "Write share(part, whole) in Python: the part of the whole in percent, 0 of nothing."
PROPOSE = "show whether it was done rightly"
CALLS = "```python\nshare(1, 2)\nshare(3, 4)\nshare(0, 0)\nshare(5, 5)\n```"


def fenced(code: str) -> Answer:
    return Answer(f"```python\n{code}```")


@pytest.fixture(autouse=True)
def run_code(monkeypatch: pytest.MonkeyPatch) -> None:
    """Run code, as the app does by default."""
    monkeypatch.delenv("TOKEN_SAVER_OFFLOAD__RUN_CODE")


@pytest.fixture
async def running(open_pipeline: OpenPipeline) -> PipelineHarness:
    """The pipeline with default settings, which run code."""
    return await open_pipeline()


def answer_in_turn(pipeline: PipelineHarness, part: str, *answers: str) -> None:
    """Give the answers one after the other to prompts that contain ``part`` and propose no inputs."""
    turns = cycle(answers)
    pipeline.ollama.answers.choose(
        lambda prompt, _: fenced(next(turns)) if part in prompt and PROPOSE not in prompt else None
    )


def failures(outcome: Outcome) -> list[str]:
    return [each.verdict.reason for each in outcome.attempts if each.verdict.reason]


async def test_code_that_fails_when_it_is_loaded_is_repaired(running: PipelineHarness, project: Path) -> None:
    bad = "RATES = dict(a=1)\nFIRST = RATES['b']\n"
    running.ollama.answers.when("Write rates", fenced(bad))
    running.ollama.answers.when("KeyError: 'b' (line 2)", fenced("RATES = dict(a=1)\nFIRST = RATES['a']\n"))
    outcome = await running.run("Write rates.", output="rates.py")
    assert outcome.name == "delivered", outcome.text
    assert "RATES['a']" in (project / "rates.py").read_text()
    assert outcome.strength == "parsed"


async def test_an_example_that_fails_goes_into_one_repair(running: PipelineHarness, project: Path) -> None:
    running.ollama.answers.when("Write share", fenced(SHARE))
    running.ollama.answers.when("`share(0, 0) == 0` does not hold: ZeroDivisionError", fenced(GUARDED))
    outcome = await running.run(TASK, output="share.py", examples=("share(0, 0) == 0", "share(1, 4) == 25"))
    assert outcome.name == "delivered", outcome.text
    assert (project / "share.py").read_text() == GUARDED
    assert outcome.strength == "examples ran"
    assert outcome.text.splitlines()[1].startswith(
        "Examples ran after 1 failed try; checks: complete, content"
    )
    detail = await running.history.get(outcome.offload_id)
    assert detail is not None
    assert detail.row.strength == "examples ran"


WORSE = "def share(part, whole):\n    return part / whole\n"


async def test_after_a_repair_fresh_samples_are_drawn_up_to_the_limit(
    running: PipelineHarness, project: Path
) -> None:
    answer_in_turn(running, "Write share", WORSE, WORSE, WORSE, SHARE, WORSE, WORSE)
    outcome = await running.run(TASK, output="share.py", examples=("share(0, 0) == 0", "share(1, 4) == 25"))
    assert (outcome.name, outcome.code) == ("handed_back", "example_failed")
    assert [each.prompt.kind for each in outcome.attempts] == [
        "generate", "repair", "generate", "generate", "generate", "generate"
    ]  # fmt: skip
    temperatures = [body["options"]["temperature"] for body in running.ollama.bodies("/api/chat")]
    assert temperatures == pytest.approx([0.2, 0.5, 0.7, 0.7, 0.7, 0.7])
    assert not (project / "share.py").exists()


@pytest.mark.parametrize(
    "answers", [(SHARE,), (SHARE, WORSE), (SHARE, "x = 1 / 0\n")], ids=["same", "worse", "unloadable"]
)
async def test_sampling_ends_when_no_sample_holds_more_examples_than_the_first(
    running: PipelineHarness, project: Path, answers: tuple[str, ...]
) -> None:
    answer_in_turn(running, "Write share", *answers)
    outcome = await running.run(TASK, output="share.py", examples=("share(0, 0) == 0", "share(1, 4) == 25"))
    assert (outcome.name, len(outcome.attempts)) == ("handed_back", 4)
    assert outcome.code in ("example_failed", "does_not_run")
    assert not (project / "share.py").exists()


async def test_the_first_sample_that_passes_is_delivered(running: PipelineHarness, project: Path) -> None:
    answer_in_turn(running, "Write share", SHARE, SHARE, SHARE, GUARDED)
    outcome = await running.run(TASK, output="share.py", examples=("share(0, 0) == 0", "share(1, 4) == 25"))
    assert outcome.name == "delivered", outcome.text
    assert len(outcome.attempts) == 4
    assert (project / "share.py").read_text() == GUARDED


async def test_examples_in_the_text_of_the_task_run_as_well(running: PipelineHarness, project: Path) -> None:
    answer_in_turn(running, "Write share", SHARE, GUARDED)
    outcome = await running.run(f"{TASK} `share(0, 0) == 0` and share(1, 4) -> 25.", output="share.py")
    assert outcome.name == "delivered", outcome.text
    assert outcome.strength == "examples ran"
    assert failures(outcome) == [
        "examples: `share(0, 0) == 0` does not hold: ZeroDivisionError: division by zero (line 2)."
    ]


async def test_examples_that_an_empty_body_passes_prove_nothing(
    running: PipelineHarness, project: Path
) -> None:
    answer_in_turn(running, "Write log", "def log(text):\n    print(text)\n")
    running.ollama.answers.when(PROPOSE, "```python\nlog('a')\n```")
    outcome = await running.run(
        "Write log(text) in Python.", output="log.py", examples=("log('a') is None", "log('') is None")
    )
    assert (outcome.name, outcome.code) == ("handed_back", "no_agreement")


async def test_an_example_that_is_no_fact_is_an_error_before_anything_runs(running: PipelineHarness) -> None:
    outcome = await running.run(TASK, output="share.py", examples=("share of nothing is nothing",))
    assert (outcome.name, outcome.code) == ("failed", BadArguments.code)
    assert "share of nothing" in outcome.text
    assert running.ollama.bodies("/api/chat") == []


async def test_samples_that_behave_alike_are_delivered_without_examples(
    running: PipelineHarness, project: Path
) -> None:
    other = GUARDED.replace("if whole == 0", "if not whole")
    answer_in_turn(running, "Write share", GUARDED, other, SHARE, GUARDED)
    running.ollama.answers.when(PROPOSE, CALLS)
    outcome = await running.run(TASK, output="share.py")
    assert outcome.name == "delivered", outcome.text
    assert outcome.strength == "samples agree"
    assert (project / "share.py").read_text() == GUARDED
    assert [each.prompt.kind for each in outcome.attempts].count("inputs") == 1


async def test_samples_that_differ_are_handed_back_as_soon_as_that_is_certain(
    running: PipelineHarness, project: Path
) -> None:
    kinds = [GUARDED.replace("return 0", f"return {number}") for number in range(9)]
    answer_in_turn(running, "Write share", *kinds)
    running.ollama.answers.when(PROPOSE, CALLS)
    outcome = await running.run(TASK, output="share.py")
    assert (outcome.name, outcome.code) == ("handed_back", "no_agreement")
    assert "5 samples, 5 behaviours; give examples, or do the task yourself." in outcome.text
    assert not (project / "share.py").exists()


async def test_a_check_that_tests_the_new_code_decides_between_samples(
    open_pipeline: OpenPipeline, project: Path
) -> None:
    (project / "test_share.py").write_text("from share import share\nassert share(0, 0) == 0\n")
    checks = {"test": f"{sys.executable} -B test_share.py"}
    pipeline = await open_pipeline(checks=checks, offload={"check_sandbox": "never"})
    answer_in_turn(pipeline, "Write share", SHARE, SHARE, GUARDED)
    outcome = await pipeline.run(TASK, output="share.py", check="test")
    assert (outcome.name, outcome.strength) == ("delivered", "tests ran"), outcome.text
    assert (project / "share.py").read_text() == GUARDED
    assert [each.prompt.kind for each in outcome.attempts].count("inputs") == 0


async def test_a_check_that_passes_on_empty_functions_does_not_replace_agreement(
    open_pipeline: OpenPipeline, project: Path
) -> None:
    checks = {"compile": f"{sys.executable} -B -m py_compile {{file}}"}
    pipeline = await open_pipeline(checks=checks, offload={"check_sandbox": "never"})
    kinds = [GUARDED.replace("return 0", f"return {number}") for number in range(9)]
    answer_in_turn(pipeline, "Write share", *kinds)
    pipeline.ollama.answers.when(PROPOSE, CALLS)
    outcome = await pipeline.run(TASK, output="share.py", check="compile")
    assert (outcome.name, outcome.code) == ("handed_back", "no_agreement")
    assert not (project / "share.py").exists()


async def test_with_one_sample_new_code_is_delivered_as_parsed(
    open_pipeline: OpenPipeline, project: Path
) -> None:
    pipeline = await open_pipeline(offload={"samples": 1})
    pipeline.ollama.answers.when("Write share", fenced(SHARE))
    outcome = await pipeline.run(TASK, output="share.py")
    assert (outcome.name, outcome.strength, len(outcome.attempts)) == ("delivered", "parsed", 1)


async def test_a_missing_package_is_not_run_and_delivered_with_the_reason(
    running: PipelineHarness, project: Path
) -> None:
    running.ollama.answers.when("Write share", fenced(f"import no_such_package\n\n\n{SHARE}"))
    outcome = await running.run(TASK, output="share.py", examples=("share(1, 4) == 25",))
    assert (outcome.name, outcome.strength) == ("delivered", "parsed")
    assert "Not checked: running it (the package `no_such_package` is not installed)" in outcome.text


async def test_code_may_import_a_file_that_the_task_reads(running: PipelineHarness, project: Path) -> None:
    (project / "rates.py").write_text("RATE = 4\n")
    answer_in_turn(
        running, "Write cost", "from rates import RATE\n\n\ndef cost(days):\n    return RATE * days\n"
    )
    outcome = await running.run(
        "Write cost(days).",
        files=("rates.py",),
        output="cost.py",
        examples=("cost(2) == 8", "cost(0) == 0"),
    )
    assert (outcome.name, outcome.strength) == ("delivered", "examples ran"), outcome.text


async def test_an_edit_of_a_file_that_never_loaded_is_not_refused_for_that(
    running: PipelineHarness, project: Path
) -> None:
    (project / "old.py").write_text("LIMIT = 1\nraise RuntimeError('retired')\n")
    running.ollama.answers.when("Set LIMIT", fenced("LIMIT = 2\nraise RuntimeError('retired')\n"))
    outcome = await running.run("Set LIMIT to 2.", files=("old.py",), output="old.py")
    assert outcome.name == "delivered", outcome.text
    assert "the file did not load before the edit either" in outcome.text


async def test_an_edit_that_changes_its_argument_is_named(running: PipelineHarness, project: Path) -> None:
    (project / "top.py").write_text("def top(items):\n    return max(items)\n")
    after = "def top(items):\n    items.sort()\n    return items[-1]\n"
    running.ollama.answers.when("Rewrite top", fenced(after))
    outcome = await running.run(
        "Rewrite top.", files=("top.py",), output="top.py", examples=("top([2, 1]) == 2", "top([1]) == 1")
    )
    assert (outcome.name, outcome.strength) == ("delivered", "examples ran"), outcome.text
    assert outcome.notices == ("`top([2, 1])` changes its argument in place",)


async def test_generated_tests_lose_the_assertions_that_disagree_with_the_code(
    running: PipelineHarness, project: Path
) -> None:
    (project / "share.py").write_text(GUARDED)
    tests = (
        "from share import share\n\n\n"
        "def test_share():\n"
        "    assert share(1, 4) == 25\n"
        "    assert share(1, 3) == 34\n"
        "    assert share(0, 0) == 0\n"
    )
    running.ollama.answers.when("Write tests", fenced(tests))
    outcome = await running.run("Write tests.", files=("share.py",), output="test_share.py")
    assert (outcome.name, outcome.strength) == ("delivered", "tests ran"), outcome.text
    assert "== 34" not in (project / "test_share.py").read_text()
    assert "share(1, 4) == 25" in (project / "test_share.py").read_text()
    assert "1 assertion disagreed with share.py and left out, possibly a bug in the" in outcome.notices[0]
    assert "Notice: 1 assertion disagreed" in outcome.text


async def test_tests_that_notice_no_fault_are_handed_back(running: PipelineHarness, project: Path) -> None:
    (project / "share.py").write_text(GUARDED)
    empty = "from share import share\n\n\ndef test_share():\n    assert share is not None\n"
    running.ollama.answers.when("Write tests", fenced(empty))
    outcome = await running.run("Write tests.", files=("share.py",), output="test_share.py")
    assert (outcome.name, outcome.code) == ("handed_back", "tests_nothing")
    assert not (project / "test_share.py").exists()


CUT_TESTS = (
    "```python\nfrom share import share\n\n\n"
    "def test_share():\n"
    "    assert share(1, 4) == 25\n"
    "    assert share(0, 0) == 0\n"
)


async def test_the_complete_tests_of_an_answer_without_end_are_run(
    running: PipelineHarness, project: Path
) -> None:
    (project / "share.py").write_text(GUARDED)
    cases = "".join(f"    assert share({number}, 100) == {number}\n" for number in range(400))
    running.ollama.answers.when("Write tests", Answer(CUT_TESTS + cases))
    outcome = await running.run("Write tests.", files=("share.py",), output="test_share.py")
    assert (outcome.name, outcome.strength) == ("delivered", "tests ran"), outcome.text
    written = (project / "test_share.py").read_text()
    assert "share(1, 4) == 25" in written
    assert "share(5, 100)" in written
    assert "share(60, 100)" not in written
    assert len(outcome.attempts) == 1
    assert outcome.attempts[0].generation.completion_tokens < 1_000
    assert "its complete tests remain" in outcome.notices[0]


async def test_tests_that_were_cut_and_cannot_be_run_are_handed_back(
    running: PipelineHarness, project: Path
) -> None:
    (project / "share.py").write_text(GUARDED)
    running.ollama.answers.when(
        "Write tests", Answer(CUT_TESTS.replace("from share", "from elsewhere"), reason="length")
    )
    outcome = await running.run("Write tests.", files=("share.py",), output="test_share.py")
    assert (outcome.name, outcome.code) == ("handed_back", "answer_cut"), outcome.text
    assert not (project / "test_share.py").exists()


async def test_a_parameter_that_is_never_read_is_asked_about_once(
    running: PipelineHarness, project: Path
) -> None:
    unread = GUARDED.replace("(part, whole)", "(part, whole, digits)")
    right = unread.replace("/ whole)", "/ whole, digits)")
    running.ollama.answers.when("Write share", fenced(unread))
    running.ollama.answers.when("share never reads its parameter digits", fenced(right))
    outcome = await running.run(
        TASK, output="share.py", examples=("share(0, 0, 1) == 0", "share(1, 4, 0) == 25")
    )
    assert outcome.name == "delivered", outcome.text
    assert (project / "share.py").read_text() == right
    assert outcome.notices == ()


async def test_without_a_sandbox_nothing_counts_as_run(running: PipelineHarness, project: Path) -> None:
    elsewhere = Trials(OffloadSettings(run_code=True), Sandboxes("darwin"))
    running.offloader._trials = elsewhere
    running.ollama.answers.when("Write share", fenced(SHARE))
    outcome = await running.run(TASK, output="share.py", examples=("share(0, 0) == 0",))
    assert (outcome.name, outcome.strength) == ("delivered", "parsed")
    assert "Not checked: running it (no sandbox:" in outcome.text


def test_the_probe_of_a_process_is_shared() -> None:
    assert Sandboxes(proofs=PROOFS)._proofs is PROOFS


def test_an_emptied_module_keeps_its_other_functions() -> None:
    functions = "def f(x):\n    return x\n\n\nclass A:\n    def g(self):\n        return 1\n\n\n"
    assert PythonRuntime().emptied(f"{functions}def h():\n    return 2\n", frozenset({"f", "A"})).split(
        "\n\n"
    ) == [
        "def f(x):\n    return",
        "class A:",
        "    def g(self):\n        return",
        "def h():\n    return 2",
    ]


async def test_a_demonstration_below_new_code_is_left_out(running: PipelineHarness, project: Path) -> None:
    shown = "\n\n# Example:\nresult = share(1, 4)\nprint(result)\n"
    shown += "try:\n    share(1, 0)\nexcept ValueError as e:\n    print(e)\n"
    answer_in_turn(running, "Write share", GUARDED + shown)
    outcome = await running.run(TASK, output="share.py", examples=("share(0, 0) == 0", "share(1, 4) == 25"))
    assert (outcome.name, outcome.strength) == ("delivered", "examples ran"), outcome.text
    assert (project / "share.py").read_text() == GUARDED


@pytest.mark.parametrize(
    "end",
    ["LIMIT = share(1, 2)\n", 'if __name__ == "__main__":\n    print(share(1, 2))\n', "register(share)\n"],
    ids=["constant", "main guard", "registration"],
)
def test_what_a_module_needs_is_no_demonstration(end: str) -> None:
    text = f"from somewhere import register\n\n\n{GUARDED}\n\n{end}"
    assert without_demonstrations(text) == text


async def test_a_diff_is_made_of_the_code_that_was_run(running: PipelineHarness, project: Path) -> None:
    (project / "share.py").write_text(SHARE)
    running.ollama.answers.when("Return 0", fenced(GUARDED))
    outcome = await running.run(
        "Return 0 for nothing.",
        files=("share.py",),
        output_format="diff",
        examples=("share(0, 0) == 0", "share(1, 4) == 25"),
    )
    assert (outcome.name, outcome.strength) == ("returned", "examples ran"), outcome.text
    assert "+    if whole == 0:" in outcome.text
    assert outcome.text.endswith("(Examples ran.)")
