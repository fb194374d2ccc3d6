"""Asks a client for its roots: during the call or, since protocol 2026-07-28, between two rounds of a call.

In that protocol, servers send no requests to clients: the call ends with the question as its result, and the
client calls again with the answer.
"""

from pathlib import Path
from urllib.parse import urlsplit
from urllib.request import url2pathname

from mcp.shared.exceptions import MCPError, NoBackChannelError
from mcp.shared.message import ServerMessageMetadata
from mcp_types import InputRequiredResult, ListRootsRequest, ListRootsResult
from pydantic import ValidationError

from server.bridge import wire
from server.calls.call_state import CallState, state_of
from server.calls.caller import ToolContext, is_project, project_of

ROOTS_SECONDS = 15.0
"""Seconds a client has to answer with its roots. The timeout is long because the machine may be busy."""
_QUESTION = "roots"


def needs_roots(context: ToolContext) -> bool:
    """Return whether this call must end by asking for the client's roots: the client has roots, has not named
    a project, and has not been asked before.
    """
    capabilities = context.client_capabilities
    return (
        (context.protocol_version or "") >= wire.MODERN_VERSION
        and capabilities is not None
        and capabilities.roots is not None
        and context.request_state is None
        and project_of(context) is None
    )


def roots_question() -> InputRequiredResult:
    """Return a result that asks the client for its roots."""
    return InputRequiredResult(
        input_requests={_QUESTION: ListRootsRequest()}, request_state=CallState().sealed_text()
    )


def answered_roots(context: ToolContext) -> tuple[str, ...] | None:
    """Return the URIs of the roots that the client named in this or an earlier round; None if it has not
    answered.
    """
    answer = (context.input_responses or {}).get(_QUESTION)
    if isinstance(answer, ListRootsResult):
        return tuple(str(root.uri) for root in answer.roots)
    state = state_of(context)
    return state.roots if state is not None else None


async def client_roots(context: ToolContext) -> tuple[Path, ...]:
    """Return the client's roots that are folders. Clients on protocol 2025-11-25 or earlier are asked now."""
    uris = answered_roots(context) or await _asked(context)
    return tuple(path for uri in uris if (path := _root_path(uri)) is not None)


async def _asked(context: ToolContext) -> tuple[str, ...]:
    capabilities = context.client_capabilities
    if capabilities is None or capabilities.roots is None or not context.session.can_send_request:
        return ()
    try:
        # The request is related to the call, so that it uses the call's own stream.
        result = await context.session.send_request(
            ListRootsRequest(),
            ListRootsResult,
            request_read_timeout_seconds=ROOTS_SECONDS,
            metadata=ServerMessageMetadata(related_request_id=context.request_id),
        )
    except (MCPError, NoBackChannelError, ValidationError):
        return ()  # the client declares roots but cannot list them
    return tuple(str(root.uri) for root in result.roots)


def _root_path(uri: str) -> Path | None:
    parts = urlsplit(uri)
    if parts.scheme != "file":
        return None
    path = Path(url2pathname(parts.path))
    return path if is_project(path) else None
