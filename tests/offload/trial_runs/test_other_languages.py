"""Results in languages other than Python, and edits, run before they are delivered."""

import sys
from itertools import cycle
from pathlib import Path

import pytest

from server.common.errors import BadArguments
from tests.offload.trial_runs.test_trial_runs import PROPOSE
from tests.pipeline_harness import OpenPipeline, PipelineHarness
from tests.standins.answers import Answer
from tests.system import require

pytestmark = [
    pytest.mark.anyio,
    pytest.mark.skipif(sys.platform != "linux", reason="needs a sandbox, which exists on Linux so far"),
]

UNIQUE = "function unique(items) {\n  return [...new Set(items)].sort();\n}\nmodule.exports = { unique };\n"
REPEATS = UNIQUE.replace("[...new Set(items)]", "[...items]")
TASK = "Write a JavaScript function unique(items): the different items, sorted. Export it."
EXAMPLES = ("unique([2, 1, 2]) === [1, 2]", "unique([]) === []")
PRICES = (
    "RATE = 2\n\n\ndef price(days):\n    return RATE * days\n\n\n"
    "def label(days):\n    return f'{days} days: {price(days)}'\n\n\n"
    "def short(text):\n    return text[:3]\n"
)


def fenced(code: str, language: str) -> Answer:
    return Answer(f"```{language}\n{code}```")


@pytest.fixture
async def running(open_pipeline: OpenPipeline, monkeypatch: pytest.MonkeyPatch) -> PipelineHarness:
    """The pipeline with default settings, which run code."""
    require("node")
    monkeypatch.delenv("TOKEN_SAVER_OFFLOAD__RUN_CODE")
    return await open_pipeline()


def answer_in_turn(pipeline: PipelineHarness, language: str, *answers: str) -> None:
    turns = cycle(answers)
    pipeline.ollama.answers.choose(
        lambda prompt, _: None if PROPOSE in prompt else fenced(next(turns), language)
    )


async def test_javascript_is_held_to_its_examples(running: PipelineHarness, project: Path) -> None:
    answer_in_turn(running, "javascript", REPEATS, UNIQUE)
    outcome = await running.run(TASK, output="unique.js", examples=EXAMPLES)
    assert (outcome.name, outcome.strength) == ("delivered", "examples ran"), outcome.text
    assert (project / "unique.js").read_text() == UNIQUE
    assert "`unique([2, 1, 2]) === [1, 2]` does not hold" in outcome.attempts[0].verdict.reason


@pytest.mark.parametrize(
    "proposed",
    [
        "```javascript\nunique([3, 1, 3]);\nunique(['b', 'a', 'b']);\n```",
        "```javascript\n// Test cases\nconsole.log(unique([3, 1, 3])); // [1, 3]\n```",
        "I cannot think of any.",
    ],
    ids=["calls", "calls in other code", "no calls"],
)
async def test_javascript_without_examples_needs_agreement(
    running: PipelineHarness, project: Path, proposed: str
) -> None:
    answer_in_turn(running, "javascript", UNIQUE, REPEATS, UNIQUE.replace("items", "all"), UNIQUE)
    running.ollama.answers.when(PROPOSE, proposed)
    outcome = await running.run(TASK, output="unique.js")
    assert (outcome.name, outcome.strength) == ("delivered", "samples agree"), outcome.text
    assert (project / "unique.js").read_text() == UNIQUE


async def test_a_script_is_run_with_its_command_lines(running: PipelineHarness, project: Path) -> None:
    right = '[ $# -eq 1 ] || { echo "one argument" >&2; exit 2; }\nwc -l < "$1"\n'
    answer_in_turn(running, "bash", right.replace("exit 2", "exit 1"), right)
    outcome = await running.run(
        "Write a Bash script lines.sh that counts the lines of a file; status 2 without one argument.",
        output="lines.sh",
        examples=("raises 2: lines.sh", "printf 'a\\nb\\n' > f; ./lines.sh f == 2"),
    )
    assert (outcome.name, outcome.strength) == ("delivered", "examples ran"), outcome.text
    assert (project / "lines.sh").read_text() == right


async def test_a_language_that_is_not_run_is_delivered_as_parsed(
    running: PipelineHarness, project: Path
) -> None:
    answer_in_turn(running, "go", "package twice\n\nfunc Twice(x int) int { return 2 * x }\n")
    outcome = await running.run("Write Twice(x) in Go.", output="twice.go", examples=("Twice(2) == 4",))
    assert (outcome.name, outcome.strength) == ("delivered", "parsed"), outcome.text
    assert "Not checked: running it (Go is not run)" in outcome.text


async def test_an_import_of_a_package_that_nobody_named_is_asked_about(
    running: PipelineHarness, project: Path
) -> None:
    answer_in_turn(running, "javascript", f"const core = require('core-js');\n{UNIQUE}", UNIQUE)
    outcome = await running.run(TASK, output="unique.js", examples=EXAMPLES)
    assert (outcome.name, outcome.strength) == ("delivered", "examples ran"), outcome.text
    assert (project / "unique.js").read_text() == UNIQUE


async def test_an_example_that_is_no_fact_of_the_language_is_an_error(running: PipelineHarness) -> None:
    outcome = await running.run(TASK, output="unique.js", examples=("nothing of the kind",))
    assert (outcome.name, outcome.code) == ("failed", BadArguments.code)


@pytest.mark.parametrize(
    ("answer", "noticed"),
    [
        pytest.param(PRICES.replace("RATE * days", "RATE * max(days, 0)"), False, id="the named one"),
        pytest.param(
            PRICES.replace("RATE * days", "RATE * max(days, 0)").replace("text[:3]", "text[:2]"),
            True,
            id="another one",
        ),
    ],
)
async def test_functions_that_an_edit_does_not_concern_answer_as_before(
    answer: str, noticed: bool, running: PipelineHarness, project: Path
) -> None:
    (project / "prices.py").write_text(PRICES)
    answer_in_turn(running, "python", answer)
    outcome = await running.run(
        "price() must count negative days as 0.",
        files=("prices.py",),
        output="prices.py",
        examples=("price(-1) == 0", "price(2) == 4"),
    )
    assert (outcome.name, outcome.strength) == ("delivered", "examples ran"), outcome.text
    found = [each for each in outcome.notices if "returns a different result" in each]
    assert bool(found) is noticed, outcome.notices


async def test_an_edit_of_javascript_that_fails_its_example_is_repaired(
    running: PipelineHarness, project: Path
) -> None:
    (project / "unique.js").write_text(REPEATS)
    answer_in_turn(running, "javascript", REPEATS.replace("sort()", "reverse()"), UNIQUE)
    outcome = await running.run(
        "unique() must drop repeated items.", files=("unique.js",), output="unique.js", examples=EXAMPLES
    )
    assert (outcome.name, outcome.strength) == ("delivered", "examples ran"), outcome.text
    assert (project / "unique.js").read_text() == UNIQUE


async def test_new_code_that_cannot_be_run_is_handed_back_by_a_model_below_the_bar(
    open_pipeline: OpenPipeline, project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    require("node")
    monkeypatch.delenv("TOKEN_SAVER_OFFLOAD__RUN_CODE")
    monkeypatch.delenv("TOKEN_SAVER_OFFLOAD__LEAST_RIGHT_UNRUN")
    pipeline = await open_pipeline()
    answer_in_turn(pipeline, "go", "package twice\n\nfunc Twice(x int) int { return 2 *\n")
    for number in range(8):
        await pipeline.run("Write Twice(x) in Go.", output=f"twice{number}.go")
    answer_in_turn(pipeline, "javascript", f"const core = require('core-js');\n{UNIQUE}")
    outcome = await pipeline.run(f"{TASK} Use core-js.", output="unique.js", examples=EXAMPLES)
    assert (outcome.name, outcome.code) == ("handed_back", "below_bar"), outcome.text
    assert "running it (the package `core-js` is not installed)" in outcome.text
    assert not (project / "unique.js").exists()
    asked = len(outcome.attempts)
    answer_in_turn(pipeline, "javascript", *3 * [f"const core = require('core-js');\n{UNIQUE}"], UNIQUE)
    outcome = await pipeline.run(TASK, output="unique.js", examples=EXAMPLES)
    assert (outcome.name, outcome.strength) == ("delivered", "examples ran"), outcome.text
    assert (asked, len(outcome.attempts)) == (1, 4)
