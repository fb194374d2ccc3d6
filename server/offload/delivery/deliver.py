"""Delivers a checked result: writes the file, runs the user's check, and reverts if the check fails."""

import asyncio
import logging
import time
from dataclasses import replace
from functools import partial

from server.common.aio import run_thread_uncancellable
from server.common.errors import FileChanged, StoreError, WorkspaceError
from server.offload.asking.plan import Plan
from server.offload.checks.named import NamedChecks
from server.offload.checks.project import ProjectChecks, strength_of
from server.offload.checks.user_command import command_of
from server.offload.delivery.change import FileChange, apply, content_of, plan_change, revert, to_delivery
from server.offload.delivery.check_runner import CheckRunner
from server.offload.delivery.rescue_copies import RescueCopies
from server.offload.files.workspace import Workspace, split_selection
from server.offload.run.recorder import OffloadState, check_folder
from server.offload.values import STRENGTHS, Check, Delivery, Task, Verdict
from server.store.history import History
from server.store.records import UndoRecord

logger = logging.getLogger(__name__)


class Deliverer:
    """Writes results. A per-file lock keeps two unchecked results out of the same file."""

    def __init__(
        self,
        history: History,
        checks: NamedChecks,
        runner: CheckRunner,
        project_checks: ProjectChecks,
        rescue_copies: RescueCopies,
    ) -> None:
        self._history = history
        self._project_checks = project_checks
        self._rescue_copies = rescue_copies
        self.checks = checks
        self._runner = runner
        self._locks: dict[str, asyncio.Lock] = {}

    def require_check(self, task: Task, workspace: Workspace) -> None:
        """Check that the named check in the task exists and can be read.

        Raises:
            BadArguments: the check does not exist, or it does not accept a file of this name.
            SettingsError: the check's command or the settings cannot be read.
        """
        if task.check and task.output:
            command_of(
                task.check,
                self.checks.current(),
                workspace.confine_to_write(split_selection(workspace, task.output)[0]),
            )

    async def check_fails_on(
        self, run: OffloadState, workspace: Workspace, plan: Plan, wrong: Verdict
    ) -> bool:
        """Return whether the task's named check fails on a wrong result. If it does, the check tests what the
        result does. The file is restored before this returns.

        Raises: the same errors as ``place``.
        """
        if plan.target is None or not run.task.check:
            return False
        async with self._locks.setdefault(str(plan.target.path), asyncio.Lock()):
            change = await run_thread_uncancellable(plan_change, workspace, plan, plan.target, wrong)
            change = await self._put(run, change)
            try:
                change, check = await self._check(run, change)
                return check is not None and not check.passed
            finally:
                await self._take_back(run, change)

    async def place(
        self, run: OffloadState, workspace: Workspace, plan: Plan, verdict: Verdict
    ) -> tuple[Delivery | None, Verdict]:
        """Write the result. Return the delivery, and the verdict with what the user's checks found.

        The user's checks are the named check from the task and the project's accepted checks. If a project
        check also fails on the old file, it says nothing about the change.

        The old bytes are in the history before the new bytes reach the disk. If the check fails, or if an
        error or a cancellation ends this call early, the old bytes are restored before it returns. Anything
        the check or the user changed in the meantime is saved as a rescue copy. If restoring or copying is
        impossible, the file is left as is. ``run.remarks`` says which content was saved or left.

        Raises:
            WorkspaceError: the file changed before the write, or cannot be written. It was not touched.
            StoreError: the history cannot be written.
        """
        target = plan.target
        if target is None:
            return None, verdict
        run.progress.stage("deliver", target.shown)
        lock = self._locks.setdefault(str(target.path), asyncio.Lock())
        async with lock:
            began = time.monotonic()
            change = await run_thread_uncancellable(plan_change, workspace, plan, target, verdict)
            if name := run.task.check:
                command = command_of(name, self.checks.known, change.path)
                folder = check_folder(run.caller, change.path)
                restore = partial(revert, change, self._rescue_copies)
                await self._runner.try_unchanged(name, command, folder, change.path, restore)
            change = await self._put(run, change)
            try:
                run.add_seconds("write", time.monotonic() - began)
                change, check = await self._check(run, change)
                if check is not None:
                    verdict = replace(verdict, checks=(*verdict.checks, check))
                if verdict.passed:
                    change, verdict = await self._check_project(run, change, verdict)
                if verdict.passed:
                    run.delivery = await run_thread_uncancellable(to_delivery, change)
                return run.delivery, verdict
            finally:
                if run.delivery is None:
                    await self._take_back(run, change)

    async def _put(self, run: OffloadState, change: FileChange) -> FileChange:
        """Save the old bytes, then write. A failure or a cancellation undoes both."""
        written: list[FileChange] = []
        try:
            await self._history.save_undo(run.id, _undo(change))
            await run_thread_uncancellable(lambda: written.append(apply(change)))
        except StoreError:  # nothing was saved, so nothing was written
            raise
        except BaseException:
            if written:
                await self._take_back(run, written[0])
            else:
                await self._history.save_undo(run.id, None)
            raise
        return written[0]

    async def _check(self, run: OffloadState, change: FileChange) -> tuple[FileChange, Check | None]:
        """Run the user's check on the written file. A check may change the file; a formatter does, for
        example.
        """
        name = run.task.check
        if not name:
            return change, None
        run.progress.stage("check", name)
        began = time.monotonic()
        command = command_of(name, self.checks.known, change.path)
        check = await self._runner.run(name, command, check_folder(run.caller, change.path))
        run.add_seconds("check", time.monotonic() - began)
        return await self._as_left(run, change, passed=check.passed), check

    async def _as_left(self, run: OffloadState, change: FileChange, *, passed: bool) -> FileChange:
        """Return the change with whatever content a passing check left in the file.

        Raises:
            FileChanged: the check replaced the file with something else.
        """
        after = await run_thread_uncancellable(content_of, change)
        if passed and after != change.after:
            change = FileChange(change.path, change.shown, change.before, after, change.created)
            await self._history.save_undo(run.id, _undo(change))
        return change

    async def _check_project(
        self, run: OffloadState, change: FileChange, verdict: Verdict
    ) -> tuple[FileChange, Verdict]:
        """Run the project's accepted checks, stopping at the first finding against the change."""
        root = check_folder(run.caller, change.path)
        for planned in await asyncio.to_thread(self._project_checks.plan, root, change.path):
            name = planned.check.name
            run.progress.stage("check", name)
            began = time.monotonic()
            ran = await self._project_checks.run(planned, change.path)
            reason = ran.reason
            if ran.finding is not None and not ran.finding.passed and change.before is not None:
                # If the old file fails as well, the change is not the cause.
                await self._take_back(run, change)
                earlier = await self._project_checks.run(planned, change.path)
                if earlier.finding is not None and not earlier.finding.passed:
                    ran, reason = earlier, "it also failed before the change"
                change = await self._put(run, change)
            run.add_seconds("check", time.monotonic() - began)
            if ran.finding is None or reason:
                verdict = replace(verdict, unchecked=(*verdict.unchecked, f"{name} ({reason})"))
                continue
            verdict = replace(verdict, checks=(*verdict.checks, ran.finding))
            if not ran.finding.passed:
                break
            if planned.place == "outside":
                change = await self._as_left(run, change, passed=True)
            shown = strength_of(planned, ran, _text(change.before), _text(change.after))
            if shown is not None and STRENGTHS.index(shown) < STRENGTHS.index(verdict.strength):
                verdict = replace(verdict, strength=shown)
        return change, verdict

    async def _take_back(self, run: OffloadState, change: FileChange) -> None:
        """Restore the old bytes and delete the undo record."""
        try:
            kept = await run_thread_uncancellable(revert, change, self._rescue_copies)
        except FileChanged:
            logger.warning("%s changed during the revert and was not touched", change.path)
            return
        except WorkspaceError as error:
            logger.warning("%s could not be restored: %s", change.path, error)
            run.remarks.append(f"But {change.shown} could not be restored: {error.cause}")
            return
        if kept is not None:
            logger.warning(
                "%s was changed after the write; the changed content is saved as %s", change.path, kept
            )
            run.remarks.append(
                f"{change.shown} changed during its check; the changed content is saved as {kept}."
            )
        await self._history.save_undo(run.id, None)


def _text(content: bytes | None) -> str:
    return (content or b"").decode(errors="replace")


def _undo(change: FileChange) -> UndoRecord:
    return UndoRecord(str(change.path), change.before, change.after_digest)
