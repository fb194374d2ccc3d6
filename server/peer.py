"""Whose program is at the other end of a connection within this machine, where the system tells: on Linux.

There every user can read the arguments that other users' programs were started with, and a browser is started
with the address that it shall open.
"""

import os
import platform
import socket
import sys
from pathlib import Path

from server.proof import Address

# IPv4 connections of IPv4 sockets, and those of IPv6 sockets (proc(5), /proc/net/tcp).
TABLES = (Path("/proc/net/tcp"), Path("/proc/net/tcp6"))
ROOT = 0
"""Root may connect too: it can read the token anyway, and what forwards a port often runs as root."""


def may_be_ours(client: Address, hub: Address, tables: tuple[Path, ...] = TABLES) -> bool:
    """Whether the connection that ``client`` opened is this user's or root's; True where no system tells."""
    if sys.platform != "linux":
        return True
    try:
        owners = {owner for table in tables if table.exists() for owner in _owners(table, client, hub)}
    except OSError:
        return True
    if not owners:
        # What connects from outside of the tables: in WSL programs of Windows, which has users of its own.
        return "microsoft" in platform.release().lower()
    return owners <= {os.getuid(), ROOT}


def _owners(table: Path, client: Address, hub: Address) -> list[int]:
    """Return the user ids of the sockets between the two, as the client's end has them."""
    wanted = [(_hex(client, mapped), _hex(hub, mapped)) for mapped in (False, True)]
    rows = [line.split() for line in table.read_text(encoding="ascii").splitlines()[1:]]
    # Without an inode nobody holds the socket any more, and the user that is said is not its owner.
    return [int(row[7]) for row in rows if (row[1], row[2]) in wanted and row[9] != "0"]


def _hex(address: Address, mapped: bool) -> str:
    """Return an IPv4 address as the tables have it: words of 32 bits in this machine's byte order."""
    packed = socket.inet_aton(address[0])
    if mapped:
        packed = bytes(10) + b"\xff\xff" + packed
    words = (packed[at : at + 4] for at in range(0, len(packed), 4))
    return "".join(f"{int.from_bytes(word, sys.byteorder):08X}" for word in words) + f":{address[1]:04X}"
