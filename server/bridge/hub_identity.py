"""How a hub proves that it is this user's, before it is told anything. Standard library only.

A port belongs to nobody: once a hub has died, any user of the machine may listen there. So whoever holds the
token sends a random text first, and whoever listens answers with what nobody makes of it without the token.
Both ends of the connection are in the proof: it cannot be fetched from a hub elsewhere, nor from the same one
by another connection, and is worth nothing on any connection but the one that the request then takes.
"""

import json
import os
from typing import TYPE_CHECKING, Any

try:
    from _blake2 import blake2b  # what hashlib has, too, which would load OpenSSL for it: 3 ms
except ImportError:
    from hashlib import blake2b

if TYPE_CHECKING:
    from server.bridge.http1 import HubConnection

Address = tuple[str, int]

PROOF_PATH = "/healthz"
NONCE_BYTES = 24
MOST_NONCE_CHARS = 128
"""What a hub makes proofs of (characters): enough for any client."""


class NotOurHub(OSError):
    """What listens there does not know the token. It was told nothing."""


def make_proof(token: str, nonce: str, client: Address, hub: Address) -> str:
    """Return the proof: BLAKE2b with a key (RFC 7693, section 2.9) in hex.

    The addresses are the two ends of the connection.
    """
    text = f"hub {hub[0]}:{hub[1]} to {client[0]}:{client[1]}: {nonce}"
    key = blake2b(token.encode()).digest()  # as long as a key may be, whatever the token's length
    return blake2b(text.encode(), key=key, digest_size=32).hexdigest()


def demand_proof(connection: "HubConnection", token: str) -> dict[str, Any]:
    """Return what ``/healthz`` says, once the other end of the connection has proved that it is our hub.

    What is sent by this connection afterwards goes to that hub and nobody else. The proof may take as long in
    all as any one read by this connection.

    Raises:
        NotOurHub: it did not prove it.
        OSError: it broke off, or does not speak HTTP.
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
    # While the token is replaced two are good.
    if not token or not isinstance(proofs, list) or good not in proofs:
        raise NotOurHub("another program listens at the hub's address")
    return health


def _parse(text: bytes) -> dict[str, Any]:
    try:
        health: Any = json.loads(text)
    except (ValueError, RecursionError):
        return {}
    return health if isinstance(health, dict) else {}
