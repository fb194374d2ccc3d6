"""How other processes find the hub: ``hub.json``, ``token`` and ``/healthz``. Standard library only.

The bridge uses this module and must start within milliseconds, so it avoids ``platformdirs``, ``pathlib`` and
``httpx``. ``state_folder`` returns the same folder as ``folders.find_folders``; a test compares the two.
"""

# pathlib would add milliseconds to every start of the bridge, hence os.path and open here.
# ruff: noqa: PTH100, PTH101, PTH111, PTH118, PTH123

from __future__ import annotations

import os
import sys
import time

from server.bridge.http1 import HubConnection
from server.bridge.hub_identity import demand_proof
from server.bridge.plain_json import loads

TYPE_CHECKING = False  # importing `typing` takes several milliseconds
if TYPE_CHECKING:
    import subprocess
    from typing import Any

APP_NAME = "token-saver"
HUB_FILE = "hub.json"
TOKEN_FILE = "token"  # noqa: S105 - a file name
START_LOG = "start.log"
START_SECONDS = 60.0
"""Maximum wait for a hub that was just started (seconds). Imports alone take a few seconds on a slow disk
and much longer on a busy machine.
"""
PROBE_SECONDS = 10.0
"""Timeout for ``/healthz`` (seconds). The request does no work, so a longer delay means that the hub is
hung. On a machine that is busy or short of memory, any process can stall for a few seconds.
"""


class HubInfo:
    """The content of ``hub.json``. ``started`` is in seconds since the epoch. ``command`` is the command that
    runs this hub for its own use and ends with it; empty for the app.
    """

    def __init__(self, url: str, pid: int, version: str, started: float, command: str = "") -> None:
        self.url = url
        self.pid = pid
        self.version = version
        self.started = started
        self.command = command

    def __eq__(self, other: object) -> bool:
        return isinstance(other, HubInfo) and vars(self) == vars(other)

    def __hash__(self) -> int:
        return hash((self.url, self.pid, self.started))

    @property
    def address(self) -> tuple[str, int]:
        """Host and port of ``url``."""
        host, _, port = self.url.removeprefix("http://").rstrip("/").rpartition(":")
        return host, int(port)


def state_folder(environ: dict[str, str] | None = None, platform: str = sys.platform) -> str:
    """Return the absolute path of the folder that holds ``hub.json`` and ``token``. It may not exist."""
    env = dict(os.environ) if environ is None else environ
    if home := env.get("TOKEN_SAVER_HOME"):
        return os.path.abspath(os.path.expanduser(home))
    if platform == "win32":
        local = env.get("LOCALAPPDATA") or env.get("USERPROFILE", "") + "\\AppData\\Local"
        return f"{local}\\{APP_NAME}"
    # Relative XDG variables count as unset (XDG base directory specification 0.8).
    xdg = env.get("XDG_STATE_HOME", "").strip()
    if xdg.startswith("/"):
        return f"{xdg.rstrip('/')}/{APP_NAME}"
    user = env.get("HOME") or os.path.expanduser("~")
    base = "Library/Application Support" if platform == "darwin" else ".local/state"
    return f"{user}/{base}/{APP_NAME}"


def read_hub_file(folder: str) -> HubInfo | None:
    """Return the contents of ``hub.json``; None if the file is missing or incomplete."""
    table = _read_json(_in(folder, HUB_FILE))
    if table is None:
        return None
    try:
        info = HubInfo(
            url=str(table["url"]),
            pid=int(table["pid"]),
            version=str(table["version"]),
            started=float(table["started"]),
            command=str(table.get("command", "")),
        )
        return info if info.address[0] else None
    except (KeyError, TypeError, ValueError):
        return None


def read_token(folder: str) -> str:
    """Return the bearer token; empty if it does not exist yet."""
    try:
        with open(_in(folder, TOKEN_FILE), encoding="ascii") as file:
            return file.read().strip()
    except (OSError, UnicodeDecodeError):
        return ""


def answers(info: HubInfo, token: str, timeout: float = PROBE_SECONDS) -> bool:
    """Return whether the hub described by ``hub.json`` answers at its address, with the same pid and
    knowledge of the token.
    """
    try:
        connection = HubConnection(info.address, timeout)
        try:
            health = demand_proof(connection, token)
        finally:
            connection.close()
    except OSError:
        return False
    return health.get("pid") == info.pid


def find_running(folder: str) -> HubInfo | None:
    """Return the running hub; None if no hub runs or ``hub.json`` is stale."""
    info = read_hub_file(folder)
    return info if info is not None and answers(info, read_token(folder)) else None


def start_detached(folder: str) -> subprocess.Popen[bytes]:
    """Start a hub that outlives this process. Its output goes to ``start.log`` in ``folder``.

    Raises:
        OSError: the folder cannot be created, or the program cannot be started.
    """
    # They take milliseconds, and are needed only without a running hub.
    import subprocess  # noqa: PLC0415

    from server.bridge.environment import inherited  # noqa: PLC0415
    from server.bridge.own_folders import make_folder  # noqa: PLC0415

    make_folder(folder)
    # -P: never import a folder "tray" or "server" of the user's project.
    command = [sys.executable, "-P", "-m", "tray.main", "--background"]
    detached: dict[str, Any] = {"start_new_session": True}
    if sys.platform == "win32":
        detached = {"creationflags": subprocess.CREATE_NO_WINDOW | subprocess.CREATE_NEW_PROCESS_GROUP}
    environ = inherited(os.environ)
    if environ.get("TOKEN_SAVER_HOME"):
        # The path may be relative, and the hub starts in that folder.
        environ["TOKEN_SAVER_HOME"] = folder
    with open(_in(folder, START_LOG), "wb", opener=_private) as log:
        return subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            cwd=folder,
            env=environ,
            close_fds=True,
            **detached,
        )


def why_not_started(folder: str, process: subprocess.Popen[bytes]) -> str:
    """Return why ``wait_for_hub`` found no hub: the last line of the log if the process failed, otherwise a
    sentence about the timeout.
    """
    if process.poll() in (None, 0):
        return "It did not answer in time."
    try:
        with open(_in(folder, START_LOG), encoding="utf-8", errors="replace") as file:
            lines = [line.strip() for line in file if line.strip()]
    except OSError:
        lines = []
    return lines[-1] if lines else f"It ended with status {process.returncode}."


def wait_for_hub(folder: str, process: subprocess.Popen[bytes] | None, seconds: float) -> HubInfo | None:
    """Return the hub as soon as it answers; None after ``seconds`` or if ``process`` fails."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if (info := find_running(folder)) is not None:
            return info
        # Exit status 0 means that another hub started first. That hub answers soon.
        if process is not None and process.poll() not in (None, 0):
            return None
        time.sleep(0.02)
    return None


def _private(path: str, flags: int) -> int:
    descriptor = os.open(path, flags, 0o600)
    os.chmod(path, 0o600)  # the file may already exist
    return descriptor


def _in(folder: str, name: str) -> str:
    return os.path.join(folder, name)


def _read_json(path: str) -> dict[str, Any] | None:
    try:
        with open(path, encoding="utf-8") as file:
            value = loads(file.read())
    except (OSError, ValueError):
        return None
    return value if isinstance(value, dict) else None
