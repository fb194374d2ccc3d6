"""The hub: all of the app's working parts, assembled from the settings.

``async with open_hub(settings, folders) as hub`` starts the parts and shuts them down in order. ``snapshot``,
``on_change``, ``submit``, ``request_quit`` and ``login_link`` can be called from any thread. All other
methods belong to the hub's event loop.
"""

import asyncio
import concurrent.futures
import contextlib
import dataclasses
import logging
from collections.abc import AsyncIterator, Callable, Coroutine
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

from server.batch.undo import own_work, undo_batch
from server.bridge.keys import Keys
from server.common.errors import BadArguments, HubUnreachable
from server.common.events import SettingsChanged, TranscriptChecksSwitched
from server.config.folders import Folders
from server.config.immediate import needs_restart, with_immediate
from server.config.settings import Settings, load_settings
from server.config.settings_file import set_setting
from server.config.sources import recorded_value
from server.engine.pause_gate import paused
from server.execution.own_work.chores import chores_of_project
from server.hub_parts import HubParts
from server.models.measure import ReportMeasure
from server.policy.approvals import ApprovalAnswer
from server.state.snapshot import PendingApproval, Snapshot
from server.store.job_ids import find_job_id, is_job_id
from server.store.job_states import changes
from server.store.measurements import MeasurementRecord

logger = logging.getLogger(__name__)
T = TypeVar("T")


@contextlib.asynccontextmanager
async def open_hub(
    settings: Settings, folders: Folders, url: str = "", keys: Keys | None = None
) -> AsyncIterator["Hub"]:
    """Run a hub for the duration of the ``async with`` block.

    Args:
        url: address the hub is served at; empty if it is not served.
        keys: keys that grant access to that address.

    Raises:
        StoreError: the history cannot be opened.
        OSError: the folders cannot be created.
    """
    hub = await Hub.start(settings, folders, url, keys)
    try:
        yield hub
    finally:
        await hub.close()


class Hub(HubParts):
    """A user's hub. It owns the queue, engine, history and policy for all clients."""

    async def close(self) -> None:
        """Shut down running work, then the engine's child processes, then the history."""
        await self._closing.aclose()

    async def end_work(self) -> None:
        """Cancel running work and record the cancellation. Batches continue the next time the hub runs."""
        await self.batches.close()
        await self.offloader.close()

    def snapshot(self) -> Snapshot:
        """Return the current snapshot. Performs no I/O and can be called from any thread."""
        snapshot = self._activity.snapshot()
        batches = self.batches.working()
        on_hold = tuple(each.line for each in batches) if snapshot.paused_until is not None else ()
        approvals = self._pending_approvals()
        return dataclasses.replace(snapshot, approvals=approvals, on_hold=on_hold, batches=batches)

    async def current_snapshot(self) -> Snapshot:
        """Return an up-to-date snapshot. Use this for one-off requests.

        Raises:
            StoreError: the history cannot be read.
        """
        await self._totals.ensure_current()
        return self.snapshot()

    def answer_approval(self, approval_id: str, answer: ApprovalAnswer) -> bool:
        """Answer a waiting call. Return False if it was already answered. Can be called from any thread."""
        return self.gate.approvals.answer(approval_id, answer)

    def on_change(self, listener: Callable[[], None]) -> Callable[[], None]:
        """Call ``listener`` whenever the snapshot may have changed. Call the returned function to remove it.

        ``listener`` is called in the thread that made the change, often many times a second while a model
        writes, so it must return immediately.
        """
        return self._listeners.add(listener)

    def submit(self, coroutine: Coroutine[Any, Any, T]) -> "concurrent.futures.Future[T]":
        """Run ``coroutine`` on the hub's loop from another thread."""
        if self._loop.is_closed():
            coroutine.close()
            raise HubUnreachable("The hub is not running.", "Start token-saver again.")
        return asyncio.run_coroutine_threadsafe(coroutine, self._loop)

    def pause(self, until: float = 0.0, reason: str = "", *, finish: bool = False) -> None:
        """Stop accepting work until ``until`` (seconds since the epoch; 0: until ``resume``).

        Running work is ended immediately or, with ``finish``, allowed to complete. Batch items wait and are
        restarted later. The pause survives a restart. Can be called from any thread.
        """
        self._pause.pause(until, reason, finish=finish)

    def resume(self) -> None:
        """Accept work again. Can be called from any thread."""
        self._pause.resume()

    def give_way(self, reason: str) -> None:
        """Pause automatically until ``go_on``. ``reason`` is a sentence without the full stop."""
        self._pause.give_way(reason)

    def go_on(self) -> None:
        """End the automatic pause. A pause by the user remains in effect."""
        self._pause.go_on()

    async def measure(
        self,
        model: str | None = None,
        report: ReportMeasure | None = None,
        project: Path | None = None,
    ) -> MeasurementRecord:
        """Measure a model (None: the model in use) and keep the result; see ``Measuring.measure``. Functions
        of ``project`` become additional chores.

        ``hub.measuring`` names the model being measured and can cancel the measurement. Progress is published
        as ``MeasureProgress`` and is part of the snapshot's ``activities``.

        Raises:
            TokenSaverError: as in ``Measuring.measure``.
        """
        self.check_paused()
        own = None if project is None else partial(chores_of_project, project)
        return await self.measuring.measure(model, report, own)

    def check_paused(self) -> None:
        """Ensure that offloading is not paused.

        Raises:
            Paused: offloading is paused.
        """
        if (reason := self._pause.reason()) is not None:
            raise paused(reason)

    async def undo(self, given: str, *, by_user: bool = True) -> str:
        """Undo an offload, or every file in a batch, by its id. Return a report on the restored files.

        Raises:
            NotFound: the offload or batch does not exist, or there is nothing to undo.
            BadArguments: the batch is running.
            Denied: an agent asked to undo the user's own work.
            FileChanged: the offload's file has changed since.
        """
        if is_job_id(given):
            job_id = await find_job_id(self.history.database, given)
            undone = await undo_batch(self.batches, self.history, self.offloader, job_id, by_user=by_user)
            return undone.text
        detail = await self.history.find(given)
        if detail.row.by_user and not by_user:
            raise own_work(given)
        return await self.offloader.undo(detail.row.id)

    async def cancel(self, given: str) -> str:
        """Cancel a running offload or a batch for the user. Return a sentence confirming it.

        Raises:
            NotFound: the offload or batch does not exist, or the offload is not running.
            BadArguments: the batch has already ended.
        """
        if not is_job_id(given):
            offload_id = (await self.history.find(given)).row.id
            await self.offloader.cancel(offload_id)
            outcome = (await self.history.find(offload_id)).row.outcome
            ended = "is cancelled" if outcome == "cancelled" else f"had already ended: {outcome}"
            return f"Offload {offload_id} {ended}."
        job_id = await find_job_id(self.history.database, given)
        if not changes((await self.batches.get(job_id)).state, "cancel"):
            raise BadArguments(
                f"Batch {job_id} has already ended.", f"`token-saver undo {job_id}` restores its files."
            )
        await self.batches.cancel(job_id)
        return f"Batch {job_id} is cancelled. Files already written are kept."

    async def forget_test(self, session: str) -> None:
        """Remove a test's offloads from the history and from the savings."""
        await self.history.forget_test(session)
        self._totals.refresh_soon()

    async def change_setting(self, section: str, key: str, value: object) -> None:
        """Write a setting to ``config.toml``. ``section`` is empty for the top level; a value of None removes
        the setting.

        Settings that need no restart (see ``needs_restart``) are in effect when the call returns.

        Raises:
            SettingsError: ``config.toml`` cannot be changed or the value is invalid. Nothing has been
            changed.
        """
        async with self._changing_settings:
            await asyncio.to_thread(set_setting, self.folders, section, key, value)
            await self._adopt(section, key)

    async def adopt_setting(self, section: str, key: str) -> None:
        """Use a setting that was changed in ``config.toml``, unless it needs a restart.

        Raises:
            SettingsError: ``config.toml`` is invalid. The settings stay as they were.
        """
        async with self._changing_settings:
            await self._adopt(section, key)

    async def switch_transcript_check(self, *, on: bool) -> None:
        """Switch the transcript check on or off and save the setting.

        Raises:
            SettingsError: ``config.toml`` cannot be changed. The check was not switched.
        """
        async with self._changing_settings:
            await asyncio.to_thread(set_setting, self.folders, "savings", "audit", on)
            savings = self.settings.savings.model_copy(update={"audit": on})
            self.settings = self.settings.model_copy(update={"savings": savings})
            self.transcript_check.settings = savings
        self._checks.wake()
        self.events.publish(TranscriptChecksSwitched(on))

    def login_link(self, page: str = "") -> str:
        """Return a single-use link that logs a browser in to the dashboard and opens a page by its name, such
        as ``review``; by default *Now*.
        """
        url, then = self._activity.url, f"&page={page}" if page else ""
        return f"{url}/login?code={self.keys.new_code()}{then}" if self.keys is not None else url

    def request_quit(self, *, restart: bool = False) -> None:
        """Ask the hub's process to end. With ``restart``, it starts again with the same command."""
        self._quit.request(restart=restart)

    @property
    def restart_requested(self) -> bool:
        """Return whether the process will start again after ending."""
        return self._quit.restart

    def on_quit(self, listener: Callable[[], None]) -> None:
        """Call ``listener`` when the process is asked to end. A tray then stops its loop."""
        self._quit.on_request(listener)

    def wait_for_quit(self) -> None:
        """Block until ``request_quit`` is called."""
        self._quit.wait()

    async def _adopt(self, section: str, key: str) -> None:
        """See ``adopt_setting``. The caller holds ``_changing_settings``."""
        written = await asyncio.to_thread(load_settings, self.folders)
        before = recorded_value(self._written or self.settings, section, key)
        if not needs_restart(section, key):
            self._use(with_immediate(self.settings, written))
        self._written = written
        after = recorded_value(written, section, key)
        self.events.publish(SettingsChanged(f"{section}.{key}".lstrip("."), before=before, after=after))

    def _use(self, settings: Settings) -> None:
        """Pass settings to the parts that read them for each call."""
        self.settings = settings
        self.offloader.use_settings(settings)
        self.compressor.allow_losing = settings.offload.allow_losing
        self.batches.use_limits(settings.batch)
        self._pruner.days = settings.history.days
        self.ledger.settings = settings.ledger
        self._monitor.settings = settings.yielding

    def _pending_approvals(self) -> tuple[PendingApproval, ...]:
        return tuple(
            PendingApproval(
                id=each.id,
                tool=each.call.tool,
                client=each.call.client,
                project=each.call.project,
                reason=each.reason,
                files=each.call.files,
                paths=each.call.paths,
                deadline=each.deadline,
            )
            for each in self.gate.approvals.pending()
        )
