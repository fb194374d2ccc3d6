"""``GET /api/statusline?session=…&limits=…``: figures for Claude Code's status line.

``limits`` holds the quotas known to the client, as JSON; the reports show them beside the bill.
"""

import asyncio
import json
import logging
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from server.common.days import days_ago
from server.hub import Hub

logger = logging.getLogger(__name__)

DAYS = 7
"""Number of days of a session to examine."""


def statusline_route(hub: Hub) -> Route:
    """Return the route."""

    async def figures(request: Request) -> Response:
        snapshot = await hub.current_snapshot()
        digests = hub.result_digester.digests
        session = request.query_params.get("session", "")
        await asyncio.to_thread(_note_quota, hub, request.query_params.get("limits", ""))
        offloads = await hub.history.net_tokens_of_session(session, days_ago(DAYS))
        loaded = snapshot.engine.loaded
        return JSONResponse(
            {
                "model": loaded[0].name if loaded else snapshot.engine.default_model,
                "paused": snapshot.paused_until is not None,
                "today": snapshot.saved_today.net_tokens,
                "held_out": await hub.holdout.is_silent(session),
                "session": offloads + await digests.net_tokens(session=session),
            }
        )

    return Route("/api/statusline", figures)


def _note_quota(hub: Hub, text: str) -> None:
    try:
        limits: Any = json.loads(text or "{}")
        if isinstance(limits, dict):
            hub.quota.note(limits)
    except (OSError, ValueError, RecursionError) as error:
        logger.info("the quota was not noted: %s", error)
