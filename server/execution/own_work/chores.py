"""All chores of a project: docstrings whose code must not change, and functions that its tests judge."""

import asyncio
from itertools import islice
from pathlib import Path

from server.common.errors import BadArguments
from server.execution.own_work.function_judge import FunctionJudge
from server.execution.own_work.functions import FunctionWithTests, functions_with_tests
from server.execution.sandbox.find import PROOFS, Sandboxes
from server.models.chores import Chore, JudgedChore, judged
from server.models.own_chores import own_chores

MOST_FUNCTIONS = 4
MOST_TRIED = 12
"""Number of functions whose tests are tried before the measurement, at two runs each."""
ANSWER_TOKENS = 800


async def chores_of_project(project: Path) -> tuple[JudgedChore, ...]:
    """Return the chores of a project. Its tests run in the sandbox alone, and only those that fail without
    the function count.

    Raises:
        BadArguments: the project has no suitable function.
    """
    documented = await asyncio.to_thread(own_chores, project)
    functions = await _functions(project)
    if not documented and not functions:
        raise BadArguments(f"{project} has no suitable Python function.", "Choose another project.")
    return (*map(judged, documented), *functions)


async def _functions(project: Path) -> tuple[JudgedChore, ...]:
    sandboxes = Sandboxes(proofs=PROOFS)
    found: list[JudgedChore] = []
    for function in await asyncio.to_thread(lambda: list(islice(functions_with_tests(project), MOST_TRIED))):
        judge = FunctionJudge(sandboxes, function)
        if await judge.judges():
            found.append(JudgedChore(_chore(function), judge))
        if len(found) == MOST_FUNCTIONS:
            break
    return tuple(found)


def _chore(function: FunctionWithTests) -> Chore:
    file = function.file.relative_to(function.check.folder).as_posix()
    name = f"{function.name} in {file}, judged by its tests"
    return Chore(name=name[:80], category="coding", task=function.task, max_tokens=ANSWER_TOKENS)
