"""``GET /api/statusline?session=…``: the figures of Claude Code's status line."""

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from server.common.days import days_ago, midnight
from server.hub import Hub

DAYS = 7
"""Days of a session that are looked at."""


def statusline_route(hub: Hub) -> Route:
    """Return the route."""

    async def figures(request: Request) -> Response:
        snapshot = await hub.current_snapshot()
        digests = hub.result_digester.digests
        session = request.query_params.get("session", "")
        offloads = await hub.history.net_tokens_of_session(session, days_ago(DAYS))
        today = await digests.net_tokens(since=midnight().timestamp())
        loaded = snapshot.engine.loaded
        return JSONResponse(
            {
                "model": loaded[0].name if loaded else snapshot.engine.default_model,
                "paused": snapshot.paused_until is not None,
                "today": snapshot.saved_today.net_tokens + today,
                "session": offloads + await digests.net_tokens(session=session),
            }
        )

    return Route("/api/statusline", figures)
