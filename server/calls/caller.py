"""The caller of a tool: client, session and project, read from the request once per call."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import unquote

from mcp.server.mcpserver import Context

from server.bridge import wire
from server.offload.values import Caller
from server.store.records import OWN_CLIENTS, SHELL, SHELL_SESSION

ToolContext = Context[Any, Any]


def build_caller(
    ctx: ToolContext,
    client_roots: tuple[Path, ...],
    configured_roots: tuple[Path, ...],
    arguments: Mapping[str, Any],
) -> Caller:
    """Build the caller of a call with these arguments.

    The project comes from the bridge's header, failing that from the client's first MCP root, and failing
    that from the only configured root.
    """
    headers = ctx.headers or {}
    named = project_of(ctx)
    roots = [*([named] if named else []), *client_roots, *configured_roots]
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
    """Return the client's name. Names used by parts of this app get a suffix, because calls from those parts
    are treated as the user's own.
    """
    shell = name == SHELL and session.startswith(SHELL_SESSION)
    return f"{name} (MCP)" if name in OWN_CLIENTS and not shell else name


def project_of(ctx: ToolContext) -> Path | None:
    """Return the project named in the bridge's header, if any."""
    header = (ctx.headers or {}).get(wire.PROJECT.lower(), "")
    # File names need not be UTF-8 on Linux; Python represents such bytes as surrogates.
    path = Path(unquote(header, errors="surrogateescape"))
    return path if header and is_project(path) else None


def is_project(path: Path) -> bool:
    """Return whether the folder can be a project.

    A client that was not started in a project reports the root folder, the user's home or a folder above it.
    Such a folder would give access to everything.
    """
    if not path.is_absolute() or "\0" in str(path):
        return False
    return not Path.home().resolve().is_relative_to(path.resolve())
