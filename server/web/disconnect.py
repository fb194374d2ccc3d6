"""Cancels the calls of disconnected clients.

Up to protocol 2025-11-25, a dropped connection does not cancel a call, because the ``mcp`` package expects
the client to resume. This hub keeps no events to resume from, so the answer could never be delivered.
Instead, the call is cancelled as if the client had sent ``notifications/cancelled``. Since protocol
2026-07-28, the package does this itself.
"""

import json
from typing import Any

from mcp_types.version import HANDSHAKE_PROTOCOL_VERSIONS
from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from server.bridge import wire
from server.common.aio import BackgroundTasks


class CancelOnDisconnect:
    """ASGI middleware around the MCP endpoint."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app
        self._notices = BackgroundTasks()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if not _is_legacy_call(scope):
            await self.app(scope, receive, send)
            return
        body = bytearray()
        answered = False
        told = False

        async def receive_watched() -> Message:
            nonlocal told
            message = await receive()
            if message["type"] == "http.request":
                body.extend(message.get("body", b""))
            elif message["type"] == "http.disconnect" and not answered and not told:
                told = True
                self._cancel(scope, bytes(body))
            return message

        async def send_watched(message: Message) -> None:
            nonlocal answered
            if message["type"] == "http.response.body" and not message.get("more_body", False):
                answered = True
            await send(message)

        await self.app(scope, receive_watched, send_watched)

    def _cancel(self, scope: Scope, body: bytes) -> None:
        request_id = _request_id(body)
        if request_id is None:
            return
        self._notices.start(self._notify(scope, request_id))

    async def _notify(self, scope: Scope, request_id: str | int) -> None:
        """POST the notification to the same session, as its client would."""
        params = {"requestId": request_id, "reason": "the client disconnected"}
        payload = json.dumps(
            {"jsonrpc": "2.0", "method": "notifications/cancelled", "params": params}
        ).encode()
        kept = [(name, value) for name, value in scope["headers"] if name != b"content-length"]
        headers = [*kept, (b"content-length", str(len(payload)).encode())]

        async def receive() -> Message:
            return {"type": "http.request", "body": payload, "more_body": False}

        async def send(_message: Message) -> None:
            return

        await self.app({**scope, "headers": headers}, receive, send)


def _is_legacy_call(scope: Scope) -> bool:
    if scope["type"] != "http" or scope["method"] != "POST":
        return False
    headers = Headers(scope=scope)
    version = headers.get(wire.PROTOCOL_VERSION)
    return wire.SESSION_ID in headers and (version is None or version in HANDSHAKE_PROTOCOL_VERSIONS)


def _request_id(body: bytes) -> str | int | None:
    """Return the id of the request in ``body``; None for notifications and responses."""
    try:
        message: Any = json.loads(body)
    except ValueError:
        return None
    if not isinstance(message, dict) or "method" not in message:
        return None
    request_id = message.get("id")
    return request_id if isinstance(request_id, str | int) else None
