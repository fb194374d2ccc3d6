"""``POST /api/pause`` and ``/api/resume``: pause and resume offloading.

``/api/pause`` takes ``{"until": seconds since the epoch, "finish": true or false}``, both optional: 0 means
"until resumed"; ``finish`` lets running work finish first. Both routes return ``{"paused_until",
"on_hold"}``; ``/api/resume`` adds ``"was_paused"``.
"""

from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from server.hub import Hub


def pause_routes(hub: Hub) -> list[Route]:
    """Return the two routes."""

    async def pause(request: Request) -> Response:
        body = await _body(request)
        until, finish = body.get("until", 0), body.get("finish", False)
        if not isinstance(until, int | float) or not isinstance(finish, bool):
            text = 'bad_arguments: `until` is a number, `finish` true or false. Send {"until": 0} as JSON.'
            return JSONResponse({"error": "bad_arguments", "message": text}, 400)
        hub.pause(float(until), "The user paused offloading.", finish=finish)
        return _state(hub)

    async def resume(_request: Request) -> Response:
        was_paused = hub.snapshot().paused_until is not None
        hub.resume()
        return _state(hub, was_paused=was_paused)

    return [
        Route("/api/pause", pause, methods=["POST"]),
        Route("/api/resume", resume, methods=["POST"]),
    ]


def _state(hub: Hub, **more: bool) -> Response:
    snapshot = hub.snapshot()
    return JSONResponse({"paused_until": snapshot.paused_until, "on_hold": snapshot.on_hold, **more})


async def _body(request: Request) -> dict[str, Any]:
    try:
        body = await request.json()
    except ValueError:
        return {}
    return body if isinstance(body, dict) else {}
