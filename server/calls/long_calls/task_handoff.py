"""Batch handoff: a call waiting for a batch ends, and its client receives a task instead."""

from dataclasses import dataclass, fields
from typing import Any

from mcp.server.context import ServerRequestContext

from server.calls.caller import ToolContext


@dataclass
class TaskHandoff:
    """The batch that continues without the call; empty if there is none."""

    job_id: str = ""


@dataclass(kw_only=True)
class HandoffRequestContext(ServerRequestContext[Any, Any]):
    """A request from a client that supports tasks, so the call can hand over the batch it is waiting for."""

    handoff: TaskHandoff


def with_handoff(ctx: ServerRequestContext[Any, Any], handoff: TaskHandoff) -> HandoffRequestContext:
    """Return the request with a slot where its call can leave its batch."""
    return HandoffRequestContext(
        **{field.name: getattr(ctx, field.name) for field in fields(ctx)}, handoff=handoff
    )


def handoff_of(ctx: ToolContext) -> TaskHandoff | None:
    """Return the slot where the call can leave its batch; None if its client does not support tasks."""
    request = ctx.request_context
    return request.handoff if isinstance(request, HandoffRequestContext) else None
