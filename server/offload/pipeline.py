"""The pipeline for one offload: read, plan, weigh the cost, fit, generate, check, repair, deliver, record.

``Offloader.run`` is the entry point. Each stage takes a frozen value and returns the next (see
``values.py``). No file is written until all built-in checks have passed. A file written for the user's own
check is restored unless that check passes.
"""

import asyncio
import secrets
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any

from server.backends.base import PullProgress
from server.common.aio import cancel_and_wait
from server.common.days import days_ago
from server.common.errors import EngineChanged, NotFound, StillDownloading, StoreError, TokenSaverError
from server.common.events import EventBus
from server.config.folders import Folders
from server.config.settings import Settings
from server.engine.engine import Engine
from server.execution.project_checks.accepted import AcceptedChecks
from server.execution.sandbox.find import PROOFS, Sandboxes
from server.ledger.receipt import Ledger
from server.models.ranking import installed_model_for
from server.offload.asking.generate import Sampling, loads_to_count
from server.offload.asking.plan import Plan, make_plan
from server.offload.asking.profitability import arguments_of, require_profit
from server.offload.asking.prompt import fit
from server.offload.checks.named import NamedChecks
from server.offload.checks.places import CheckPlaces
from server.offload.checks.project import ProjectChecks
from server.offload.delivery import crash_recovery, undo
from server.offload.delivery.check_runner import CheckRunner
from server.offload.delivery.deliver import Deliverer
from server.offload.delivery.rescue_copies import RescueCopies
from server.offload.delivery.retry_finish import FinishRetrier
from server.offload.files.search_threads import search
from server.offload.files.workspace import Workspace, open_workspace, read_task
from server.offload.rounds import Rounds
from server.offload.routing.kinds import ChoreKind, kind_of
from server.offload.routing.shares import Share, measured_share, refusal
from server.offload.run import reply
from server.offload.run.progress import Progress
from server.offload.run.recorder import OffloadRecorder, OffloadState
from server.offload.trial_runs.trials import Trials
from server.offload.values import Caller, Check, Delivery, ItemOf, Outcome, Report, Task
from server.store.history import History
from server.store.measurements import Measurements

EVIDENCE_DAYS = 30
"""Days after which the user's own offloads no longer say anything about a model, so that it is tried again.
"""
PATIENCE_RESERVE = 5.0
"""Seconds before the client's timeout at which a call waiting for a download returns."""


class Offloader:
    """Runs any number of concurrent offloads on one event loop. The engine's queue orders them."""

    def __init__(  # noqa: PLR0917 - parts of the hub, in the hub's order
        self,
        settings: Settings,
        engine: Engine,
        history: History,
        ledger: Ledger,
        events: EventBus,
        folders: Folders,
    ) -> None:
        self._settings = settings.offload
        self._keep_alive = settings.backend.keep_alive
        sandboxes = Sandboxes(proofs=PROOFS)
        self._trials = Trials(settings.offload, sandboxes)
        self._engine = engine
        self._history = history
        self._ledger = ledger
        self._events = events
        self.recorder = OffloadRecorder(history, ledger, events)
        self._rescue_copies = RescueCopies(folders.rescue_copies, settings.history.days)
        project_checks = ProjectChecks(
            AcceptedChecks(folders.accepted_checks),
            sandboxes,
            settings.offload.check_timeout,
            settings.offload.check_env,
        )
        named_checks = NamedChecks(settings.checks, folders)
        places = CheckPlaces(folders.check_places)
        runner = CheckRunner(
            settings.offload,
            cache=folders.cache,
            sandboxes=sandboxes,
            rescue_copies=self._rescue_copies,
            checks=named_checks,
            places=places,
        )
        self._runner, self._project_checks = runner, project_checks
        self._deliverer = Deliverer(history, named_checks, runner, project_checks, self._rescue_copies)
        self._open_workspace = partial(open_workspace, settings=settings, folders=folders)
        self._folders = folders
        self._finish_retrier = FinishRetrier(history, self.recorder, self._rescue_copies)
        self._running: dict[str, asyncio.Task[Outcome]] = {}
        self._closing = False

    async def start(self) -> tuple[str, ...]:
        """Restore files that a crash left written but not accepted, and return their paths. Call this before
        ``run``.
        """
        return await crash_recovery.recover(self._history, self._rescue_copies)

    def use_settings(self, settings: Settings) -> None:
        """Use these settings for calls that start from now on. The engine's settings stay as they were."""
        self._settings = self._trials.settings = self._runner.settings = settings.offload
        self._project_checks.seconds = settings.offload.check_timeout
        self._deliverer.checks.use(settings.checks)
        self._open_workspace = partial(open_workspace, settings=settings, folders=self._folders)

    async def close(self) -> None:
        """Cancel all running offloads, then wait until they are recorded and their files restored."""
        self._closing = True
        await cancel_and_wait(*self._running.values())
        await self._finish_retrier.close()

    async def settled(self) -> None:
        """Wait until every interrupted offload is recorded and its file is restored."""
        await self._finish_retrier.drain()

    async def run(
        self,
        task: Task,
        caller: Caller,
        report: Report,
        *,
        offload_id: str | None = None,
        interactive: bool = True,
        item_of: ItemOf | None = None,
        workspace: Workspace | None = None,
    ) -> Outcome:
        """Run one task and return its outcome. A ``TokenSaverError`` is turned into an outcome as well.

        ``interactive`` tasks are queued ahead of batch items. ``item_of`` is set for a batch item.
        ``workspace`` is set if the call has already been prepared. Cancelling the call cancels the offload,
        which is recorded before ``CancelledError`` is raised.

        Raises:
            StoreError: the history cannot be written. The task was not run.
        """
        run = self.new_run(task, caller, report, arguments_of(task), offload_id)
        run.interactive = interactive
        run.item_of = item_of
        place = workspace or self.workspace(caller)
        return await self.drive(run, lambda: self._work(run, place))

    async def refused(self, tool: str, caller: Caller, error: TokenSaverError) -> None:
        """Record a call that was refused before it began. Even such a call has a cost: Claude wrote it and
        reads the reason.
        """
        arguments = dict(caller.arguments or {})
        task = Task.of_refused(arguments, tool)
        run = self.new_run(task, caller, _ignore_progress, arguments, None)
        await self.recorder.open(run)
        await self.recorder.close_failed(run, error)

    def new_run(
        self,
        task: Task,
        caller: Caller,
        report: Report,
        arguments: dict[str, Any],
        offload_id: str | None = None,
    ) -> OffloadState:
        """Return the state of a new offload; ``drive`` runs it."""
        run_id = offload_id or secrets.token_hex(4)
        return OffloadState(run_id, task, caller, Progress(run_id, report, self._events), arguments)

    async def drive(self, run: OffloadState, work_of: Callable[[], Awaitable[Outcome]]) -> Outcome:
        """Run and record one offload, and make it cancellable. Returns and raises like ``run``."""
        # A separate task: ``cancel`` then ends the offload but not its caller, and cancelling the caller does
        # not interrupt restoring and recording.
        work = asyncio.create_task(self._recorded(run, work_of), name=f"offload {run.id}")
        self._running[run.id] = work
        work.add_done_callback(lambda _: self._running.pop(run.id, None))
        try:
            return await asyncio.shield(work)
        except asyncio.CancelledError:
            this = asyncio.current_task()
            if not work.cancelled() or (this is not None and this.cancelling()):
                work.cancel()
                await asyncio.wait([work])
                raise
        return _cancelled(run, closing=self._closing)

    def workspace(self, caller: Caller) -> Workspace:
        """Return the caller's workspace: the folders that the caller may read and write."""
        return self._open_workspace(caller)

    async def cancel(self, offload_id: str) -> None:
        """Cancel a running offload. Its caller gets a "cancelled" outcome, or the real one if it was already
        reached.

        Raises:
            NotFound: no offload with this id is running.
        """
        work = self._running.get(offload_id)
        if work is None:
            raise NotFound(f"Offload {offload_id} is not running.", "It may have ended already.")
        work.cancel()
        await asyncio.wait([work])

    async def undo(self, offload_id: str) -> str:
        """Restore the files that the offload overwrote; see ``undo.undo``."""
        return await undo.undo(self._history, self._events, offload_id)

    async def _recorded(self, run: OffloadState, work_of: Callable[[], Awaitable[Outcome]]) -> Outcome:
        """Run the offload and record it in the history, whatever the outcome."""
        try:
            await self.recorder.open(run)
            async with run.progress.reporting():
                return await work_of()
        except asyncio.CancelledError:
            await self._settle(run, None)
            raise
        except TokenSaverError as error:
            return await self._settle(run, error)
        except Exception as error:  # noqa: BLE001 - a bug must not leave a row without an end
            return await self._settle(run, error)

    async def _settle(self, run: OffloadState, error: Exception | None) -> Outcome:
        """Record an offload that was interrupted by ``error``, or by cancellation if None."""
        try:
            return await self._end(run, error)
        except StoreError as unwritten:
            why = error if isinstance(error, StoreError) else unwritten
            self._finish_retrier.schedule(run, why)
            raise why from None

    async def _end(self, run: OffloadState, error: Exception | None) -> Outcome:
        if run.outcome is not None:
            return run.outcome
        if run.delivery is not None:  # written and accepted before the interruption
            return await self._delivered(run, run.delivery)
        if error is None:
            text = "cancelled: The call was cancelled. Nothing was written."
            return await self.recorder.close(run, "cancelled", text, "cancelled")
        return await self.recorder.close_failed(run, error)

    async def _work(self, run: OffloadState, workspace: Workspace) -> Outcome:
        task = run.task
        run.progress.stage("read", ", ".join(task.files[:3]))
        plan = await search(workspace, self._plan, run)
        try:
            return await self._answer(run, workspace, plan)
        except EngineChanged:
            return await self._answer(run, workspace, plan)

    async def _answer(self, run: OffloadState, workspace: Workspace, plan: Plan) -> Outcome:
        """Choose the model, generate an answer, and deliver or hand back the result."""
        run.model = await self.model_for(run)
        run.chore_kind = kind_of(plan, runs=await self._trials.can_run(plan))
        if (below := await self._refusal(run, run.chore_kind)) is not None:
            return await self.hand_back(run, below)
        with run.during("load" if loads_to_count(self._engine, run.model) else "fit"):
            prompt = await fit(plan, self._engine, run.model, self._settings.max_output_tokens)
        rounds = Rounds(
            self._engine,
            workspace,
            self.recorder,
            self._deliverer,
            self._settings,
            self._trials,
            await self._refusal(run, kind_of(plan, runs=False)),
        )
        delivery, failure = await rounds.play(run, plan, prompt, self.sampling(run))
        if failure is not None:
            return await self.hand_back(run, failure)
        if delivery is None:
            verdict = run.verdict
            text = reply.returned(verdict.text, verdict.notices, verdict.strength)
            return await self.recorder.close(run, "returned", text, "")
        return await self._delivered(run, delivery)

    async def _refusal(self, run: OffloadState, kind: ChoreKind) -> Check | None:
        """Return why the model does not get chores of this kind, if it does not.

        The user's own calls and calls that name a model are never refused.
        """
        if run.caller.by_user or run.task.model:
            return None
        shown = await Measurements(self._history.database).shown(run.model, kind, days_ago(EVIDENCE_DAYS))
        return refusal(run.model, kind, measured_share(run.model, kind) + Share(*shown), self._settings)

    async def hand_back(self, run: OffloadState, failure: Check) -> Outcome:
        """Record that the result failed a check, and return the hand-back as the outcome."""
        text = reply.handed_back(run.id, failure, tuple(run.attempts), by_user=run.caller.by_user)
        return await self.recorder.close(run, "handed_back", text, failure.code)

    def _plan(self, workspace: Workspace, run: OffloadState) -> Plan:
        """Read the task's files, refusing tasks that are impossible or would save nothing. Blocks."""
        reading = read_task(workspace, run.task)
        plan = make_plan(run.task, reading, self._settings.max_output_tokens)
        run.sources = plan.sources
        self._trials.require_examples(plan)
        self._deliverer.require_check(run.task, workspace)
        if not (self._settings.allow_losing or run.caller.by_user):
            require_profit(plan, self._ledger, self._settings.max_output_tokens)
        return plan

    def sampling(self, run: OffloadState) -> Sampling:
        """Return the sampling settings for this offload."""
        return Sampling(
            run.model, self._settings.temperature, self._keep_alive, run.caller.lane, run.interactive, run.id
        )

    async def _delivered(self, run: OffloadState, delivery: Delivery) -> Outcome:
        """Record the written file. The reply states the net savings, with its own cost already included."""
        net = 0
        for _ in range(2):
            text = self._reply_text(run, delivery, net)
            net = (
                self.recorder.net_if_by_claude(run, delivery, text)
                if run.caller.by_user
                else self.recorder.receipt(run, delivery, text, "delivered").net_tokens
            )
        return await self.recorder.close(run, "delivered", self._reply_text(run, delivery, net), "", delivery)

    def _reply_text(self, run: OffloadState, delivery: Delivery, net: int) -> str:
        return reply.delivered(
            run.id,
            delivery,
            run.verdict,
            failed=sum(not attempt.verdict.passed for attempt in run.attempts),
            model=run.model,
            seconds=run.elapsed,
            net=net,
            by_user=run.caller.by_user,
        )

    async def model_for(self, run: OffloadState, *, patience: float | None = None) -> str:
        """Return the model to use once its weights are downloaded.

        Args:
            patience: seconds to wait for a download. Derived from the client's patience by default; the
                user's own calls and batch items wait indefinitely.

        Raises:
            StillDownloading: the download takes longer than that.
            BackendError: no engine is available, or the model does not exist.
        """
        backend = await self._engine.use()
        run.backend = backend.label
        wanted = run.task.model
        if wanted is None and run.task.category:
            wanted = await installed_model_for(
                self._engine, self._folders, run.task.category, Measurements(self._history.database)
            )
        model = await self._engine.choose_model(wanted, recent=not run.interactive)
        so_far = PullProgress(model, "")

        async def report(progress: PullProgress) -> None:
            nonlocal so_far
            so_far = progress
            run.progress.stage("download", _describe_progress(progress))

        if patience is None and not run.caller.by_user and run.interactive:
            patience = max(1.0, self._settings.client_patience - PATIENCE_RESERVE)
        try:
            async with asyncio.timeout(patience):
                await self._engine.ensure_model(report, model)
        except TimeoutError:
            raise StillDownloading(
                f"The model {model} is being downloaded: {_describe_progress(so_far)}.",
                "The download continues. Try again in a few minutes.",
                "The download continues. Call again in a few minutes, or do this task yourself.",
            ) from None
        return model


def _cancelled(run: OffloadState, *, closing: bool) -> Outcome:
    if run.outcome is not None and run.outcome.name != "cancelled":
        return run.outcome
    why = "Token Saver is closing" if closing else "The user cancelled this offload"
    step = "Do this task yourself, or call again later." if closing else "Ask the user how to continue."
    if run.caller.by_user:
        step = "Try again later." if closing else ""
    return Outcome(
        offload_id=run.id,
        name="cancelled",
        text=" ".join(filter(None, (f"cancelled: {why}; nothing was written.", step, *run.remarks))),
        code="cancelled",
        attempts=tuple(run.attempts),
    )


async def _ignore_progress(_done: float, _total: float | None, _message: str) -> None:
    """Ignore progress, because a refused call makes none."""


def _describe_progress(progress: PullProgress) -> str:
    if not progress.total:
        return progress.status or "starting"
    return f"{progress.completed / 1e6:,.0f} of {progress.total / 1e6:,.0f} MB"
