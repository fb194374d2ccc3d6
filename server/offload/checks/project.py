"""The project's own checks, as accepted by the user, run on the written file."""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from server.common.errors import SettingsError
from server.execution.project_checks.accepted import AcceptedChecks, Place
from server.execution.project_checks.command import sandboxed_command
from server.execution.project_checks.executed import PLUGIN, covers_change, executed_lines, watching
from server.execution.project_checks.related import related_tests
from server.execution.project_checks.values import ProjectCheck
from server.execution.sandbox.find import Sandboxes
from server.execution.sandbox.values import CommandJob, JobResult, Limits, Unavailable
from server.offload.checks import codes
from server.offload.checks.user_command import LONGEST_OUTPUT, run_check
from server.offload.values import Check, Strength

NOTHING_COLLECTED = 5
"""pytest's exit status when it finds no tests."""
_QUIET = {
    "PYTHONDONTWRITEBYTECODE": "1",
    "PYTEST_ADDOPTS": "-p no:cacheprovider",
    "MYPY_CACHE_DIR": "/dev/null",
    "RUFF_NO_CACHE": "true",
    "NO_COLOR": "1",
    "PATH": "/usr/local/bin:/usr/bin:/bin",
}
"""Environment variables that stop tools from writing into the project, which they may only read."""


@dataclass(frozen=True)
class Planned:
    """A check for a written file, with its command split into words."""

    check: ProjectCheck
    place: Place
    words: tuple[str, ...]
    tests: tuple[Path, ...]


@dataclass(frozen=True)
class Ran:
    """The result of a check. ``finding`` is None if the check could not run, and ``reason`` says why."""

    finding: Check | None
    reason: str = ""
    output: str = ""


class ProjectChecks:
    """Finds and runs the accepted checks."""

    def __init__(
        self, accepted: AcceptedChecks, sandboxes: Sandboxes, seconds: float, variables: Iterable[str]
    ) -> None:
        self._accepted = accepted
        self._sandboxes = sandboxes
        self.seconds = seconds
        self._variables = tuple(variables)

    def plan(self, root: Path, file: Path) -> list[Planned]:
        """Return the accepted checks that apply to a file, fastest first. Blocks.

        Tests run only if they concern the file. Scripts of unknown purpose are left out.

        Raises:
            SettingsError: the accepted checks cannot be read.
        """
        concerned = [each for each in self._accepted.of(root) if each[0].concerns(file)]
        if not concerned:
            return []
        tests = related_tests(root, file)
        planned: list[Planned] = []
        for check, place in concerned:
            own = tuple(test for test in tests if test.is_relative_to(check.folder))
            narrowed = "{tests}" in check.for_file
            if check.kind == "everything" or (narrowed and not own):
                continue
            planned.append(Planned(check, place, check.words_for(file, own), own))
        return planned

    async def run(self, planned: Planned, file: Path) -> Ran:
        """Run one check, in the sandbox unless the user accepted it to run outside."""
        if planned.place == "outside":
            return await self._run_outside(planned)
        sandbox = await self._sandboxes.find("command")
        if isinstance(sandbox, Unavailable):
            return Ran(None, f"no sandbox: {sandbox.reason}")
        command = sandboxed_command(planned.check, planned.words)
        if isinstance(command, str):
            return Ran(None, command)
        limits = Limits(**{**vars(CommandJob(()).limits), "seconds": self.seconds})
        env = _QUIET | (watching(file) if _is_pytest(planned.check) else {})
        readable = (planned.check.folder, *command.readable, PLUGIN)
        job = CommandJob(command.words, planned.check.folder, env=env, readable=readable, limits=limits)
        [result] = await sandbox.run([job])
        return _judged(planned, result)

    async def _run_outside(self, planned: Planned) -> Ran:
        name, folder = planned.check.name, planned.check.folder
        try:
            check = await run_check(name, planned.words, folder, self.seconds, self._variables)
        except SettingsError as error:
            return Ran(None, error.cause)
        return Ran(check, output=check.message)


def strength_of(planned: Planned, ran: Ran, before: str, after: str) -> Strength | None:
    """Return the evidence from a passed check: types, or tests that executed the changed code."""
    if planned.check.kind == "types":
        return "typed"
    if _is_pytest(planned.check) and covers_change(before, after, executed_lines(ran.output)):
        return "tests ran"
    return None


def _judged(planned: Planned, result: JobResult) -> Ran:
    output = (result.stdout + result.stderr).decode(errors="replace")
    if result.ending != "exited":
        return Ran(None, result.reason or f"it ended by {result.ending}")
    if _is_pytest(planned.check) and result.exit_status == NOTHING_COLLECTED:
        return Ran(None, "it found no tests")
    shown = f"check {planned.check.name}"
    if result.exit_status == 0:
        return Ran(Check(shown, passed=True), output=output)
    message = f"Exit status {result.exit_status}:\n{output.strip()[-LONGEST_OUTPUT:]}"
    return Ran(Check(shown, passed=False, message=message, code=codes.CHECK_FAILED), output=output)


def _is_pytest(check: ProjectCheck) -> bool:
    return check.name == "pytest"
