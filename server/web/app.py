"""The hub's ASGI app: a single port for MCP, the dashboard and the commands.

========================  ====================================================================
``/mcp``                  MCP, streamable HTTP, protocols up to 2026-07-28 (bearer token)
``/healthz?nonce=…``      version and pid (open), with a proof of identity (``hub_identity``)
``/login?code=…``         logs in a browser, once (open)
``/api/status``           the snapshot as JSON (token or cookie)
``/api/login``            POST: a new login link (token or cookie)
``/api/quit``             POST: stop the hub (token or cookie)
``/metrics``              Prometheus metrics (token or cookie)
``/api/measure``          POST ``{"model": …}``: measure a model, see ``measure_stream`` (token or cookie)
``/api/undo``             POST ``{"id": …}``: restore the contents from before an offload or a batch
``/api/cancel``           POST ``{"id": …}``: cancel a running offload or a batch
``/api/pause``            POST: pause offloading, see ``pause_routes``; ``/api/resume`` ends the pause
``/api/jobs/{id}``        one batch, see ``job_route``
``/api/forget-test``      POST ``{"session": …}``: remove the offloads from a ``doctor`` test
``/api/approvals``        calls waiting for approval (GET), and the answer to one (POST
                          ``{"id": …, "answer": "once"|"session"|"project"|"no", "reason": …}``)
``/api/token``            POST: replace the bearer token (token or cookie)
``/api/statusline``       figures for Claude Code's status line (token or cookie)
``/api/tool-result``      POST a hook event: returns the hook's output, or 204 (token or cookie)
``/api/audit``            POST ``{"switch": "on"}`` or ``"off"``: switch the transcript check
``/``                     the dashboard, if mounted (cookie)
========================  ====================================================================
"""

import asyncio
import dataclasses
import os
from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass

from mcp.server.transport_security import TransportSecuritySettings
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Mount, Route
from starlette.types import ASGIApp

from server.bridge.keys import Keys
from server.common.errors import BadArguments, NotFound, TokenSaverError
from server.common.events import TokenReplaced
from server.hub import Hub
from server.ledger.metrics import CONTENT_TYPE
from server.policy.approvals import EXTENTS, ApprovalAnswer
from server.tools.mcp_server import build_mcp
from server.web.auth import AuthMiddleware
from server.web.connection_limits import ConnectionLimits
from server.web.dashboard_mount import Pages
from server.web.disconnect import CancelOnDisconnect
from server.web.instance import LOOPBACK, write_token
from server.web.job_route import job_route
from server.web.lenient_messages import LenientMessages
from server.web.measure_stream import measure_route
from server.web.pause_routes import pause_routes
from server.web.statusline import statusline_route
from server.web.tool_result import tool_result_route

Endpoint = Callable[[Request], Awaitable[Response]]


@dataclass(frozen=True)
class HubApp:
    """The authenticated app, its connection limits, and its MCP sessions. The server runs the app inside
    ``sessions``.

    The sessions are not part of the app's lifespan: a server shuts down only after its connections end, and a
    session's stream is a connection that never ends by itself.
    """

    asgi: ASGIApp
    connection_limits: ConnectionLimits
    sessions: Callable[[], AbstractAsyncContextManager[None]]


def build_app(hub: Hub, keys: Keys, port: int, pages: Pages | None = None) -> HubApp:
    """Build the app. The caller starts and closes the hub itself and ``pages``."""
    mcp = build_mcp(hub)
    names = [f"{LOOPBACK}:{port}", f"localhost:{port}"]
    mcp.streamable_http_app(
        transport_security=TransportSecuritySettings(
            allowed_hosts=names, allowed_origins=[f"http://{name}" for name in names]
        )
    )

    app = Starlette()
    app.routes.append(Route("/mcp", CancelOnDisconnect(LenientMessages(mcp.session_manager.handle_request))))
    guard = AuthMiddleware(app, keys, port, hub.events.publish)
    app.routes.extend(_api_routes(hub, keys))
    app.routes.append(_token_route(hub, guard, keys))
    app.routes.append(Mount("/", pages) if pages is not None else Route("/", _no_dashboard))
    return HubApp(guard, guard.connection_limits, mcp.session_manager.run)


def _api_routes(hub: Hub, keys: Keys) -> list[Route]:
    async def healthz(request: Request) -> Response:
        health = {"app": "token-saver", "version": hub.version, "pid": os.getpid()}
        # The socket's own addresses, because uvicorn trusts no headers about them.
        ends = request.scope["client"], request.scope["server"]
        return JSONResponse({**health, "proofs": keys.prove(request.query_params.get("nonce", ""), *ends)})

    async def status(_request: Request) -> Response:
        return JSONResponse((await hub.current_snapshot()).as_json())

    async def login(_request: Request) -> Response:
        return JSONResponse({"url": hub.login_link()})

    async def end(_request: Request) -> Response:
        hub.request_quit()
        return JSONResponse({"quitting": True})

    async def undo(request: Request) -> Response:
        return JSONResponse({"text": await hub.undo(await _argument(request, "id"))})

    async def cancel(request: Request) -> Response:
        return JSONResponse({"text": await hub.cancel(await _argument(request, "id"))})

    async def forget_test(request: Request) -> Response:
        await hub.forget_test(await _argument(request, "session"))
        return JSONResponse({"forgotten": True})

    async def approvals(request: Request) -> Response:
        if request.method == "POST":
            return JSONResponse({"text": await _answer(hub, request)})
        return JSONResponse({"waiting": [dataclasses.asdict(each) for each in hub.snapshot().approvals]})

    async def audit(request: Request) -> Response:
        switch = await _argument(request, "switch")
        if switch not in ("on", "off"):
            raise BadArguments(f"{switch!r} is neither on nor off.", "Send on or off.")
        await hub.switch_transcript_check(on=switch == "on")
        return JSONResponse({"audit": switch})

    async def adopt_setting(request: Request) -> Response:
        section, _, key = (await _argument(request, "setting")).rpartition(".")
        await hub.adopt_setting(section, key)
        return JSONResponse({"adopted": True})

    async def metrics(_request: Request) -> Response:
        text = hub.metrics.prometheus(hub.snapshot(), await hub.history.totals())
        return Response(text, media_type=CONTENT_TYPE)

    return [
        Route("/healthz", healthz),
        Route("/metrics", _plainly(metrics)),
        Route("/api/status", _plainly(status)),
        Route("/api/login", _plainly(login), methods=["POST"]),
        Route("/api/quit", _plainly(end), methods=["POST"]),
        measure_route(hub),
        *pause_routes(hub),
        job_route(hub),
        Route("/api/undo", _plainly(undo), methods=["POST"]),
        Route("/api/cancel", _plainly(cancel), methods=["POST"]),
        Route("/api/forget-test", _plainly(forget_test), methods=["POST"]),
        Route("/api/approvals", _plainly(approvals), methods=["GET", "POST"]),
        tool_result_route(hub),
        statusline_route(hub),
        Route("/api/audit", _plainly(audit), methods=["POST"]),
        Route("/api/settings", _plainly(adopt_setting), methods=["POST"]),
    ]


def _token_route(hub: Hub, guard: AuthMiddleware, keys: Keys) -> Route:
    async def replace(_request: Request) -> Response:
        await asyncio.to_thread(keys.replace, lambda token: write_token(hub.folders, token))
        hub.events.publish(TokenReplaced())
        await guard.close_sockets()
        return JSONResponse({"file": str(hub.folders.token_file)})

    return Route("/api/token", _plainly(replace), methods=["POST"])


def _plainly(endpoint: Endpoint) -> Endpoint:
    """Convert the app's own errors to JSON with their code."""

    async def answer(request: Request) -> Response:
        try:
            return await endpoint(request)
        except TokenSaverError as error:
            return JSONResponse({"error": error.code, "message": str(error)}, 400)

    return answer


async def _answer(hub: Hub, request: Request) -> str:
    """Answer a waiting call and return a sentence confirming it.

    Raises:
        BadArguments: the answer is invalid.
        NotFound: the call is not, or no longer, waiting.
    """
    waiting, chosen = await _argument(request, "id"), await _argument(request, "answer")
    extent = next((each for each in EXTENTS if each == chosen), None)
    if extent is None and chosen != "no":
        raise BadArguments(f"{chosen!r} is not a valid answer.", f"Answer {', '.join(EXTENTS)} or no.")
    reason = await _argument(request, "reason", "")
    answer = ApprovalAnswer(approved=extent is not None, extent=extent or "once", by="command", reason=reason)
    if not hub.answer_approval(waiting, answer):
        raise NotFound(
            f"Call {waiting!r} is not waiting for approval: it was answered, it ended, or it never existed.",
            "`token-saver policy waiting` lists the waiting calls.",
        )
    return "Approved." if answer.approved else "Denied."


async def _argument(request: Request, name: str, missing: str | None = None) -> str:
    """Return a string from the request's JSON body; ``missing`` if the body does not contain it.

    Raises:
        BadArguments: the body is not a JSON object with this string.
    """
    try:
        body = await request.json()
    except ValueError:
        body = None
    value = body.get(name, missing) if isinstance(body, dict) else None
    if not isinstance(value, str) or (not value and missing is None):
        raise BadArguments(f"The body lacks the string `{name}`.", f'Send {{"{name}": "…"}} as JSON.')
    return value


async def _no_dashboard(_request: Request) -> Response:
    return PlainTextResponse("The hub is running. This installation has no dashboard.\n")
