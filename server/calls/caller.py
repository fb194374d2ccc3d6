"""The caller of a tool: client, session and project, read from the request once for each call."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit
from urllib.request import url2pathname

from mcp.server.mcpserver import Context
from mcp.shared.exceptions import MCPError, NoBackChannelError
from mcp.shared.message import ServerMessageMetadata
from mcp_types import ListRootsRequest, ListRootsResult
from pydantic import ValidationError

from server.bridge import wire
from server.offload.values import Caller
from server.store.records import OWN_CLIENTS, SHELL, SHELL_SESSION

ROOTS_SECONDS = 15.0
"""Seconds that a client has to answer with its roots: the machine may be busy."""

ToolContext = Context[Any, Any]


async def build_caller(
    ctx: ToolContext, configured_roots: tuple[Path, ...], arguments: Mapping[str, Any]
) -> Caller:
    """Return the caller of this call, which has these arguments; its client is asked for its roots.

    The project is the bridge's header, else the client's first MCP root, else the only configured root.
    """
    headers = ctx.headers or {}
    named = _project(headers.get(wire.PROJECT.lower(), ""))
    roots = [*([named] if named else []), *await _client_roots(ctx), *configured_roots]
    params = ctx.session.client_params
    session = (
        unquote(headers.get(wire.CLIENT_SESSION.lower(), "")) or headers.get(wire.SESSION_ID.lower()) or ""
    )
    tool_use_id = (ctx.request_context.meta or {}).get(wire.META_TOOL_USE)
    return Caller(
        client=_client(params.client_info.name, session) if params is not None else "unknown",
        session=session,
        project=roots[0] if roots else None,
        roots=tuple(dict.fromkeys(roots)),
        tool_use_id=tool_use_id if isinstance(tool_use_id, str) else None,
        arguments=arguments,
    )


def _client(name: str, session: str) -> str:
    """Return the client's name. A client with the name of a part of this app gets a suffix, because calls of
    those parts count as the user's own."""
    shell = name == SHELL and session.startswith(SHELL_SESSION)
    return f"{name} (MCP)" if name in OWN_CLIENTS and not shell else name


def _project(header: str) -> Path | None:
    # File names need not be UTF-8 on Linux; Python represents such bytes as surrogates.
    path = Path(unquote(header, errors="surrogateescape"))
    return path if header and _is_project(path) else None


def _is_project(path: Path) -> bool:
    """Whether the folder can be a project. A client that was not started in a project names the root folder,
    the user's home or a folder above it, which would allow everything."""
    if not path.is_absolute() or "\0" in str(path):
        return False
    return not Path.home().resolve().is_relative_to(path.resolve())


async def _client_roots(ctx: ToolContext) -> list[Path]:
    """Ask the client for its roots, if its protocol has them (up to 2025-11-25)."""
    capabilities = ctx.client_capabilities
    if capabilities is None or capabilities.roots is None or not ctx.session.can_send_request:
        return []
    try:
        # Related to the call, so that it is sent on the call's own stream.
        result = await ctx.session.send_request(
            ListRootsRequest(),
            ListRootsResult,
            request_read_timeout_seconds=ROOTS_SECONDS,
            metadata=ServerMessageMetadata(related_request_id=ctx.request_id),
        )
    except (MCPError, NoBackChannelError, ValidationError):
        return []  # the client declares roots but cannot list them
    return [path for root in result.roots if (path := _root_path(str(root.uri))) is not None]


def _root_path(uri: str) -> Path | None:
    parts = urlsplit(uri)
    if parts.scheme != "file":
        return None
    path = Path(url2pathname(parts.path))
    return path if _is_project(path) else None
