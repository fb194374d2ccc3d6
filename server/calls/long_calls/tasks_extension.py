"""Turns long calls into tasks for clients that declare the extension ``io.modelcontextprotocol/tasks``.

A call that takes longer than ``[offload] client_patience`` returns a task. The client polls the task with
``tasks/get`` and cancels it with ``tasks/cancel``, as in the extension's 2026 draft. A batch is stored in the
database, so its task survives a restart. Any other call is kept in memory for an hour after it ends.

The server never asks the client anything during a task, so ``tasks/update`` is a no-op. The server sends no
``notifications/tasks``; instead, the client polls every few seconds.
"""

import asyncio
import hmac
import secrets
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from mcp.server.context import CallNext, HandlerResult, ServerRequestContext
from mcp.server.extension import Extension, MethodBinding
from mcp.server.mcpserver.server import require_client_extension
from mcp.shared.exceptions import MCPError
from mcp_types import INTERNAL_ERROR, INVALID_PARAMS, CallToolRequestParams, RequestParams
from mcp_types.version import MODERN_PROTOCOL_VERSIONS
from pydantic import BaseModel, Field

from server.calls.long_calls.job_wait import describe_job
from server.calls.long_calls.task_handoff import TaskHandoff, with_handoff
from server.calls.secret_redaction import redact_text
from server.common.days import SECONDS_A_DAY
from server.common.errors import NotFound
from server.hub import Hub
from server.policy.values import Call
from server.store.job_records import JobRecord

EXTENSION = "io.modelcontextprotocol/tasks"
POLL_MS = 5_000
"""Poll interval suggested to the client (milliseconds)."""
HANDOVER_SECONDS = 2.0
"""Time a call has to hand over its batch after the client's patience runs out (seconds)."""
KEPT_SECONDS = 3_600.0
"""How long a call's result stays available after the call ends (seconds). A batch's result lives as long as
its row.
"""


class TaskParams(RequestParams):
    """Parameters for ``tasks/get`` and ``tasks/cancel``."""

    task_id: str = Field(alias="taskId")


class TaskUpdateParams(TaskParams):
    """Parameters for ``tasks/update``."""

    input_responses: dict[str, Any] = Field(default_factory=dict, alias="inputResponses")


@dataclass
class _Call:
    """A call that keeps running after returning a task."""

    work: "asyncio.Task[HandlerResult]"
    created_at: float = field(default_factory=time.time)
    ended_at: float | None = None


class Tasks(Extension):
    """The extension, for one hub."""

    identifier = EXTENSION

    def __init__(self, hub: Hub) -> None:
        self._hub = hub
        self._calls: dict[str, _Call] = {}
        self._secret = secrets.token_hex(16)

    def methods(self) -> Sequence[MethodBinding]:
        """Return the three task request handlers."""
        versions = frozenset(MODERN_PROTOCOL_VERSIONS)
        return (
            MethodBinding("tasks/get", TaskParams, self._get, versions),
            MethodBinding("tasks/update", TaskUpdateParams, self._update, versions),
            MethodBinding("tasks/cancel", TaskParams, self._cancel, versions),
        )

    async def intercept_tool_call(
        self,
        params: CallToolRequestParams,  # noqa: ARG002 - the base class's signature
        ctx: ServerRequestContext[Any, Any],
        call_next: CallNext,
    ) -> HandlerResult:
        """Run the call for as long as its client is patient, then return a task."""
        if not _declares(ctx):
            return await call_next(ctx)
        handoff = TaskHandoff()
        work = asyncio.ensure_future(call_next(with_handoff(ctx, handoff)))
        try:
            # A call that waits for a batch hands it over shortly before this time.
            await asyncio.wait({work}, timeout=self._hub.settings.offload.client_patience + HANDOVER_SECONDS)
        except asyncio.CancelledError:
            work.cancel()
            await asyncio.wait({work})
            raise
        if not work.done():
            return _created(self._keep(work))
        result = work.result()
        if handoff.job_id:
            task = await self._job_task(await self._hub.batches.get(handoff.job_id))
            return _created(task) if task["status"] == "working" else result
        return result

    def _keep(self, work: "asyncio.Task[HandlerResult]") -> dict[str, Any]:
        self._forget_old()
        call = _Call(work)
        task_id = secrets.token_urlsafe(18)
        self._calls[task_id] = call

        def ended(_: "asyncio.Task[HandlerResult]") -> None:
            call.ended_at = time.time()

        work.add_done_callback(ended)
        return _call_task(task_id, call)

    async def _get(self, ctx: ServerRequestContext[Any, Any], params: TaskParams) -> HandlerResult:
        require_client_extension(ctx, EXTENSION)
        call = self._calls.get(params.task_id)
        if call is not None:
            return _call_task(params.task_id, call)
        return await self._job_task(await self._job(params.task_id, "look"))

    async def _update(self, ctx: ServerRequestContext[Any, Any], params: TaskUpdateParams) -> HandlerResult:
        require_client_extension(ctx, EXTENSION)
        if params.task_id not in self._calls:
            await self._job(params.task_id, "look")
        return {}

    async def _cancel(self, ctx: ServerRequestContext[Any, Any], params: TaskParams) -> HandlerResult:
        require_client_extension(ctx, EXTENSION)
        call = self._calls.get(params.task_id)
        if call is not None:
            call.work.cancel()
        else:
            await self._hub.batches.cancel((await self._job(params.task_id, "cancel")).id, by_user=False)
        return {}

    async def _job(self, task_id: str, action: str) -> JobRecord:
        """Return a task's batch, if the policy allows ``check_job`` for it."""
        job_id, _, signature = task_id.partition(".")
        try:
            job = await self._hub.batches.get(job_id) if self._is_signed(job_id, signature) else None
        except NotFound:
            job = None  # removed together with its history
        if job is None:
            raise MCPError(INVALID_PARAMS, "Failed to retrieve task: Task not found")
        if denied := await self._hub.gate.denies_look(_look_at(job, action)):
            raise MCPError(INVALID_PARAMS, f"Failed to retrieve task: {denied}")
        return job

    async def _job_task(self, job: JobRecord) -> dict[str, Any]:
        days = self._hub.settings.history.days
        task_id = f"{job.id}.{self._signature(job.id)}"
        task = _task(task_id, job.created_at, job.ended_at, job.created_at + days * SECONDS_A_DAY)
        if job.state in {"running", "paused"}:
            counts = await self._hub.batches.counts(job.id)
            said = f"{job.state}: {counts.ended}/{counts.total} tasks"
            return {**task, "status": "working", "statusMessage": said}
        text = await redact_text(self._hub, _look_at(job), await describe_job(self._hub, job.id))
        if job.state == "cancelled":
            return {**task, "status": "cancelled", "statusMessage": text}
        return {**task, "status": "completed", "result": _text_result(text)}

    def _signature(self, job_id: str) -> str:
        """Return the unguessable part of a task's id."""
        keys = self._hub.keys
        return keys.sign(f"task {job_id}") if keys is not None else self._secret + job_id

    def _is_signed(self, job_id: str, signature: str) -> bool:
        keys = self._hub.keys
        if keys is not None:
            return keys.signed(f"task {job_id}", signature)
        return hmac.compare_digest(signature.encode(), self._signature(job_id).encode())

    def _forget_old(self) -> None:
        before = time.time() - KEPT_SECONDS
        self._calls = {
            task_id: call
            for task_id, call in self._calls.items()
            if call.ended_at is None or call.ended_at > before
        }


def _look_at(job: JobRecord, action: str = "look") -> Call:
    arguments = {"job": job.id, "action": action}
    return Call("check_job", arguments, client=job.client, session=job.session, project=job.project)


def _declares(ctx: ServerRequestContext[Any, Any]) -> bool:
    if ctx.protocol_version not in MODERN_PROTOCOL_VERSIONS:
        return False  # older protocol versions allow no other result
    capabilities = ctx.session.client_capabilities
    return bool(capabilities and EXTENSION in (capabilities.extensions or {}))


def _created(task: dict[str, Any]) -> dict[str, Any]:
    """Return the response to a call that became a task: the task without its result."""
    seed = {key: value for key, value in task.items() if key not in ("result", "error")}
    return {**seed, "resultType": "task"}


def _call_task(task_id: str, call: _Call) -> dict[str, Any]:
    now = time.time()
    task = _task(task_id, call.created_at, call.ended_at, (call.ended_at or now) + KEPT_SECONDS)
    if not call.work.done():
        return {**task, "status": "working"}
    if call.work.cancelled():
        return {**task, "status": "cancelled"}
    error = call.work.exception()
    if error is not None:
        said = error.error if isinstance(error, MCPError) else None
        code, message = (said.code, said.message) if said else (INTERNAL_ERROR, "Internal error")
        return {
            **task,
            "status": "failed",
            "statusMessage": message,
            "error": {"code": code, "message": message},
        }
    return {**task, "status": "completed", "result": _plain(call.work.result())}


def _task(task_id: str, created_at: float, ended_at: float | None, kept_until: float) -> dict[str, Any]:
    return {
        "taskId": task_id,
        "createdAt": _iso(created_at),
        "lastUpdatedAt": _iso(ended_at or time.time()),
        "ttlMs": round((kept_until - created_at) * 1000),
        "pollIntervalMs": POLL_MS,
    }


def _iso(instant: float) -> str:
    return datetime.fromtimestamp(instant, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _plain(result: HandlerResult) -> dict[str, Any]:
    if isinstance(result, BaseModel):
        return result.model_dump(by_alias=True, mode="json", exclude_none=True)
    return dict(result) if isinstance(result, dict) else {}


def _text_result(text: str) -> dict[str, Any]:
    return {"content": [{"type": "text", "text": text}], "isError": False}
