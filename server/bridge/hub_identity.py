"""Proves the hub's identity before any data is sent to it. Standard library only.

Challenge–response: the hub answers a nonce with a MAC keyed by the token. This is needed because any user on
the machine can listen on a port after a hub has died. The proof covers both ends of the connection, so a
proof from another hub or another connection is not valid: it holds only for the connection that the request
then uses.
"""

from __future__ import annotations

import os

from server.bridge.plain_json import loads

TYPE_CHECKING = False  # `typing` takes milliseconds
if TYPE_CHECKING:
    from typing import Any

    from server.bridge.http1 import HubConnection

try:
    from _blake2 import blake2b  # as in hashlib, which would load OpenSSL (3 ms)
except ImportError:
    from hashlib import blake2b

Address = tuple[str, int]

PROOF_PATH = "/healthz"
NONCE_BYTES = 24
MOST_NONCE_CHARS = 128
"""Maximum length of a nonce accepted by a hub (characters); enough for any client."""


class NotOurHub(OSError):
    """The listening program does not know the token. No data was sent to it."""


def make_proof(token: str, nonce: str, client: Address, hub: Address) -> str:
    """Return the proof: keyed BLAKE2b (RFC 7693, section 2.9) in hex.

    The addresses are the two ends of the connection.
    """
    text = f"hub {hub[0]}:{hub[1]} to {client[0]}:{client[1]}: {nonce}"
    key = blake2b(token.encode()).digest()  # the maximum key length, for tokens of any length
    return blake2b(text.encode(), key=key, digest_size=32).hexdigest()


def demand_proof(connection: HubConnection, token: str) -> dict[str, Any]:
    """Return the content of ``/healthz`` once the other end of the connection has proved that it is this
    user's hub.

    Everything sent over this connection afterwards goes only to that hub. The whole proof must complete
    within this connection's timeout for a single read.

    Raises:
        NotOurHub: the other end did not prove its identity.
        OSError: the other end closed the connection or does not speak HTTP.
    """
    nonce = os.urandom(NONCE_BYTES).hex()
    connection.send("GET", f"{PROOF_PATH}?nonce={nonce}", {})
    seconds = connection.socket.gettimeout()
    connection.limit(seconds)
    health = _parse(connection.answer().body.read(4096))
    connection.limit(None)
    connection.socket.settimeout(seconds)
    good = make_proof(token, nonce, connection.socket.getsockname(), connection.socket.getpeername())
    proofs = health.get("proofs")
    # While the token is being replaced, two tokens are valid.
    if not token or not isinstance(proofs, list) or good not in proofs:
        raise NotOurHub("another program listens at the hub's address")
    return health


def _parse(text: bytes) -> dict[str, Any]:
    try:
        health: Any = loads(text)
    except (ValueError, RecursionError):
        return {}
    return health if isinstance(health, dict) else {}
