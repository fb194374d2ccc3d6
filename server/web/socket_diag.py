"""Asks the Linux kernel for the user id of a local TCP socket, for a single connection (sock_diag(7)).

The answer takes microseconds. ``/proc/net/tcp``, which lists all sockets of the machine, takes 14 ms with few
sockets and 46 ms with 4,000.
"""

import errno
import socket
import struct
import sys

from server.bridge.hub_identity import Address

NETLINK_SOCK_DIAG = 4
SOCK_DIAG_BY_FAMILY = 20
NLM_F_REQUEST = 1
NLMSG_ERROR = 2
ANY_STATE = 0xFFFFFFFF
NO_COOKIE = b"\xff" * 8
ANSWER_SECONDS = 0.5
"""Timeout for an answer that the kernel normally gives immediately (seconds)."""

_HEADER = struct.Struct("=IHHII")  # struct nlmsghdr
_REQUEST = struct.Struct("=BBBxI")  # struct inet_diag_req_v2, up to the socket's id
_ENDS = struct.Struct("!HH4s12x4s12x")  # struct inet_diag_sockid, up to the interface
_MESSAGE = struct.Struct("=BBBB")  # struct inet_diag_msg, up to the socket's id
_OWNER = struct.Struct("=IIIII")  # its part behind the id: expiry, queues, user id, inode
_ID_BYTES = 48


def owner_of(client: Address, hub: Address) -> int | None:
    """Return the user id of the socket that connected from ``client`` to ``hub``; None if the socket does not
    exist.

    Raises:
        OSError: the kernel does not answer such requests.
    """
    if sys.platform != "linux":
        raise OSError("only Linux has sock_diag")
    ends = _ENDS.pack(client[1], hub[1], socket.inet_aton(client[0]), socket.inet_aton(hub[0]))
    body = _REQUEST.pack(socket.AF_INET, socket.IPPROTO_TCP, 0, ANY_STATE) + ends + bytes(4) + NO_COOKIE
    with socket.socket(socket.AF_NETLINK, socket.SOCK_DGRAM, NETLINK_SOCK_DIAG) as kernel:
        kernel.settimeout(ANSWER_SECONDS)
        kernel.send(_HEADER.pack(_HEADER.size + len(body), SOCK_DIAG_BY_FAMILY, NLM_F_REQUEST, 1, 0) + body)
        return _owner(kernel.recv(4096), client, hub)


def _owner(answer: bytes, client: Address, hub: Address) -> int | None:
    kind = _HEADER.unpack_from(answer)[1]
    body = memoryview(answer)[_HEADER.size :]
    if kind == NLMSG_ERROR:
        number = -int(struct.unpack_from("=i", body)[0])
        if number == errno.ENOENT:
            return None
        raise OSError(number, "the kernel refuses requests about sockets")
    if kind != SOCK_DIAG_BY_FAMILY or len(body) < _MESSAGE.size + _ID_BYTES + _OWNER.size:
        raise OSError("an unexpected answer of the kernel")
    # Without such a connection, the kernel sometimes answers with a listening socket at the client's port.
    if struct.unpack_from("!HH", body, _MESSAGE.size) != (client[1], hub[1]):
        return None
    *_, uid, inode = _OWNER.unpack_from(body, _MESSAGE.size + _ID_BYTES)
    return uid if inode else None  # a closed socket has no owner, and the recorded user is meaningless
