"""The table of answers with their required results. No bad answer reaches a file."""

import json
import tomllib
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from tests.offload.test_pipeline import snapshot
from tests.pipeline_harness import OpenPipeline
from tests.standins.answers import Answer

pytestmark = pytest.mark.anyio
TABLE = Path(__file__).parent.parent / "data" / "answers"
LARGE = "".join(f"def f{n}(x):\n    # add\n    return x + {n}\n\n\n" for n in range(200)).rstrip() + "\n"


@dataclass(frozen=True)
class Case:
    """A call, the model's answer in each round (the last one repeats), and the outcome."""

    name: str
    arguments: dict[str, Any]
    answers: list[str]
    outcome: str
    code: str
    rounds: int | None
    files: dict[str, str]
    after: dict[str, str]
    options: dict[str, Any] = field(default_factory=dict)
    noticed: bool = False


def written_cases() -> list[Case]:
    rows = tomllib.loads((TABLE / "written.toml").read_text(encoding="utf-8"))["case"]
    return [_written(row) for row in rows]


def recorded_cases() -> list[Case]:
    return [Case(**row) for row in json.loads((TABLE / "recorded.json").read_text(encoding="utf-8"))]


def _written(row: dict[str, Any]) -> Case:
    path = row["path"]
    text = LARGE if row.get("large") else row.get("file")
    files = row.get("inputs") or ({path: text} if text is not None else {})
    after = dict(files)
    if "replaced" in row:
        after = {path: LARGE.replace(*row["replaced"])}
    elif row["outcome"] == "delivered":
        after = {path: row["after"]}
    inputs = list(row.get("inputs", ())) or ([path + row.get("select", "")] if files else [])
    hopeless = row.get("tries")
    rounds = row.get("repairs", 0) + 1 if row["outcome"] in ("delivered", "returned") else hopeless
    options = {"max_output_tokens": row["max_output_tokens"]} if "max_output_tokens" in row else {}
    arguments = {"task": row["task"], "files": inputs, "output": path or None}
    arguments["output_format"] = row.get("output_format", "code")
    code = row.get("code", "")
    return Case(row["name"], arguments, row["answers"], row["outcome"], code, rounds, files, after, options,
                row.get("noticed", False))  # fmt: skip


def test_the_table_has_its_full_size() -> None:
    assert len(written_cases()) >= 60
    assert len(recorded_cases()) >= 60


@pytest.mark.parametrize("case", written_cases(), ids=lambda case: case.name)
async def test_a_written_answer(case: Case, open_pipeline: OpenPipeline, project: Path) -> None:
    await check(case, open_pipeline, project)


@pytest.mark.parametrize("case", recorded_cases(), ids=lambda case: case.name)
async def test_an_answer_of_a_real_model(case: Case, open_pipeline: OpenPipeline, project: Path) -> None:
    await check(case, open_pipeline, project)


async def check(case: Case, open_pipeline: OpenPipeline, project: Path) -> None:
    for name, text in case.files.items():
        (project / name).write_bytes(text.encode())
    pipeline = await open_pipeline(offload=case.options)
    said = iter(case.answers)
    last = case.answers[-1]
    pipeline.ollama.answers.choose(lambda _prompt, _body: Answer(next(said, last)))
    arguments = {**case.arguments, "files": tuple(case.arguments.get("files", ()))}
    outcome = await pipeline.run(arguments.pop("task"), **arguments)
    assert (outcome.name, outcome.code) == (case.outcome, case.code), outcome.text
    assert bool(outcome.notices) == case.noticed, outcome.notices
    assert case.rounds in (None, len(outcome.attempts))
    expected = {name: text.encode() for name, text in case.after.items()}
    assert snapshot(project) == dict(sorted(expected.items()))
    if outcome.name != "returned":
        assert len(outcome.text) <= 400
