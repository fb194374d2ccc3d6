"""Judges a model's function by the project's own tests, in the sandbox. The project is only read."""

from dataclasses import replace

from server.execution.own_work.functions import FunctionWithTests
from server.execution.project_checks.command import sandboxed_command
from server.execution.project_checks.executed import PLUGIN
from server.execution.project_checks.plugin import token_saver_replaced_source as plugin
from server.execution.sandbox.find import Sandboxes
from server.execution.sandbox.values import CommandJob, JobResult, Unavailable
from server.models.chores import code_of, without_thinking

SECONDS = 60.0
_TEXT = "replacement.py"
_QUIET = {
    "PYTHONDONTWRITEBYTECODE": "1",
    "PYTEST_ADDOPTS": "-p no:cacheprovider",
    "PATH": "/usr/local/bin:/usr/bin:/bin",
}


class FunctionJudge:
    """Runs the tests of one function on a given text of its module."""

    def __init__(self, sandboxes: Sandboxes, function: FunctionWithTests) -> None:
        self._sandboxes = sandboxes
        self._function = function

    async def judges(self) -> bool:
        """Return whether the tests tell right from wrong: they pass as the module is, and fail without the
        function's body.
        """
        function = self._function
        return await self._error(function.module) == "" and await self._error(function.emptied) != ""

    async def __call__(self, answer: str) -> str:
        """Return what is wrong with the answer's function; empty if the tests pass."""
        try:
            module = self._function.filled(code_of(without_thinking(answer)))
        except ValueError as error:
            return str(error)
        return await self._error(module)

    async def _error(self, module: str) -> str:
        sandbox = await self._sandboxes.find("command")
        if isinstance(sandbox, Unavailable):
            return f"not run: {sandbox.reason}"
        check = self._function.check
        command = sandboxed_command(check, check.words_for(self._function.file, self._function.tests))
        if isinstance(command, str):
            return f"not run: {command}"
        job = CommandJob(
            command.words,
            check.folder,
            env=_QUIET
            | {
                "PYTHONPATH": str(PLUGIN.parent),
                "PYTEST_PLUGINS": plugin.__name__.rpartition(".")[2],
                plugin.REPLACED: str(self._function.file),
                plugin.REPLACEMENT: _TEXT,
            },
            readable=(check.folder, *command.readable, PLUGIN.parent),
            files={_TEXT: module},
        )
        [result] = await sandbox.run([replace(job, limits=replace(job.limits, seconds=SECONDS))])
        return _judged(result)


def _judged(result: JobResult) -> str:
    if result.ending != "exited":
        return result.reason or f"it ended by {result.ending}"
    if result.exit_status == 0:
        return ""
    lines = result.stdout.decode(errors="replace").strip().splitlines()
    failed = next((line for line in lines if line.startswith(("FAILED", "ERROR"))), "")
    return (failed or (lines[-1] if lines else f"exit status {result.exit_status}"))[:200]
