"""Tasks in German, French, Spanish, Japanese and Chinese: the outcome is the same as in English."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from server.offload.answers.edits import apply
from server.offload.asking.plan import make_plan
from server.offload.checks.run import check_answer
from server.offload.files import selection
from server.offload.files.workspace import Reading, digest_of
from server.offload.values import Generation, Source, Target, Task

LANGUAGES = ("en", "de", "fr", "es", "ja", "zh")
CASES: list[dict[str, Any]] = yaml.safe_load(Path(__file__).with_name("task_languages.yaml").read_bytes())


def test_each_case_has_a_task_in_each_language() -> None:
    assert len(CASES) >= 10
    assert all(tuple(case["tasks"]) == LANGUAGES for case in CASES)


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("case", CASES, ids=[case["name"] for case in CASES])
def test_the_outcome_does_not_depend_on_the_language(case: dict[str, Any], language: str) -> None:
    before = case["before"]
    part = case.get("select", "")
    start, end = selection.find(before, case["file"], part, case["file"]) if part else (0, len(before))
    path = Path("/project", case["file"])
    source = Source(path, case["file"], before, digest_of(before.encode()), start, end, part)
    target = Target(path, case["file"], source.digest, before)
    task = Task(case["tasks"][language], (case["file"],), case["file"])
    plan = make_plan(task, Reading((source,), target), 4_000)
    verdict = check_answer(plan, Generation(f"```\n{case['answer']}```", "", "stop", 1, 1))
    assert verdict.passed == (case["outcome"] != "refused"), verdict.reason
    notices = "; ".join(notice.text for notice in verdict.notices)
    if case["outcome"] == "noticed":
        assert case["notice"] in notices
    else:
        assert notices == ""
    if verdict.passed:
        assert apply(before, verdict.edits) == case.get("expected", case["answer"])
