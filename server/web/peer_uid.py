"""Looks up the user id of the program at the other end of a local connection, on Linux.

On Linux, any user can read the arguments of other users' programs, and a browser is given the page's address
as an argument.
"""

import os
import platform
import socket
import sys
from collections.abc import Iterator
from pathlib import Path

from server.bridge.hub_identity import Address
from server.web.socket_diag import owner_of

# IPv4 connections of IPv4 sockets, and IPv4 connections of IPv6 sockets (proc(5), /proc/net/tcp).
TABLES = (Path("/proc/net/tcp"), Path("/proc/net/tcp6"))
ROOT = 0
"""Root is also accepted, because it can read the token anyway and port forwarders often run as root."""


def may_be_ours(client: Address, hub: Address) -> bool:
    """Return whether this user or root opened the connection from ``client``; True on other systems."""
    if sys.platform != "linux":
        return True
    try:
        owner = owner_of(client, hub)
    except OSError:
        owner = None
    # None: the socket does not exist, or a kernel or container does not support such requests. The tables
    # decide.
    return may_be_ours_by_tables(client, hub) if owner is None else owner in (os.getuid(), ROOT)


def may_be_ours_by_tables(client: Address, hub: Address, tables: tuple[Path, ...] = TABLES) -> bool:
    """Return the same result as ``may_be_ours``, based on the tables in ``/proc``."""
    if sys.platform != "linux":
        return True
    try:
        found = [table for table in tables if table.exists()]
        owners = {owner for table in found for owner in _owners(table, client, hub)}
    except OSError:
        return True
    if not found:
        return True  # without /proc, arguments are not public either
    if not owners:
        # Some connections are missing from the tables: Windows programs under WSL, whose users are separate.
        return "microsoft" in platform.release().lower()
    return owners <= {os.getuid(), ROOT}


def _owners(table: Path, client: Address, hub: Address) -> Iterator[int]:
    """Yield the user ids of sockets between the two addresses, as recorded for the client's end."""
    text = table.read_text(encoding="ascii")
    for mapped in (False, True):
        # One search over the whole text, because thousands of connections can fill the table.
        ends = f" {_hex(client, mapped)} {_hex(hub, mapped)} "
        at = text.find(ends)
        while at >= 0:
            row = text[text.rfind("\n", 0, at) + 1 : text.find("\n", at)].split()
            # A socket without an inode has no owner, and the recorded user is meaningless.
            if row[9] != "0":
                yield int(row[7])
            at = text.find(ends, at + 1)


def _hex(address: Address, mapped: bool) -> str:
    """Format an IPv4 address as the tables do: 32-bit words in this machine's byte order."""
    packed = socket.inet_aton(address[0])
    if mapped:
        packed = bytes(10) + b"\xff\xff" + packed
    words = (packed[at : at + 4] for at in range(0, len(packed), 4))
    return "".join(f"{int.from_bytes(word, sys.byteorder):08X}" for word in words) + f":{address[1]:04X}"
