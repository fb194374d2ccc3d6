"""Held-out sessions over MCP: no tools and no instructions."""

from typing import Any
from urllib.parse import unquote

from mcp.server.context import CallNext, HandlerResult, ServerMiddleware, ServerRequestContext
from pydantic import BaseModel

from server.bridge import wire
from server.ledger.holdout import Holdout

_EMPTIED: dict[str, dict[str, Any]] = {
    "initialize": {"instructions": None},
    "server/discover": {"instructions": None},
    "tools/list": {"tools": []},
    "prompts/list": {"prompts": []},
}
"""Methods, and the empty results that a held-out session gets."""


class HoldoutMiddleware(ServerMiddleware[Any]):
    """Empties the lists that a held-out session requests."""

    def __init__(self, holdout: Holdout) -> None:
        self._holdout = holdout

    async def __call__(self, ctx: ServerRequestContext[Any, Any], call_next: CallNext) -> HandlerResult:
        result = await call_next(ctx)
        emptied = _EMPTIED.get(ctx.method)
        if emptied is None or result is None or not await self._holdout.is_silent(_session(ctx)):
            return result
        if isinstance(result, BaseModel):
            return result.model_copy(update=emptied)
        return {key: value for key, value in {**result, **emptied}.items() if value is not None}


def _session(ctx: ServerRequestContext[Any, Any]) -> str:
    headers = getattr(ctx.request, "headers", None) or {}
    return unquote(headers.get(wire.CLIENT_SESSION.lower(), ""))
