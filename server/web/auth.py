"""The door of the hub: who may send a request, in front of HTTP and websocket alike.

A web page in the user's browser can reach 127.0.0.1 as well as the user can. So: the Host must be
ours (no DNS rebinding), an Origin must be ours (no other page's script), and every path but the open
ones needs the bearer token or, in a browser, the cookie that a one-time login link sets.
"""

import hashlib
import hmac
import secrets
import threading
import time
from collections.abc import Callable
from http.cookies import CookieError, SimpleCookie

from starlette.datastructures import Headers, MutableHeaders, QueryParams
from starlette.responses import JSONResponse, RedirectResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from server.bridge.hub_identity import MOST_NONCE_CHARS, Address, make_proof
from server.common.errors import NotAuthorized
from server.common.events import BrowserLoggedIn, Event
from server.web.connection_limits import Strangers
from server.web.peer_uid import may_be_ours
from server.web.rejections import Refusals

OPEN_PATHS = frozenset({"/healthz", "/login"})
"""Paths without token or cookie, matched exactly. ``/login`` needs its code."""
TOKEN_PATHS = frozenset({"/mcp"})
"""Paths for programs: the bearer token alone opens them, so no browser ever does."""

LOGIN_SECONDS = 900.0
"""How long a login link works (seconds)."""

MOST_BODY_BYTES = 4 << 20
"""The longest body of a request; of one to ``/mcp`` the ``mcp`` package asks the same."""

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


class Keys:
    """The token, the cookie that stands for it in a browser, and the login links that set it."""

    def __init__(self, token: str, port: int) -> None:
        # The one in force is the last. While it is replaced two are good, at all other times one.
        self._tokens: tuple[bytes, ...] = (token.encode(),)
        self._former: tuple[bytes, ...] = ()
        self._codes: dict[str, float] = {}
        self._lock = threading.Lock()
        self._replacing = threading.Lock()
        # The port is in the name: cookies ignore ports, and two hubs may run on one machine.
        self.cookie_name = f"token-saver-{port}"

    @property
    def cookie_value(self) -> str:
        """Made from the token: a page stays logged in while the hub restarts, until the token is replaced."""
        return hmac.new(self._tokens[-1], self.cookie_name.encode(), hashlib.sha256).hexdigest()

    @property
    def tokens(self) -> tuple[str, ...]:
        """What must never leave this machine: the token, and those that it replaced."""
        return tuple(token.decode() for token in (*self._tokens, *self._former))

    def replace(self, write: Callable[[str], None]) -> None:
        """Let a new token be the good one; the old one, its cookies and login links open nothing any more.

        ``write`` keeps it where clients find it; what it raises leaves all as it was. Blocks; any thread.
        """
        token = secrets.token_urlsafe(32)
        with self._replacing:
            before = self._tokens
            # Good from before it can be read, so that no client finds one that is not good yet.
            self._tokens = (token.encode(), *before)
            try:
                write(token)
            except BaseException:
                self._tokens = before
                raise
            with self._lock:
                self._codes.clear()
            self._former = (*before, *self._former)
            self._tokens = (token.encode(),)

    def sign(self, text: str) -> str:
        """Return what nobody without the token can make of the text: 128 bits in hex, the same after a
        restart."""
        return _sign(self._tokens[-1], text)

    def signed(self, text: str, signature: str) -> bool:
        """Whether the text was signed so, be it with a token that was replaced since this process began."""
        good = (_sign(token, text) for token in (*self._tokens, *self._former))
        return any(hmac.compare_digest(signature.encode(), each.encode()) for each in good)

    def prove(self, nonce: str, client: Address, hub: Address) -> list[str]:
        """Return the proofs that this is the hub of who holds the token, one for each good token."""
        if not 0 < len(nonce) <= MOST_NONCE_CHARS:
            return []
        return [make_proof(token.decode(), nonce, client, hub) for token in self._tokens]

    def new_code(self) -> str:
        """Return a code that logs one browser in, once, within ``LOGIN_SECONDS``. From any thread."""
        now = time.monotonic()
        code = secrets.token_urlsafe(24)
        with self._lock:
            self._codes = {each: end for each, end in self._codes.items() if end > now}
            self._codes[code] = now + LOGIN_SECONDS
        return code

    def redeem(self, code: str) -> bool:
        """Whether the code is good; it is used up."""
        with self._lock:
            return self._codes.pop(code, 0.0) > time.monotonic()

    def has_token(self, headers: Headers) -> bool:
        """Whether the request carries the bearer token."""
        scheme, _, value = headers.get("authorization", "").partition(" ")
        given = value.strip().encode()
        return scheme.lower() == "bearer" and any(hmac.compare_digest(given, each) for each in self._tokens)

    def has_cookie(self, headers: Headers) -> bool:
        """Whether the request carries the login cookie."""
        try:
            morsel = SimpleCookie(headers.get("cookie", "")).get(self.cookie_name)
        except CookieError:
            return False
        return morsel is not None and hmac.compare_digest(morsel.value.encode(), self.cookie_value.encode())


class Guard:
    """ASGI middleware that lets in only what may come in, and hardens every answer."""

    def __init__(self, app: ASGIApp, keys: Keys, port: int, publish: Callable[[Event], None]) -> None:
        self.app = app
        self._keys = keys
        self._publish = publish
        self._refusals = Refusals(publish)
        names = [f"127.0.0.1:{port}", f"localhost:{port}"]
        self._sockets: set[_Socket] = set()
        self.strangers = Strangers()
        self._hosts = frozenset(names)
        self._origins = frozenset(f"http://{name}" for name in names)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] not in ("http", "websocket"):  # the lifespan is no request
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
            refusal = self._login(scope)
        await (refusal or self.app)(scope, receive, _hardened(send))

    async def close_sockets(self) -> None:
        """End all websockets: what opened them opens nothing any more."""
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
        """Return the answer to a request that may not come in, None for one that may."""
        headers = Headers(scope=scope)
        path = scope["path"]
        host, origin = headers.get("host", ""), headers.get("origin", "")
        if len(headers.getlist("host")) != 1 or host not in self._hosts:
            self._refusals.note("its Host is not this hub's", host, path)
            return _plain(421, "This address is not the hub's. Use http://127.0.0.1 and its port.")
        if self._is_foreign(headers, websocket=scope["type"] == "websocket"):
            self._refusals.note("another page caused it", origin or headers.get("sec-fetch-site", ""), path)
            return _plain(403, "Requests from other pages are not allowed.")
        if self._is_authorized(scope, headers):
            return _refuse_body(path, headers)
        self._refusals.note("it brought no valid token or cookie", origin or host, path)
        return _unauthorized(path)

    def _is_foreign(self, headers: Headers, *, websocket: bool) -> bool:
        """Whether another page's script or link sent this. Browsers always name a websocket's Origin."""
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
        known = self._keys.has_token(headers) or (
            path not in TOKEN_PATHS
            and self._keys.has_cookie(headers)
            # Browsers send a cookie to every port of a host: programs of other users may have got it so.
            and may_be_ours(scope["client"], scope["server"])
        )
        if known:
            self.strangers.know(scope["client"])
        return known

    def _login(self, scope: Scope) -> Response:
        # First, so that nobody else uses it up: the link may have been seen among a browser's arguments.
        if not may_be_ours(scope["client"], scope["server"]):
            self._refusals.note("another user of this machine opened it", "", scope["path"])
            return _plain(403, "A login link is for the user whose hub this is.")
        code = QueryParams(scope["query_string"]).get("code", "")
        if scope["method"] != "GET" or not self._keys.redeem(code):
            self._refusals.note("its login link was used, too old or made up", "", scope["path"])
            return _plain(401, "This link was used or is too old. `token-saver dashboard` makes a new one.")
        self._publish(BrowserLoggedIn())
        response = RedirectResponse("/", status_code=303)
        response.set_cookie(
            self._keys.cookie_name, self._keys.cookie_value, httponly=True, samesite="strict", path="/"
        )
        return response


class _Socket:
    """The way to a browser by websocket, which can be closed from outside of what talks there."""

    def __init__(self, send: Send) -> None:
        self._send = send
        self._closed = False

    async def send(self, message: Message) -> None:
        """Send on, as long as it is open."""
        if not self._closed:
            self._closed = message["type"] == "websocket.close"
            await self._send(message)

    async def close(self) -> None:
        """Close it; who talks there hears of it as of any end."""
        await self.send({"type": "websocket.close", "code": 1008, "reason": "not authorized any more"})


def _sign(token: bytes, text: str) -> str:
    return hmac.new(token, text.encode(), hashlib.sha256).hexdigest()[:32]


def _hardened(send: Send) -> Send:
    async def send_hardened(message: Message) -> None:
        if message["type"] == "http.response.start":
            headers = MutableHeaders(scope=message)
            for name, value in SECURITY_HEADERS.items():
                headers[name] = value
        await send(message)

    return send_hardened


def _refuse_body(path: str, headers: Headers) -> Response | None:
    """Return the answer to a body that is too long, or that does not say how long it is."""
    if path in TOKEN_PATHS:
        return None
    if "transfer-encoding" in headers:
        return _plain(411, "Say how long the body is, with Content-Length.")
    length = headers.get("content-length", "0")
    if not length.isdecimal() or int(length) > MOST_BODY_BYTES:
        return _plain(413, f"A request may have {MOST_BODY_BYTES >> 20} MB at most.")
    return None


def _unauthorized(path: str) -> Response:
    if path in TOKEN_PATHS or path.startswith("/api/"):
        error = NotAuthorized(
            "The bearer token is missing, wrong or was replaced.",
            "Send what the file holds by now that `token-saver token` names.",
        )
        return JSONResponse(
            {"error": error.code, "message": str(error)}, 401, headers={"www-authenticate": "Bearer"}
        )
    return _plain(
        401,
        "Open the dashboard from the tray icon's menu, or with the command `token-saver dashboard`.",
    )


def _plain(status: int, text: str) -> Response:
    return Response(f"{text}\n", status, media_type="text/plain")
