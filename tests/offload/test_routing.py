"""Chores that a model was seen to get wrong are handed back before anything is spent."""

from pathlib import Path
from typing import Any

import pytest

from server.config.sections import OffloadSettings
from server.offload.asking.plan import make_plan
from server.offload.files.workspace import Reading
from server.offload.routing.kinds import CHORE_KINDS, kind_of
from server.offload.routing.shares import Share, measured_share, refusal
from server.offload.values import Target, Task
from tests.offload.plans import source
from tests.pipeline_harness import PipelineHarness
from tests.standins.answers import Answer

pytestmark = pytest.mark.anyio


@pytest.fixture(autouse=True)
def default_bars(monkeypatch: pytest.MonkeyPatch) -> None:
    """Use the bars that the app has by default."""
    monkeypatch.delenv("TOKEN_SAVER_OFFLOAD__LEAST_RIGHT_UNRUN")


BAD = "```python\ndef f(x)\n    return x\n```"
GOOD = "```python\ndef f(x):\n    return x\n```"


@pytest.mark.fast
@pytest.mark.parametrize(
    ("right", "tried", "low", "high"),
    [(0, 0, 0.0, 1.0), (0, 10, 0.0, 0.213), (5, 10, 0.269, 0.731), (10, 10, 0.787, 1.0)],
    ids=["nothing", "none of ten", "half", "all"],
)
def test_the_interval_of_a_share(right: int, tried: int, low: float, high: float) -> None:
    assert Share(right, tried).interval == pytest.approx((low, high), abs=0.001)


@pytest.mark.fast
def test_a_model_is_refused_only_if_it_is_certainly_below_the_bar() -> None:
    settings = OffloadSettings(least_right=0.3)
    assert refusal("m", "new code", Share(0, 4), settings) is None
    refused = refusal("m", "new code", Share(0, 9), settings)
    assert refused is not None
    assert refused.message.startswith("m got 0 of 9 chores of this kind (new code) right.")
    assert refusal("m", "new code", Share(0, 9), OffloadSettings(least_right=0)) is None


@pytest.mark.fast
def test_results_that_are_not_run_have_a_higher_bar() -> None:
    settings = OffloadSettings()
    assert refusal("m", "new code", Share(2, 9), settings) is None
    assert refusal("m", "new code unrun", Share(2, 9), settings) is not None


@pytest.mark.fast
def test_a_model_is_found_by_any_engines_name_for_it() -> None:
    for kind in CHORE_KINDS:
        own = measured_share("qwen2.5-coder-1.5b", kind)
        assert measured_share("qwen2.5-coder:1.5b", kind) == own
        assert measured_share("Qwen/Qwen2.5-Coder-1.5B-Instruct", kind) == own
        assert measured_share("another-model", kind) == Share()


async def test_the_users_own_offloads_decide_and_a_named_model_is_always_asked(
    pipeline: PipelineHarness, project: Path
) -> None:
    pipeline.ollama.answers.when("Write f", Answer(BAD))
    for number in range(5):
        outcome = await pipeline.run("Write f(x) in Python.", output=f"f{number}.py")
        assert outcome.code == "does_not_parse"
    asked = len(pipeline.ollama.bodies("/api/chat"))
    outcome = await pipeline.run("Write f(x) in Python.", output="f.py")
    assert (outcome.name, outcome.code) == ("handed_back", "below_bar")
    assert "got 0 of 5 chores of this kind (new code unrun) right" in outcome.text
    assert "the model was not asked" in outcome.text
    assert len(pipeline.ollama.bodies("/api/chat")) == asked
    pipeline.ollama.answers.when("Write f", Answer(GOOD))
    named = await pipeline.run("Write f(x) in Python.", output="f.py", model="qwen2.5-coder:0.5b")
    assert named.name == "delivered", named.text


async def test_other_kinds_are_not_affected(pipeline: PipelineHarness, project: Path) -> None:
    pipeline.ollama.answers.when("Write f", Answer(BAD))
    for number in range(8):
        await pipeline.run("Write f(x) in Python.", output=f"f{number}.py")
    (project / "f.py").write_text("def f(x):\n    return 1\n")
    pipeline.ollama.answers.when("Return x", Answer(GOOD))
    outcome = await pipeline.run("Return x.", files=("f.py",), output="f.py")
    assert outcome.name == "delivered", outcome.text


LONG = (
    "Let f return x, but 0 for a negative x, and raise TypeError with the message 'no number' "
    "unless x is an int or a float. Keep its docstring."
)


@pytest.mark.fast
@pytest.mark.parametrize(
    ("given", "runs", "kind"),
    [
        ({"task": LONG}, True, "long edit"),
        ({"task": "Return x."}, True, "edit"),
        ({"task": LONG, "check": "tests"}, False, "edit run"),
        ({"task": LONG, "examples": ("f(1) == 1",)}, True, "edit run"),
        ({"task": LONG, "examples": ("f(1) == 1",)}, False, "long edit"),
    ],
    ids=["long", "short", "with a check", "with examples", "with examples that cannot run"],
)
def test_the_kind_of_an_edit_follows_from_what_proves_it(
    given: dict[str, Any], runs: bool, kind: str
) -> None:
    file = source("f.py", "def f(x):\n    return 1\n")
    task = Task(**given, files=("f.py",), output="f.py")
    plan = make_plan(task, Reading((file,), Target(file.path, "f.py", file.text)), 4096)
    assert kind_of(plan, runs=runs) == kind


@pytest.mark.fast
def test_a_refused_long_edit_says_what_would_carry_it() -> None:
    refused = refusal("qwen2.5-coder-1.5b", "long edit", Share(1, 5), OffloadSettings())
    assert refused is not None
    assert refused.message.endswith(", or give examples or a check.")
