"""Accepts some clients' messages whose form the ``mcp`` package rejects unnecessarily.

``progressToken: null`` and ``arguments: []`` mean "none". ``ping`` is allowed before ``initialize`` (MCP
specification, "Lifecycle"), so it needs no session. White space around a header value is not part of it
(RFC 9110, section 5.5), but the server's parser leaves it at the end.
"""

import json
from typing import Any

from starlette.datastructures import Headers
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from server.bridge import wire
from server.web.auth import MOST_BODY_BYTES

_INVALID_PARAMS = -32602


class LenientMessages:
    """ASGI middleware around the MCP endpoint. Answers some messages directly, and normalises and
    forwards the others.
    """

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            scope = {**scope, "headers": [(name, value.strip(b" \t")) for name, value in scope["headers"]]}
        if scope["type"] != "http" or scope["method"] != "POST":
            await self.app(scope, receive, send)
            return
        body = bytearray()
        more = True
        while more:
            event = await receive()
            if event["type"] == "http.disconnect":
                return
            body += event.get("body", b"")
            if len(body) > MOST_BODY_BYTES:
                await Response("The message is too large.\n", 413, media_type="text/plain")(
                    scope, receive, send
                )
                return
            more = event.get("more_body", False)
        message = _parsed(bytes(body))
        answer = None if message is None else _answer(message, Headers(scope=scope))
        if answer is not None:
            await _send_json(send, answer)
            return
        whole = bytes(body)
        if message is not None and _normalise(message):
            whole = json.dumps(message).encode()
            kept = [(name, value) for name, value in scope["headers"] if name != b"content-length"]
            scope = {**scope, "headers": [*kept, (b"content-length", str(len(whole)).encode())]}
        given = False

        async def receive_whole() -> Message:
            nonlocal given
            if given:
                return await receive()
            given = True
            return {"type": "http.request", "body": whole, "more_body": False}

        await self.app(scope, receive_whole, send)


def _parsed(body: bytes) -> dict[str, Any] | None:
    try:
        message: Any = json.loads(body)
    except (ValueError, RecursionError):
        return None  # the package reports the error
    return message if isinstance(message, dict) and isinstance(message.get("params", {}), dict) else None


def _answer(message: dict[str, Any], headers: Headers) -> dict[str, Any] | None:
    """Return the answer to a message that needs no session or has invalid arguments; otherwise None."""
    if not isinstance(message.get("id"), str | int):
        return None
    params = message.get("params", {})
    answer = {"jsonrpc": "2.0", "id": message["id"]}
    alone = wire.META_VERSION in (params.get("_meta") or {})
    if message.get("method") == "ping" and wire.SESSION_ID not in headers and not alone:
        return {**answer, "result": {}}
    arguments = params.get("arguments")
    if message.get("method") == "tools/call" and arguments and not isinstance(arguments, dict):
        found = type(arguments).__name__
        text = f'bad_arguments: `arguments` must be a JSON object such as {{"task": "…"}}, not a {found}.'
        return {**answer, "error": {"code": _INVALID_PARAMS, "message": text}}
    return None


def _normalise(message: dict[str, Any]) -> bool:
    """Remove values that mean "none". Return whether anything was changed."""
    params = message.get("params", {})
    meta = params.get("_meta")
    changed = False
    if isinstance(meta, dict) and wire.META_PROGRESS in meta and meta[wire.META_PROGRESS] is None:
        del meta[wire.META_PROGRESS]
        changed = True
    if message.get("method") == "tools/call" and "arguments" in params and not params["arguments"]:
        changed = changed or params["arguments"] != {}
        params["arguments"] = {}
    return changed


async def _send_json(send: Send, answer: dict[str, Any]) -> None:
    body = json.dumps(answer).encode()
    headers = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": body})
