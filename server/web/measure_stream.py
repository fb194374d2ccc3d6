"""``POST /api/measure``: measures one model and streams the progress.

``project`` can name a folder whose functions become additional chores.

The response is JSON lines: ``{"progress": {"model", "step", "done", "total"}}`` for each step, an empty line
every few seconds in between, and finally ``{"result": …}`` or ``{"error": code, "message": …}``. Closing the
connection cancels the measurement.
"""

import asyncio
import json
from collections.abc import AsyncIterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route

from server.common.aio import BackgroundTasks
from server.common.errors import TokenSaverError
from server.common.events import MeasureProgress
from server.hub import Hub

HEARTBEAT_SECONDS = 5.0
_WORKING = BackgroundTasks()
"""Keeps a reference to each task until it ends."""


def measure_route(hub: Hub) -> Route:
    """Return the route."""

    async def measure(request: Request) -> Response:
        try:
            body = await request.json()
        except ValueError:
            body = None
        given = body if isinstance(body, dict) else {}
        model = given.get("model")
        project = given.get("project") or None
        if project is not None and not (isinstance(project, str) and Path(project).is_absolute()):
            return Response("project: not an absolute path", status_code=400)
        folder = Path(project) if project else None
        lines = _lines(hub, model if isinstance(model, str) and model else None, folder)
        return StreamingResponse(lines, media_type="application/x-ndjson")

    return Route("/api/measure", measure, methods=["POST"])


async def _lines(hub: Hub, model: str | None, project: Path | None) -> AsyncIterator[bytes]:
    news: asyncio.Queue[dict[str, Any]] = asyncio.Queue()

    async def report(progress: MeasureProgress) -> None:
        news.put_nowait({"progress": asdict(progress)})

    async def work() -> None:
        try:
            news.put_nowait({"result": asdict(await hub.measure(model, report, project))})
        except TokenSaverError as error:
            news.put_nowait({"error": error.code, "message": str(error)})
        except asyncio.CancelledError:
            this = asyncio.current_task()
            if this is not None and this.cancelling():
                raise
            news.put_nowait({"error": "cancelled", "message": "cancelled: The measurement was cancelled."})

    working = _WORKING.start(work())
    try:
        async for line in _until_ended(news, working):
            yield line
    finally:
        # The task is not awaited: closing the connection cancels this coroutine repeatedly, which would also
        # cancel the task's own clean-up.
        working.cancel()


async def _until_ended(
    news: asyncio.Queue[dict[str, Any]], working: asyncio.Task[None]
) -> AsyncIterator[bytes]:
    while True:
        try:
            async with asyncio.timeout(HEARTBEAT_SECONDS):
                line = await news.get()
        except TimeoutError:
            if working.done() and news.empty():
                working.result()  # re-raises a defect
                return
            yield b"\n"
            continue
        yield json.dumps(line, ensure_ascii=False).encode() + b"\n"
        if "progress" not in line:
            return
