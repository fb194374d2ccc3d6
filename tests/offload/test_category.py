"""Choice of the model by ``category`` if the call names none: the user's own choice, or a specialised
model."""

import pytest

from server.config.folders import find_folders
from server.models.selector import Selector, SelectorSettings
from tests.pipeline_harness import PipelineHarness
from tests.standins.answers import Answer
from tests.standins.ollama import CODER, OllamaStandIn, StandInModel

pytestmark = pytest.mark.anyio

TRANSLATOR = "granite4.1:3b"
"""A catalogue model made for translation, unlike the usual model."""


@pytest.fixture(autouse=True)
def answers(ollama_standin: OllamaStandIn) -> None:
    ollama_standin.answers.default = Answer("Guten Tag")
    ollama_standin.models["llama3.2:1b"] = StandInModel(size=1_300_000_000)


async def model_used(pipeline: PipelineHarness, **arguments: object) -> str:
    outcome = await pipeline.run("Say good day in German.", output_format="explanation", **arguments)
    assert outcome.name == "returned", outcome.text
    detail = await pipeline.history.get(outcome.offload_id)
    assert detail is not None
    return detail.row.model


async def test_the_users_choice_for_a_category_is_used(pipeline: PipelineHarness) -> None:
    Selector(find_folders()).write(SelectorSettings(custom_recommendations={"translation": "llama3.2:1b"}))
    usual = await model_used(pipeline)
    assert usual == CODER
    assert await model_used(pipeline, category="translation") == "llama3.2:1b"
    assert await model_used(pipeline, category="coding") == usual


async def test_a_named_model_takes_precedence_over_the_category(pipeline: PipelineHarness) -> None:
    Selector(find_folders()).write(SelectorSettings(custom_recommendations={"translation": "llama3.2:1b"}))
    assert await model_used(pipeline, category="translation", model=CODER) == CODER


async def test_a_choice_that_is_not_installed_is_skipped(pipeline: PipelineHarness) -> None:
    Selector(find_folders()).write(SelectorSettings(custom_recommendations={"translation": "none:1b"}))
    assert await model_used(pipeline, category="translation") == CODER


async def test_an_installed_specialist_for_the_category_is_used(
    pipeline: PipelineHarness,
) -> None:
    pipeline.ollama.models[TRANSLATOR] = StandInModel(size=100_000_000)
    assert await model_used(pipeline) == CODER
    assert await model_used(pipeline, category="translation") == TRANSLATOR
    assert await model_used(pipeline, category="coding-agent") == CODER
