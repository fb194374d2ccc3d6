"""The hub's keys: its bearer token, the login cookie derived from it, and one-time login codes."""

import hashlib
import hmac
import secrets
import threading
import time
from collections.abc import Callable
from http.cookies import CookieError, SimpleCookie

from server.bridge.hub_identity import MOST_NONCE_CHARS, Address, make_proof

LOGIN_SECONDS = 900.0
"""Lifetime of a login link (seconds)."""


class Keys:
    """The token, the cookie that stands in for it in a browser, and the login links that set the cookie."""

    def __init__(self, token: str, port: int) -> None:
        # The last entry is the current token. While it is being replaced, both the old and the new token are
        # valid.
        self._tokens: tuple[bytes, ...] = (token.encode(),)
        self._former: tuple[bytes, ...] = ()
        self._codes: dict[str, float] = {}
        self._lock = threading.Lock()
        self._replacing = threading.Lock()
        # The name contains the port, because cookies ignore ports and two hubs can run on one machine.
        self.cookie_name = f"token-saver-{port}"

    @property
    def cookie_value(self) -> str:
        """The cookie's value, derived from the token so that logins survive restarts until the token is
        replaced.
        """
        return hmac.new(self._tokens[-1], self.cookie_name.encode(), hashlib.sha256).hexdigest()

    @property
    def tokens(self) -> tuple[str, ...]:
        """Values that must never leave this machine: the token and the tokens it replaced."""
        return tuple(token.decode() for token in (*self._tokens, *self._former))

    def replace(self, write: Callable[[str], None]) -> None:
        """Switch to a new token. The old token, its cookies and its login links become invalid.

        ``write`` stores the token where clients find it. If ``write`` raises, nothing changes. Blocks;
        thread-safe.
        """
        token = secrets.token_urlsafe(32)
        with self._replacing:
            before = self._tokens
            # The token is valid before clients can read it, so no client uses a token that is not valid yet.
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
        """Sign the text with the token. The signature is 128 bits in hex and is stable across restarts."""
        return _sign(self._tokens[-1], text)

    def signed(self, text: str, signature: str) -> bool:
        """Return whether the signature is valid for the text. Tokens replaced since this process started are
        accepted too.
        """
        good = (_sign(token, text) for token in (*self._tokens, *self._former))
        return any(hmac.compare_digest(signature.encode(), each.encode()) for each in good)

    def prove(self, nonce: str, client: Address, hub: Address) -> list[str]:
        """Return proofs that this hub knows the token, one for each valid token."""
        if not 0 < len(nonce) <= MOST_NONCE_CHARS:
            return []
        return [make_proof(token.decode(), nonce, client, hub) for token in self._tokens]

    def new_code(self) -> str:
        """Return a single-use code that logs in one browser within ``LOGIN_SECONDS``. Thread-safe."""
        now = time.monotonic()
        code = secrets.token_urlsafe(24)
        with self._lock:
            self._codes = {each: end for each, end in self._codes.items() if end > now}
            self._codes[code] = now + LOGIN_SECONDS
        return code

    def redeem(self, code: str) -> bool:
        """Return whether the code is valid, and use it up if so."""
        with self._lock:
            return self._codes.pop(code, 0.0) > time.monotonic()

    def has_token(self, authorization: str) -> bool:
        """Return whether the ``Authorization`` header contains the bearer token."""
        scheme, _, value = authorization.partition(" ")
        given = value.strip().encode()
        return scheme.lower() == "bearer" and any(hmac.compare_digest(given, each) for each in self._tokens)

    def has_cookie(self, cookie: str) -> bool:
        """Return whether the ``Cookie`` header contains the login cookie."""
        try:
            morsel = SimpleCookie(cookie).get(self.cookie_name)
        except CookieError:
            return False
        return morsel is not None and hmac.compare_digest(morsel.value.encode(), self.cookie_value.encode())


def _sign(token: bytes, text: str) -> str:
    return hmac.new(token, text.encode(), hashlib.sha256).hexdigest()[:32]
