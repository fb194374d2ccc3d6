"""The hub's bearer token, the login cookie derived from it, and one-time login codes."""

import hashlib
import hmac
import secrets
import threading
import time
from collections.abc import Callable
from http.cookies import CookieError, SimpleCookie

from server.bridge.hub_identity import MOST_NONCE_CHARS, Address, make_proof

LOGIN_SECONDS = 900.0
"""How long a login link works (seconds)."""


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

    def has_token(self, authorization: str) -> bool:
        """Whether the header ``Authorization`` holds the bearer token."""
        scheme, _, value = authorization.partition(" ")
        given = value.strip().encode()
        return scheme.lower() == "bearer" and any(hmac.compare_digest(given, each) for each in self._tokens)

    def has_cookie(self, cookie: str) -> bool:
        """Whether the header ``Cookie`` holds the login cookie."""
        try:
            morsel = SimpleCookie(cookie).get(self.cookie_name)
        except CookieError:
            return False
        return morsel is not None and hmac.compare_digest(morsel.value.encode(), self.cookie_value.encode())


def _sign(token: bytes, text: str) -> str:
    return hmac.new(token, text.encode(), hashlib.sha256).hexdigest()[:32]
