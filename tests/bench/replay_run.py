"""Real commits, run: what executing right Python edits refuses that the checks of form deliver.

    uv run python -m tests.bench.replay_run PATH_OF_A_REPOSITORY [--commits 100]

Every answer is right, so that none should be refused. Most files import others of their project and cannot be
loaded alone: they are "not run".
"""

import argparse
import asyncio
from collections import Counter
from pathlib import Path

from server.execution.python.runtime import PythonRuntime
from server.execution.sandbox.find import Sandbox, Sandboxes
from server.offload.asking.plan import Plan
from server.offload.code.languages import language_of
from server.offload.files.workspace import digest_of
from server.offload.trial_runs.new_code import run_new_code
from server.offload.values import Source, Target, Task
from tests.bench.replay import edited_files


def main() -> None:
    """Run the commits' Python files and print the counts."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("repository", type=Path)
    parser.add_argument("--commits", type=int, default=100, help="files of commits at most")
    given = parser.parse_args()
    counts, refused = asyncio.run(_run(given.repository, given.commits))
    print(dict(counts))
    for each in refused:
        print(f"refused: {each[:300]}")


async def _run(repository: Path, most: int) -> tuple[Counter[str], list[str]]:
    sandbox = await Sandboxes().find("python")
    if not isinstance(sandbox, Sandbox):
        raise SystemExit(f"no sandbox: {sandbox.reason}")
    counts: Counter[str] = Counter()
    refused: list[str] = []
    for each in edited_files(repository, most):
        if not each.path.endswith(".py"):
            continue
        before, after = each.before.decode(), each.after.decode()
        path = Path("/project") / each.path
        source = Source(path, each.path, before, digest_of(each.before), 0, len(before))
        target = Target(path, each.path, source.digest, before)
        task = Task(each.message, (each.path,), each.path)
        plan = Plan("edit_file", task, (source,), target, source, language_of(each.path))
        run = await run_new_code(sandbox, PythonRuntime(), plan, after)
        failure = next((check for check in run.checks if not check.passed), None)
        counts["refused" if failure else "ran" if run.checks else "not run"] += 1
        if failure is not None:
            refused.append(f"{each.commit} {each.path}: {failure.message}")
    return counts, refused


if __name__ == "__main__":
    main()
