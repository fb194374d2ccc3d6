"""Whose program is at the other end of a connection within this machine, where the system tells: on Linux.

There every user can read the arguments that other users' programs were started with, and a browser is started
with the address that it shall open.
"""

import os
import platform
import socket
import sys
from collections.abc import Iterator
from pathlib import Path

from server.bridge.hub_identity import Address

# IPv4 connections of IPv4 sockets, and those of IPv6 sockets (proc(5), /proc/net/tcp).
TABLES = (Path("/proc/net/tcp"), Path("/proc/net/tcp6"))
ROOT = 0
"""Root may connect too: it can read the token anyway, and what forwards a port often runs as root."""


def may_be_ours(client: Address, hub: Address, tables: tuple[Path, ...] = TABLES) -> bool:
    """Whether the connection that ``client`` opened is this user's or root's; True where no system tells."""
    if sys.platform != "linux":
        return True
    try:
        found = [table for table in tables if table.exists()]
        owners = {owner for table in found for owner in _owners(table, client, hub)}
    except OSError:
        return True
    if not found:
        return True  # without /proc nobody reads others' arguments there either
    if not owners:
        # What connects from outside of the tables: in WSL programs of Windows, which has users of its own.
        return "microsoft" in platform.release().lower()
    return owners <= {os.getuid(), ROOT}


def _owners(table: Path, client: Address, hub: Address) -> Iterator[int]:
    """Yield the user ids of the sockets between the two, as the client's end has them."""
    text = table.read_text(encoding="ascii")
    for mapped in (False, True):
        # Looked for in one go: whoever opens thousands of connections fills the table.
        ends = f" {_hex(client, mapped)} {_hex(hub, mapped)} "
        at = text.find(ends)
        while at >= 0:
            row = text[text.rfind("\n", 0, at) + 1 : text.find("\n", at)].split()
            # Without an inode nobody holds the socket any more, and the user that is said is not its owner.
            if row[9] != "0":
                yield int(row[7])
            at = text.find(ends, at + 1)


def _hex(address: Address, mapped: bool) -> str:
    """Return an IPv4 address as the tables have it: words of 32 bits in this machine's byte order."""
    packed = socket.inet_aton(address[0])
    if mapped:
        packed = bytes(10) + b"\xff\xff" + packed
    words = (packed[at : at + 4] for at in range(0, len(packed), 4))
    return "".join(f"{int.from_bytes(word, sys.byteorder):08X}" for word in words) + f":{address[1]:04X}"
