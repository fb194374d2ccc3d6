"""Authenticates requests to the hub, for both HTTP and websockets.

A web page in the user's browser can reach 127.0.0.1 just as the user can. The Host must therefore be the
hub's (against DNS rebinding), and so must any Origin (against scripts on other pages). Every path except the
open paths needs the bearer token or, in a browser, the cookie set by a one-time login link.
"""

from collections.abc import Callable

from starlette.datastructures import Headers, MutableHeaders, QueryParams
from starlette.responses import JSONResponse, RedirectResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from server.bridge.keys import Keys
from server.common.errors import NotAuthorized
from server.common.events import BrowserLoggedIn, Event
from server.web.connection_limits import ConnectionLimits
from server.web.peer_uid import may_be_ours
from server.web.plain_page import plain_page
from server.web.rejections import RejectionLog

OPEN_PATHS = frozenset({"/healthz", "/login"})
"""Paths that need no token or cookie, matched exactly. ``/login`` needs its code."""
TOKEN_PATHS = frozenset({"/mcp"})
"""Paths for programs. Only the bearer token grants access, so browsers never get in."""


DASHBOARD_COMMAND = "token-saver dashboard"
MOST_BODY_BYTES = 4 << 20
"""Maximum size of a request body (bytes). The ``mcp`` package has the same limit for ``/mcp``."""

CONTENT_SECURITY_POLICY = (
    "default-src 'self' 'unsafe-inline' 'unsafe-eval'; img-src 'self' data: blob:; font-src 'self' data:; "
    "object-src 'none'; base-uri 'self'; form-action 'self'; frame-ancestors 'none'"
)
SECURITY_HEADERS = {
    "content-security-policy": CONTENT_SECURITY_POLICY,
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "permissions-policy": "camera=(), geolocation=(), microphone=()",
    "referrer-policy": "no-referrer",
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
}


class AuthMiddleware:
    """ASGI middleware that admits only authenticated requests and adds security headers to every response."""

    def __init__(self, app: ASGIApp, keys: Keys, port: int, publish: Callable[[Event], None]) -> None:
        self.app = app
        self._keys = keys
        self._publish = publish
        self._refusals = RejectionLog(publish)
        names = [f"127.0.0.1:{port}", f"localhost:{port}"]
        self._sockets: set[_Socket] = set()
        self.connection_limits = ConnectionLimits()
        self._hosts = frozenset(names)
        self._origins = frozenset(f"http://{name}" for name in names)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] not in ("http", "websocket"):  # the lifespan is not a request
            await self.app(scope, receive, send)
            return
        refusal = self._refuse(scope)
        if scope["type"] == "websocket":
            if refusal is None:
                await self._serve_socket(scope, receive, send)
            else:
                await send({"type": "websocket.close", "code": 1008, "reason": "not authorized"})
            return
        if refusal is None and scope["path"] == "/login":
            refusal = self._login(scope, Headers(scope=scope))
        await (refusal or self.app)(scope, receive, _hardened(send))

    async def close_sockets(self) -> None:
        """Close all websockets; their cookie or token is no longer valid."""
        for each in tuple(self._sockets):
            await each.close()

    async def _serve_socket(self, scope: Scope, receive: Receive, send: Send) -> None:
        socket = _Socket(send)
        self._sockets.add(socket)
        try:
            await self.app(scope, receive, socket.send)
        finally:
            self._sockets.discard(socket)

    def _refuse(self, scope: Scope) -> Response | None:
        """Return the response for a refused request; None if the request is admitted."""
        headers = Headers(scope=scope)
        path = scope["path"]
        host, origin = headers.get("host", ""), headers.get("origin", "")
        if len(headers.getlist("host")) != 1 or host not in self._hosts:
            self._refusals.note("its Host is not this hub's", host, path)
            return _plain(421, "This address is not the hub's. Use http://127.0.0.1 and its port.")
        if self._is_foreign(headers, websocket=scope["type"] == "websocket"):
            self._refusals.note("another page sent it", origin or headers.get("sec-fetch-site", ""), path)
            return _plain(403, "Requests from other pages are not allowed.")
        if self._is_authorized(scope, headers):
            return _refuse_body(path, headers)
        self._refusals.note("it has no valid token or cookie", origin or host, path)
        return _unauthorized(path, headers)

    def _is_foreign(self, headers: Headers, *, websocket: bool) -> bool:
        """Return whether a script or link on another page sent the request. Browsers always send an Origin
        for websockets.
        """
        origin = headers.get("origin")
        if origin is None and websocket:
            return True
        return (origin is not None and origin not in self._origins) or (
            headers.get("sec-fetch-site", "none") not in ("none", "same-origin")
        )

    def _is_authorized(self, scope: Scope, headers: Headers) -> bool:
        path = scope["path"]
        if path in OPEN_PATHS and scope["type"] == "http":
            return True
        known = self._keys.has_token(headers.get("authorization", "")) or (
            path not in TOKEN_PATHS
            and self._keys.has_cookie(headers.get("cookie", ""))
            # Browsers send a cookie to every port of a host, so other users' programs may have received the
            # cookie.
            and may_be_ours(scope["client"], scope["server"])
        )
        if known:
            self.connection_limits.know(scope["client"])
        return known

    def _login(self, scope: Scope, headers: Headers) -> Response:
        # This is checked first, so that no one else uses up the link. Other users can see browser arguments.
        if not may_be_ours(scope["client"], scope["server"]):
            self._refusals.note("another user of this machine opened it", "", scope["path"])
            return _plain(403, "This login link belongs to another user of this machine.")
        code = QueryParams(scope["query_string"]).get("code", "")
        if scope["method"] != "GET" or not self._keys.redeem(code):
            self._refusals.note("its login link was used, expired or invalid", "", scope["path"])
            return _for_person(
                headers,
                401,
                "This link was used or has expired",
                "A login link works only once. To open the dashboard with a new link, run:",
            )
        self._publish(BrowserLoggedIn())
        response = RedirectResponse(_page_of(scope), status_code=303)
        response.set_cookie(
            self._keys.cookie_name, self._keys.cookie_value, httponly=True, samesite="strict", path="/"
        )
        return response


def _page_of(scope: Scope) -> str:
    """Return the path that a login link leads to: one of the dashboard's own pages, by default the first."""
    name = QueryParams(scope["query_string"]).get("page", "")
    return f"/{name}" if name.isascii() and name.isalpha() else "/"


class _Socket:
    """The sending side of a browser's websocket, which can be closed from outside its handler."""

    def __init__(self, send: Send) -> None:
        self._send = send
        self._closed = False

    async def send(self, message: Message) -> None:
        """Forward a message if the socket is still open."""
        if not self._closed:
            self._closed = message["type"] == "websocket.close"
            await self._send(message)

    async def close(self) -> None:
        """Close the socket. Its handler sees a normal disconnect."""
        await self.send({"type": "websocket.close", "code": 1008, "reason": "no longer authorized"})


def _hardened(send: Send) -> Send:
    async def send_hardened(message: Message) -> None:
        if message["type"] == "http.response.start":
            headers = MutableHeaders(scope=message)
            for name, value in SECURITY_HEADERS.items():
                headers[name] = value
        await send(message)

    return send_hardened


def _refuse_body(path: str, headers: Headers) -> Response | None:
    """Return the response for a body that is too long or has no declared length."""
    if path in TOKEN_PATHS:
        return None
    if "transfer-encoding" in headers:
        return _plain(411, "State the body's length with Content-Length.")
    length = headers.get("content-length", "0")
    if not length.isdecimal() or int(length) > MOST_BODY_BYTES:
        return _plain(413, f"The limit for a request is {MOST_BODY_BYTES >> 20} MB.")
    return None


def _unauthorized(path: str, headers: Headers) -> Response:
    if path in TOKEN_PATHS or path.startswith("/api/"):
        error = NotAuthorized(
            "The bearer token is missing, wrong or was replaced.",
            "Send the content of the file that `token-saver token` names.",
        )
        return JSONResponse(
            {"error": error.code, "message": str(error)}, 401, headers={"www-authenticate": "Bearer"}
        )
    return _for_person(
        headers,
        401,
        "You are not logged in",
        "Open the dashboard from the tray icon's menu, or with this command:",
    )


def _for_person(headers: Headers, status: int, title: str, text: str) -> Response:
    """Return a page for a browser, or a line of text for a program."""
    if "text/html" in headers.get("accept", ""):
        return plain_page(status, title, text, command=DASHBOARD_COMMAND)
    return _plain(status, f"{title}. {text} {DASHBOARD_COMMAND}")


def _plain(status: int, text: str) -> Response:
    return Response(f"{text}\n", status, media_type="text/plain")
