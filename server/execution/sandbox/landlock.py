"""Landlock rules for the calling process (Linux 5.13 and newer).

Numbers and bits: ``include/uapi/linux/landlock.h``. Each ABI version added rights. Rights unknown to the
kernel stay unrestricted, so the probe decides whether a kernel's version is good enough.
"""

import ctypes
import os
import struct
import sys
from collections.abc import Iterable

assert sys.platform == "linux"

# No pathlib here: its import takes 10 ms at every start of a job.

CREATE_RULESET, ADD_RULE, RESTRICT_SELF = 444, 445, 446
"""System call numbers, the same on all architectures."""

_EXECUTE, _WRITE_FILE, _READ_FILE, _READ_DIR = 1 << 0, 1 << 1, 1 << 2, 1 << 3
_TRUNCATE, _IOCTL_DEV = 1 << 14, 1 << 15
_OF_FILES = _EXECUTE | _WRITE_FILE | _READ_FILE | _TRUNCATE | _IOCTL_DEV
_READ = _EXECUTE | _READ_FILE | _READ_DIR
_DEVICE = _READ_FILE | _WRITE_FILE
_HANDLED = {1: (1 << 13) - 1, 2: (1 << 14) - 1, 3: (1 << 15) - 1, 4: (1 << 15) - 1}
_HANDLED_SINCE_5 = (1 << 16) - 1
_CONNECT_AND_BIND = 0b11
"""TCP, since ABI 4."""
_ABSTRACT_SOCKETS_AND_SIGNALS = 0b11
"""Scopes, since ABI 6."""

_libc = ctypes.CDLL(None, use_errno=True)


def abi_version() -> int:
    """Return the kernel's Landlock ABI version; 0 if Landlock is missing or disabled."""
    return max(0, int(_libc.syscall(CREATE_RULESET, None, 0, 1)))


def restrict(readable: Iterable[str], writable: Iterable[str], devices: Iterable[str], *, tcp: bool) -> None:
    """Deny this process and its children access to all files except those given.

    Args:
        readable: paths that can be read and executed, including everything below them.
        writable: paths that can be changed, including everything below them.
        devices: devices that can be read and written, but not controlled (ioctl).
        tcp: leave TCP to another barrier.

    Raises:
        OSError: Landlock is missing or refuses a rule. Paths that do not exist are skipped.
    """
    version = abi_version()
    if version == 0:
        raise OSError("Landlock is not available")
    handled = _HANDLED.get(version, _HANDLED_SINCE_5)
    attributes = struct.pack(
        "QQQ",
        handled,
        _CONNECT_AND_BIND if version >= 4 and not tcp else 0,
        _ABSTRACT_SOCKETS_AND_SIGNALS if version >= 6 else 0,
    )
    ruleset = _call("ruleset", CREATE_RULESET, attributes, 8 if version < 4 else 16 if version < 6 else 24, 0)
    for paths, rights in ((readable, _READ), (writable, handled), (devices, _DEVICE)):
        for path in paths:
            _allow(ruleset, path, rights & handled)
    _call("restrict", RESTRICT_SELF, ruleset, 0)
    os.close(ruleset)


def _allow(ruleset: int, path: str, rights: int) -> None:
    try:
        target = os.open(path, os.O_PATH | os.O_CLOEXEC)
    except FileNotFoundError:
        return
    try:
        if not os.path.isdir(path):
            rights &= _OF_FILES
        _call(path, ADD_RULE, ruleset, 1, struct.pack("=Qi", rights, target), 0)
    finally:
        os.close(target)


def _call(what: str, *arguments: object) -> int:
    result = int(_libc.syscall(*arguments))
    if result < 0:
        error = ctypes.get_errno()
        raise OSError(error, f"Landlock {what}: {os.strerror(error)}")
    return result
