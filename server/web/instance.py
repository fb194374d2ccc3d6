"""Ensures a single hub per user: the lock, the port, ``hub.json`` and the token.

The operating system holds the lock on ``hub.lock`` and releases it with the process, even after a crash. So
``hub.json`` can be stale (see ``discovery.find_running``), but the lock cannot.
"""

import contextlib
import json
import os
import secrets
import socket
import sys
import time
from collections.abc import Iterator

from server.bridge.discovery import START_SECONDS, HubInfo, find_running, read_token
from server.common.atomic_write import PRIVATE, replace_file
from server.common.errors import HubUnreachable, PortTaken, SettingsError
from server.config.folders import Folders

if sys.platform == "win32":
    import msvcrt
else:
    import fcntl

LOOPBACK = "127.0.0.1"
BACKLOG = 2048
"""Number of connections the system queues until the hub accepts them. If more arrive at once, Linux treats
them as a flood and resets some (``SyncookiesFailed`` in ``nstat``)."""


class AlreadyRunning(Exception):
    """Another process is this user's hub. Not an error, because starting the app again just opens the first
    hub's page.
    """

    def __init__(self, info: HubInfo) -> None:
        super().__init__(info.url)
        self.info = info


@contextlib.contextmanager
def claim(folders: Folders) -> Iterator[None]:
    """Be this user's only hub while the ``with`` block runs.

    Raises:
        AlreadyRunning: another hub is running, or was starting and now answers.
        HubUnreachable: another process holds the lock but does not answer.
    """
    folders.create()
    path = folders.state / "hub.lock"
    # Private, because anyone who can open the file can lock it.
    with open(path, "a+b", opener=_private) as file:
        _lock(file.fileno(), folders)
        yield


def is_claimed(folders: Folders) -> bool:
    """Return whether a process is this user's hub, even if it does not answer yet."""
    try:
        with (folders.state / "hub.lock").open("r+b") as file:
            # If a hub starts at this moment, it tries again; see ``_lock``.
            return not _try_lock(file.fileno())
    except FileNotFoundError:
        return False


def listen(port: int) -> socket.socket:
    """Return a socket that listens on ``port`` of 127.0.0.1 (0: any free port).

    Raises:
        PortTaken: another program is listening on the port, or the system has reserved it.
    """
    # asyncio turns off Nagle's delay (40 ms for each answer) only for sockets with an explicit protocol.
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        if sys.platform == "win32":
            # On this system SO_REUSEADDR would let a second program take over the port.
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_EXCLUSIVEADDRUSE, 1)
        else:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((LOOPBACK, port))
        listener.listen(BACKLOG)
    except OSError as error:
        listener.close()
        raise PortTaken(
            f"Port {port} on {LOOPBACK} cannot be used: {error.strerror or error}.",
            "Stop the program that uses the port, or set another port with TOKEN_SAVER_PORT (`port` "
            "in config.toml).",
        ) from None
    return listener


@contextlib.contextmanager
def announced(folders: Folders, url: str, version: str, command: str = "") -> Iterator[HubInfo]:
    """Announce the hub in ``hub.json`` while the ``with`` block runs; see ``HubInfo``."""
    info = HubInfo(url=url, pid=os.getpid(), version=version, started=time.time(), command=command)
    replace_file(folders.hub_file, json.dumps(vars(info)).encode(), mode=PRIVATE)
    try:
        yield info
    finally:
        folders.hub_file.unlink(missing_ok=True)


def ensure_token(folders: Folders) -> str:
    """Return the bearer token, creating it on first use. Only the user can access it."""
    if token := read_token(str(folders.state)):
        if sys.platform != "win32":
            folders.token_file.chmod(0o600)
        return token
    token = secrets.token_urlsafe(32)
    write_token(folders, token)
    return token


def write_token(folders: Folders, token: str) -> None:
    """Write the bearer token atomically. Only the user can access the file, from the first byte on.

    Raises:
        SettingsError: the file cannot be written.
    """
    try:
        replace_file(folders.token_file, token.encode("ascii"), mode=PRIVATE)
    except OSError as error:
        raise SettingsError(
            f"{folders.token_file} cannot be written: {error.strerror}.",
            "Make the file and its folder writable, then try again.",
        ) from None


def _private(name: str, flags: int) -> int:
    return os.open(name, flags, 0o600)


def _lock(descriptor: int, folders: Folders) -> None:
    """Take the lock, waiting for another hub to end if necessary. Raises the same errors as ``claim`` if that
    hub keeps running.
    """
    deadline = time.monotonic() + START_SECONDS
    while not _try_lock(descriptor):
        if (info := find_running(str(folders.state))) is not None:
            raise AlreadyRunning(info)
        if time.monotonic() > deadline:
            raise HubUnreachable(
                "Another token-saver process is running but does not answer.",
                "Stop it (find token-saver in the process list), then start again.",
            )
        time.sleep(0.1)


def _try_lock(descriptor: int) -> bool:
    try:
        if sys.platform == "win32":
            os.lseek(descriptor, 0, os.SEEK_SET)
            msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)
        else:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True
