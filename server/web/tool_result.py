"""``POST /api/tool-result``: takes an event from Claude Code's hook and returns the hook's output or 204."""

import os
from pathlib import Path
from urllib.parse import unquote_to_bytes

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from server.bridge import wire
from server.hub import Hub


def tool_result_route(hub: Hub) -> Route:
    """Return the route."""

    async def answer(request: Request) -> Response:
        project = os.fsdecode(unquote_to_bytes(request.headers.get(wire.PROJECT, "")))
        known = project if Path(project).is_absolute() else ""
        output = await hub.result_digester.answer(await request.body(), known)
        return Response(status_code=204) if output is None else JSONResponse(output)

    return Route("/api/tool-result", answer, methods=["POST"])
