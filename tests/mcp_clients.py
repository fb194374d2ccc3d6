"""Clients from the ``mcp`` package, over the bridge and over HTTP, for both eras of the protocol."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import httpx2
from mcp.client.client import Client
from mcp.client.extension import ClientExtension
from mcp.client.stdio import StdioServerParameters, stdio_client
from mcp.client.streamable_http import streamable_http_client
from mcp_types import CallToolResult, ElicitResult, Implementation, ListRootsResult, Root, TextContent

from tests.bridge_client import BRIDGE
from tests.hub_process import HubProcess

ERAS = ("legacy", "2026-07-28")
"""Values for ``Client(mode=…)``: the handshake up to 2025-11-25, and self-contained requests."""


@asynccontextmanager
async def bridge_client(
    environ: dict[str, str],
    project: Path,
    mode: str = "auto",
    roots: tuple[Path, ...] = (),
    answer: Callable[..., Awaitable[ElicitResult]] | None = None,
    *,
    extensions: tuple[ClientExtension, ...] = (),
) -> AsyncIterator[Client]:
    """Connect through ``token-saver-mcp``, started in ``project``; ``answer`` answers its requests."""
    command, *arguments = BRIDGE
    parameters = StdioServerParameters(command=command, args=arguments, env=environ, cwd=project)
    async with Client(
        stdio_client(parameters),
        mode=mode,
        list_roots_callback=_roots(roots) if roots else None,
        elicitation_callback=answer,
        extensions=extensions or None,
    ) as client:
        yield client


@asynccontextmanager
async def http_client(
    hub: HubProcess,
    mode: str,
    name: str = "mcp",
    roots: tuple[Path, ...] = (),
    answer: Callable[..., Awaitable[ElicitResult]] | None = None,
) -> AsyncIterator[Client]:
    """Connect directly to the hub's ``/mcp`` under this client name; ``answer`` answers its requests."""
    headers = {"Authorization": f"Bearer {hub.token}"}
    async with (
        httpx2.AsyncClient(headers=headers, timeout=60) as http,
        Client(
            streamable_http_client(f"{hub.info.url}/mcp", http_client=http),
            mode=mode,
            list_roots_callback=_roots(roots) if roots else None,
            elicitation_callback=answer,
            client_info=Implementation(name=name, version="1"),
        ) as client,
    ):
        yield client


def text_of(result: object) -> str:
    """Return the text of a tool's result."""
    assert isinstance(result, CallToolResult)
    return "\n".join(block.text for block in result.content if isinstance(block, TextContent))


def _roots(folders: tuple[Path, ...]) -> Callable[..., Awaitable[ListRootsResult]]:
    async def list_roots(_context: object) -> ListRootsResult:
        return ListRootsResult(roots=[Root(uri=folder.as_uri()) for folder in folders])

    return list_roots
