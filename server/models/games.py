"""Whether a game runs full-screen, as far as the system tells. What it does not tell is no game.

- Linux: GameMode (Feral's daemon, which launchers start games with) has clients; or, under X11, the active
  window is full-screen and its process was started by a launcher of games, or holds much GPU memory.
- Windows: the shell says that something runs full-screen by Direct3D (``QUNS_RUNNING_D3D_FULL_SCREEN`` of
  ``SHQueryUserNotificationState``), or is full-screen and was started by a launcher of games.
- macOS: the program in front says of itself that it is a game (``LSApplicationCategoryType``).
"""

import logging
import os
import plistlib
import re
import shutil
import subprocess
import sys
from collections.abc import Collection
from pathlib import Path

import psutil

logger = logging.getLogger(__name__)

LAUNCHERS = re.compile(
    r"steam|reaper|pressure-vessel|lutris|heroic|legendary|gamescope|gamemoderun|wine(?:server|64)?|proton|bottles|"
    r"epicgameslauncher|galaxyclient|battle\.net|riotclientservices|eadesktop|ubisoftconnect|minecraft.*launcher",
    re.IGNORECASE,
)
GAMEMODE = "com.feralinteractive.GameMode"
D3D_FULL_SCREEN, FULL_SCREEN = 3, 2
COMMAND_SECONDS = 3


def running_game(holders: Collection[int] = ()) -> str:
    """Return the name of the game that runs full-screen, empty where there is none or the system does not
    tell. Takes some milliseconds.

    Args:
        holders: processes that hold much GPU memory; a full-screen window of one of them is a game's.
    """
    try:
        if sys.platform == "win32":
            return _on_windows()
        if sys.platform == "darwin":
            return _on_mac()
        return _by_gamemode() or _on_x11(holders)
    except Exception as error:  # noqa: BLE001 - foreign libraries and desktops; and no game is worth a failure
        logger.debug("cannot tell whether a game runs: %s", error)
        return ""


def name_if_launched(pid: int) -> str:
    """Return the process's name if a launcher of games is among its ancestors, else nothing."""
    try:
        process = psutil.Process(pid)
        if any(LAUNCHERS.fullmatch(_stem(each.name())) for each in process.parents()):
            return process.name()
    except psutil.Error:
        pass  # it ended meanwhile, or is another user's: no game of this desktop
    return ""


def category_of_bundle(bundle: Path) -> str:
    """Return what kind of program a macOS bundle says it is, such as ``public.app-category.games``."""
    try:
        with (bundle / "Contents" / "Info.plist").open("rb") as file:
            return str(plistlib.load(file).get("LSApplicationCategoryType", ""))
    except (OSError, plistlib.InvalidFileException, ValueError):
        return ""


def _by_gamemode() -> str:
    busctl = shutil.which("busctl")
    if busctl is None or not os.environ.get("DBUS_SESSION_BUS_ADDRESS"):
        return ""
    # Without --auto-start=no the question itself would start the daemon.
    ask = [busctl, "--user", "--auto-start=no", "get-property", GAMEMODE, "/com/feralinteractive/GameMode"]
    done = subprocess.run(
        [*ask, GAMEMODE, "ClientCount"],
        capture_output=True,
        text=True,
        timeout=COMMAND_SECONDS,
        check=False,
    )
    count = done.stdout.split()[-1:]  # "i 1"
    return "a game" if done.returncode == 0 and count and count[0].isdecimal() and int(count[0]) else ""


def _on_x11(holders: Collection[int]) -> str:
    if not os.environ.get("DISPLAY"):
        return ""
    from Xlib import X, display  # noqa: PLC0415 - only Linux has it

    screen = display.Display()
    try:
        root = screen.screen().root

        def values(window: object, name: str) -> list[int]:
            found = window.get_full_property(screen.intern_atom(name), X.AnyPropertyType)  # type: ignore[attr-defined]
            return list(found.value) if found else []

        for active in values(root, "_NET_ACTIVE_WINDOW")[:1]:
            window = screen.create_resource_object("window", active)
            if screen.intern_atom("_NET_WM_STATE_FULLSCREEN") not in values(window, "_NET_WM_STATE"):
                continue
            for pid in values(window, "_NET_WM_PID")[:1]:
                return psutil.Process(pid).name() if pid in holders else name_if_launched(pid)
    finally:
        screen.close()
    return ""


def _on_windows() -> str:
    import ctypes  # noqa: PLC0415 - its windll is Windows' own

    windll = getattr(ctypes, "windll")  # noqa: B009 - other systems' type checkers don't know it
    state = ctypes.c_int()
    if windll.shell32.SHQueryUserNotificationState(ctypes.byref(state)) != 0:
        return ""
    pid = ctypes.c_ulong()
    windll.user32.GetWindowThreadProcessId(windll.user32.GetForegroundWindow(), ctypes.byref(pid))
    if state.value == D3D_FULL_SCREEN:
        return psutil.Process(pid.value).name()
    return name_if_launched(pid.value) if state.value == FULL_SCREEN else ""


def _on_mac() -> str:
    tell = shutil.which("lsappinfo")
    if tell is None:
        return ""

    def ask(*arguments: str) -> str:
        return subprocess.run(
            [tell, *arguments], capture_output=True, text=True, timeout=COMMAND_SECONDS, check=False
        ).stdout.strip()

    told = ask("info", "-only", "bundlepath", ask("front"))  # "LSBundlePath"="/Applications/Chess.app"
    bundle = Path(told.partition("=")[2].strip('"'))
    return bundle.stem if category_of_bundle(bundle).endswith("games") else ""


def _stem(name: str) -> str:
    return name.removesuffix(".exe").removesuffix(".EXE")
