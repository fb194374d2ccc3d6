"""The handoff of a batch: a call that waits for one ends, and its client gets a task instead."""

from dataclasses import dataclass, fields
from typing import Any

from mcp.server.context import ServerRequestContext

from server.calls.caller import ToolContext


@dataclass
class TaskHandoff:
    """The batch that goes on without the call, empty for none."""

    job_id: str = ""


@dataclass(kw_only=True)
class HandoffRequestContext(ServerRequestContext[Any, Any]):
    """The request of a client that knows tasks: its call may hand over the batch that it waits for."""

    handoff: TaskHandoff


def with_handoff(ctx: ServerRequestContext[Any, Any], handoff: TaskHandoff) -> HandoffRequestContext:
    """Return the request with a place where its call can leave its batch."""
    return HandoffRequestContext(
        **{field.name: getattr(ctx, field.name) for field in fields(ctx)}, handoff=handoff
    )


def handoff_of(ctx: ToolContext) -> TaskHandoff | None:
    """Return where the call may leave its batch, None if its client does not know tasks."""
    request = ctx.request_context
    return request.handoff if isinstance(request, HandoffRequestContext) else None
