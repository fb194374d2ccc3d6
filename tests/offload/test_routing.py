"""Chores that a model was seen to get wrong are handed back before anything is spent."""

from pathlib import Path

import pytest

from server.config.sections import OffloadSettings
from server.offload.routing.kinds import CHORE_KINDS
from server.offload.routing.shares import Share, measured_share, refusal
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
    assert refusal("m", "new code", Share(0, 7), settings) is None
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
    for number in range(8):
        outcome = await pipeline.run("Write f(x) in Python.", output=f"f{number}.py")
        assert outcome.code == "does_not_parse"
    asked = len(pipeline.ollama.bodies("/api/chat"))
    outcome = await pipeline.run("Write f(x) in Python.", output="f.py")
    assert (outcome.name, outcome.code) == ("handed_back", "below_bar")
    assert "got 0 of 8 chores of this kind (new code unrun) right" in outcome.text
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
