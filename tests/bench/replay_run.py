"""Right edits, run: what executing them refuses that the checks of form deliver.

    uv run python -m tests.bench.replay_run PATH_OF_A_REPOSITORY [--commits 100]
    uv run python -m tests.bench.replay_run --cases

Every answer is right (a commit's own result, or the expected file of an answer case), so that none should be
refused. Most files import others of their project and cannot be loaded alone: they are "not run".
"""

import argparse
import asyncio
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from server.execution.sandbox.find import Sandbox, Sandboxes
from server.offload.asking.plan import Plan
from server.offload.code.languages import language_of
from server.offload.files.workspace import digest_of
from server.offload.trial_runs.new_code import run_new_code
from server.offload.trial_runs.runtimes import runtime_of
from server.offload.values import Source, Target, Task
from tests.bench.replay import edited_files
from tests.offload.answer_cases import load_cases


@dataclass(frozen=True)
class RightEdit:
    """One edit that is right."""

    label: str
    path: str
    task: str
    before: str
    after: str


def main() -> None:
    """Run the edits and print the counts by language."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("repository", type=Path, nargs="?")
    parser.add_argument("--commits", type=int, default=100, help="files of commits at most")
    parser.add_argument("--cases", action="store_true", help="the answer cases of the tests instead")
    given = parser.parse_args()
    edits = _of_cases() if given.cases else _of_commits(given.repository, given.commits)
    counts, told = asyncio.run(_run(edits))
    for name, each in counts.items():
        print(name, dict(each))
    for line in told:
        print(line[:300])


def _of_commits(repository: Path, most: int) -> Iterator[RightEdit]:
    for each in edited_files(repository, most):
        label = f"{each.commit} {each.path}"
        yield RightEdit(label, each.path, each.message, each.before.decode(), each.after.decode())


def _of_cases() -> Iterator[RightEdit]:
    for case in load_cases():
        if case.expect == "delivered" and case.expected is not None:
            before = case.given.get(case.output, b"").decode(errors="replace")
            yield RightEdit(case.name, case.output, case.task, before, case.expected.decode(errors="replace"))


async def _run(edits: Iterator[RightEdit]) -> tuple[dict[str, Counter[str]], list[str]]:
    sandboxes = Sandboxes()
    counts: dict[str, Counter[str]] = {}
    told: list[str] = []
    for edit in edits:
        path = Path("/project") / edit.path
        source = Source(path, edit.path, edit.before, digest_of(edit.before.encode()), 0, len(edit.before))
        edited = source if edit.before else None
        target = Target(path, edit.path, source.digest, edit.before)
        language = language_of(edit.path)
        kind = "edit_file" if edited else "generate"
        plan = Plan(
            kind,
            Task(edit.task, (edit.path,), edit.path),
            (source,) if edited else (),
            target,
            edited,
            language,
        )
        runtime = runtime_of(plan)
        if runtime is None or isinstance(runtime, str) or plan.is_test or language is None:
            continue
        sandbox = await sandboxes.find(runtime.kind)
        if not isinstance(sandbox, Sandbox):
            raise SystemExit(f"no sandbox: {sandbox.reason}")
        run = await run_new_code(sandbox, runtime, plan, edit.after)
        failure = next((check for check in run.checks if not check.passed), None)
        found = counts.setdefault(language.name, Counter())
        found["refused" if failure else "ran" if run.checks else "not run"] += 1
        if failure is not None:
            told.append(f"refused: {edit.label}: {failure.message}")
        likely = [notice.text for notice in run.notices if notice.likely]
        if likely:
            found["asked about"] += 1
            told.append(f"asked about: {edit.label}: {likely[0]}")
    return counts, told


if __name__ == "__main__":
    main()
