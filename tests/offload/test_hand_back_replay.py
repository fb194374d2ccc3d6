"""Handed-back tasks that are tried again with another model."""

from pathlib import Path

import pytest

from server.common.errors import BadArguments
from server.offload.hand_back_replay import replay_hand_backs
from server.store.records import OffloadFilter
from tests.pipeline_harness import PipelineHarness
from tests.standins.answers import Answer
from tests.standins.ollama import StandInModel

pytestmark = pytest.mark.anyio

BETTER = "better:7b"
NOTES = "# Notes\n\nOne function.\n"


@pytest.fixture
def better(pipeline: PipelineHarness) -> str:
    """A model that solves the tasks about notes, which the default model refuses."""
    pipeline.ollama.models[BETTER] = StandInModel()
    pipeline.ollama.answers.default = Answer("")
    pipeline.ollama.answers.choose(
        lambda prompt, body: Answer(NOTES) if body.get("model") == BETTER and "notes" in prompt else None
    )
    return BETTER


async def test_it_counts_what_another_model_would_have_saved(
    pipeline: PipelineHarness, project: Path, better: str
) -> None:
    (project / "a.py").write_text("def value():\n    return 1\n")
    for number in range(3):
        outcome = await pipeline.run("Write notes.", files=("a.py",), output=f"n{number}.md")
        assert outcome.name == "handed_back"
    assert (await pipeline.run("Write an essay.", output="essay.md")).name == "handed_back"
    before = sorted(path.name for path in project.iterdir())
    rows = await pipeline.history.page(OffloadFilter())
    told: list[tuple[int, int]] = []

    found = await replay_hand_backs(
        pipeline.offloader, pipeline.history, better, lambda done, of: told.append((done, of))
    )
    assert found.sentence == "better:7b would have saved 3 of your last 4 hand-backs."
    assert [each.outcome for each in found.tries] == ["handed_back", "delivered", "delivered", "delivered"]
    assert told == [(0, 4), (1, 4), (2, 4), (3, 4)]
    assert sorted(path.name for path in project.iterdir()) == before
    assert await pipeline.history.page(OffloadFilter()) == rows
    assert (await pipeline.history.totals()).offloads == 4


async def test_the_files_are_taken_as_they_are_now(
    pipeline: PipelineHarness, project: Path, better: str
) -> None:
    (project / "a.py").write_text("def value():\n    return 1\n")
    await pipeline.run("Write notes.", files=("a.py",), output="n.md")
    (project / "a.py").write_text("def newer():\n    return 2\n")
    await replay_hand_backs(pipeline.offloader, pipeline.history, better)
    asked = pipeline.ollama.bodies("/api/chat")[-1]
    assert "newer" in asked["messages"][-1]["content"]


async def test_tasks_whose_files_are_gone_are_left_out(
    pipeline: PipelineHarness, project: Path, better: str
) -> None:
    (project / "a.py").write_text("def value():\n    return 1\n")
    await pipeline.run("Write notes.", files=("a.py",), output="n.md")
    (project / "a.py").unlink()
    with pytest.raises(BadArguments, match="No handed-back task"):
        await replay_hand_backs(pipeline.offloader, pipeline.history, better)
