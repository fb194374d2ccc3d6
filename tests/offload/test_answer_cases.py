"""The answer cases, run through the whole pipeline: delivered, noticed, handed back."""

from typing import Any

import pytest

from tests.offload.answer_cases import AnswerCase, load_cases
from tests.pipeline_harness import PipelineHarness
from tests.standins.answers import Answer

CASES = load_cases()


@pytest.mark.anyio
@pytest.mark.parametrize("case", CASES, ids=[each.name for each in CASES])
async def test_answer(case: AnswerCase, pipeline: PipelineHarness) -> None:
    project = pipeline.caller.project
    assert project is not None
    case.lay_out(project)
    rounds = iter(case.answers)
    last = case.answers[-1]

    def answer(_prompt: str, _body: dict[str, Any]) -> Answer:
        return Answer(next(rounds, last))

    pipeline.ollama.answers.choose(answer)
    outcome = await pipeline.run(case.task, files=case.files, output=case.output)
    path = project / case.output
    if case.expect == "delivered":
        assert outcome.name == "delivered", outcome.text
        assert path.read_bytes() == case.expected
    elif outcome.name == "delivered":
        assert outcome.delivery is not None
        assert outcome.notices, outcome.text
    else:
        assert outcome.name == "handed_back", outcome.text
        assert (
            path.read_bytes() == case.given[case.output] if case.output in case.given else not path.exists()
        )
