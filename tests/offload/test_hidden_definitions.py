"""Definitions left out of the prompt stay unchanged, whatever the answer contains."""

from pathlib import Path

import pytest

from tests.pipeline_harness import PipelineHarness
from tests.standins.answers import Answer

pytestmark = pytest.mark.anyio

FILLER = "".join(
    f"def rate_{number}(amount):\n    if amount < {number}:\n        return 0\n    return amount\n\n\n"
    for number in range(20)
)
FETCH = "def fetch(url):\n    return url\n"
FETCHED = "def fetch(url, limit=10):\n    return url[:limit]\n"
TASK = "Give `fetch()` a parameter limit=10 that cuts the URL."


@pytest.fixture
def file(project: Path) -> Path:
    path = project / "client.py"
    path.write_text(f"import json\n\n\n{FILLER}{FETCH}")
    assert len(path.read_text()) > 1_200  # so long that the model sees only `fetch`
    return path


@pytest.mark.parametrize(
    "answer",
    [
        FETCHED,
        f"def rate_0(amount):\n    pass\n\n\ndef rate_1(amount):\n    pass\n\n\n{FETCHED}",
        f"import json\n\n\n{FETCHED}",
        FILLER.replace("return 0", "return 1") + FETCHED,
    ],
    ids=["alone", "with empty bodies", "without the others", "with changes of the others"],
)
async def test_only_what_was_shown_is_changed(pipeline: PipelineHarness, file: Path, answer: str) -> None:
    pipeline.ollama.answers.when("fetch", Answer(f"```python\n{answer}```"))
    outcome = await pipeline.run(TASK, files=("client.py",), output="client.py")
    assert outcome.name == "delivered", outcome.text
    assert file.read_text() == f"import json\n\n\n{FILLER}{FETCHED}"
    assert outcome.notices == ()


async def test_the_prompt_lists_the_rest_in_a_form_that_is_not_code(
    pipeline: PipelineHarness, file: Path
) -> None:
    pipeline.ollama.answers.when("fetch", Answer(f"```python\n{FETCHED}```"))
    outcome = await pipeline.run(TASK, files=("client.py",), output="client.py")
    prompt = outcome.attempts[0].prompt.messages[-1].content
    assert (
        "The rest of `client.py`, which stays as it is:\n- `import json`\n- `def rate_0(amount)`\n" in prompt
    )
    assert prompt.count("```python") == 2  # the part to change, and the form of the answer
