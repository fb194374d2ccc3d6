"""Waits for a job, reporting progress until the job ends or the client's time limit nears."""

import asyncio
import time
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from server.batch.reply import describe, in_words
from server.bridge import wire
from server.calls.caller import ToolContext
from server.calls.long_calls.task_handoff import handoff_of
from server.calls.progress import progress_to
from server.hub import Hub
from server.offload.values import Caller

PATIENT_CLIENTS = {"claude-code": 600.0}
"""Seconds that a client waits for a call that reports progress, if longer than ``client_patience``. Progress
resets Claude Code's idle timeout (5 min over HTTP, 30 min over stdio). Ten minutes keeps a conversation
usable.
"""


async def wait_for_job(
    hub: Hub, ctx: ToolContext, job_id: str, *, cancel_with_call: bool, seconds: float | None = None
) -> None:
    """Wait until the job ends, the timeout expires, or the hub closes. The job continues after a hub restart.

    With ``cancel_with_call``, the job is cancelled if the client disconnects during the wait. Leave it unset
    for clients that hold the job's id. If the client supports tasks, the job is then handed over as a task.
    """
    handoff = handoff_of(ctx) if cancel_with_call else None
    patience = patience_of(hub, ctx) if seconds is None else seconds
    if handoff is not None:
        patience = hub.settings.offload.client_patience
    deadline = time.monotonic() + patience
    try:
        async with progress_to(ctx) as report:
            while (left := deadline - time.monotonic()) > 0:
                if await hub.batches.wait(job_id, min(left, 2.0)) or hub.batches.closed:
                    break
                counts = await hub.batches.counts(job_id)
                rate = await hub.batches.time_left(job_id)
                speed = f", about {in_words(rate)} left" if rate is not None else ""
                wrong = f", {counts.unsuccessful} failed" if counts.unsuccessful else ""
                await report(counts.ended, counts.total, f"{counts.ended}/{counts.total} tasks{wrong}{speed}")
            else:
                if handoff is not None:
                    handoff.job_id = job_id
    except asyncio.CancelledError:
        if cancel_with_call and not hub.batches.closed:
            await hub.batches.cancel(job_id, by_user=False)  # runs to its end although this call is cancelled
        raise


async def answer_for_job(
    hub: Hub, job_id: str, caller: Caller, asked: Mapping[str, Any] | None = None
) -> str:
    """Return the job's digest and record its cost. With ``asked``, also record the cost of the call with
    these arguments.

    The net figure in the digest includes the cost of the digest itself. A digest for the user is free.
    """
    if caller.by_user:
        return await describe_job(hub, job_id, for_user=True)
    text = await describe_job(hub, job_id)
    if not (await hub.batches.get(job_id)).by_user:  # otherwise the call has its own receipt
        spent = hub.ledger.cost_of_result(text) + (hub.ledger.cost_of_call(asked) if asked is not None else 0)
        text = await describe_job(hub, job_id, spent)
    await hub.batches.charge(job_id, asked, text, caller)
    return text


async def describe_job(hub: Hub, job_id: str, spent: int = 0, *, for_user: bool = False) -> str:
    """Return the job's digest, at most 600 characters. ``spent`` is the number of tokens not recorded
    yet; ``for_user`` marks a call from a shell.
    """
    counts = await hub.batches.counts(job_id)
    return describe(
        await hub.batches.get(job_id),
        replace(counts, net_tokens=counts.net_tokens - spent),
        await hub.batches.failures(job_id),
        await hub.batches.time_left(job_id),
        for_user=for_user,
    )


def patience_of(hub: Hub, ctx: ToolContext) -> float:
    """Return the number of seconds the client waits for a call."""
    params = ctx.session.client_params
    client = params.client_info.name if params is not None else ""
    has_progress = bool((ctx.request_context.meta or {}).get(wire.META_PROGRESS))
    patience = hub.settings.offload.client_patience
    return max(patience, PATIENT_CLIENTS.get(client, 0.0)) if has_progress else patience
