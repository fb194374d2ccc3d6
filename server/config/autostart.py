"""Start at login: an XDG autostart file, a launchd agent, or a value under the Windows Run key.

The file or value is itself the setting; nothing else records it. Linux does not use a systemd user unit
because some desktops do not start them.
"""

import os
import plistlib
import shlex
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from server.common.atomic_write import replace_file
from server.config.folders import chosen_home

NAME = "token-saver"
TITLE = "Claude Token Saver"
AGENT = "io.github.claude-token-saver"
RUN_KEY = r"Software\Microsoft\Windows\CurrentVersion\Run"
RUN_VALUE = "ClaudeTokenSaver"


class Autostart(Protocol):
    """How this system starts a program at login."""

    @property
    def where(self) -> str:
        """The file or registry value whose existence is the setting."""

    def enabled(self) -> bool:
        """Whether the app starts at login."""

    def enable(self) -> None:
        """Start the app at login from now on.

        Raises:
            OSError: the entry cannot be written.
        """

    def disable(self) -> None:
        """Stop starting the app at login. A no-op if start at login is off.

        Raises:
            OSError: the entry cannot be removed.
        """


def find_autostart(
    platform: str = sys.platform, environ: Mapping[str, str] = os.environ, home: Path | None = None
) -> Autostart:
    """Return the start-at-login entry for this system."""
    user = home or Path.home()
    command = start_command(platform, environ)
    if platform == "win32":
        return RunKey(command)
    if platform == "darwin":
        return LaunchAgent(user / "Library" / "LaunchAgents" / f"{AGENT}.plist", command)
    config = environ.get("XDG_CONFIG_HOME", "")
    # In the XDG base directory specification, a relative path counts as unset.
    base = Path(config) if config.startswith("/") else user / ".config"
    return DesktopEntry(base / "autostart" / f"{NAME}.desktop", command)


def start_command(platform: str = sys.platform, environ: Mapping[str, str] = os.environ) -> tuple[str, ...]:
    """Return the command that starts the app in the background, using absolute paths.

    ``-P`` prevents imports from the working directory. ``--home`` passes on ``TOKEN_SAVER_HOME``, which is
    not set in a login session.
    """
    python = Path(sys.executable)
    if platform == "win32" and (windowless := python.with_name("pythonw.exe")).exists():
        python = windowless
    chosen = chosen_home(environ)
    home = () if chosen is None else ("--home", str(chosen))
    return (str(python), "-P", "-m", "tray.main", *home, "--background")


@dataclass(frozen=True)
class _EntryFile:
    """A file whose existence is the setting."""

    path: Path
    command: tuple[str, ...]

    @property
    def where(self) -> str:
        """The file."""
        return str(self.path)

    def disable(self) -> None:
        """Remove the file."""
        self.path.unlink(missing_ok=True)


@dataclass(frozen=True)
class DesktopEntry(_EntryFile):
    """Linux: a file in ``autostart`` (XDG desktop application autostart specification 0.5)."""

    def enabled(self) -> bool:
        """Return whether the file exists and is not marked ``Hidden``, which is how desktops disable an
        entry.
        """
        try:
            lines = self.path.read_text(encoding="utf-8").splitlines()
        except (OSError, UnicodeDecodeError):
            return False
        off = {"hidden=true", "x-gnome-autostart-enabled=false"}
        return not any(line.replace(" ", "").lower() in off for line in lines)

    def enable(self) -> None:
        """Write the file."""
        self.path.parent.mkdir(parents=True, exist_ok=True)
        lines = (
            "[Desktop Entry]",
            "Type=Application",
            f"Name={TITLE}",
            "Comment=Hands routine work to a model on this machine",
            f"Exec={' '.join(_quoted(part) for part in self.command)}",
            f"Icon={icon_file()}",
            "Terminal=false",
        )
        replace_file(self.path, "".join(f"{line}\n" for line in lines).encode(), new_mode=0o644)


@dataclass(frozen=True)
class LaunchAgent(_EntryFile):
    """macOS: a property list in ``~/Library/LaunchAgents``, read by launchd at the next login."""

    """macOS: a property list in ``~/Library/LaunchAgents``, which launchd reads at the next login."""

    def enabled(self) -> bool:
        """Whether the file exists."""
        return self.path.is_file()

    def enable(self) -> None:
        """Write the file."""
        self.path.parent.mkdir(parents=True, exist_ok=True)
        # Interactive, because macOS throttles background jobs.
        agent = {
            "Label": AGENT,
            "ProgramArguments": list(self.command),
            "RunAtLoad": True,
            "ProcessType": "Interactive",
        }
        replace_file(self.path, plistlib.dumps(agent), new_mode=0o644)


@dataclass(frozen=True)
class RunKey:
    """Windows: a value under the user's Run key in the registry."""

    command: tuple[str, ...]

    @property
    def where(self) -> str:
        """The key and the name of the value."""
        return rf"HKEY_CURRENT_USER\{RUN_KEY}\{RUN_VALUE}"

    def enabled(self) -> bool:
        """Whether the value exists."""
        registry = _winreg()
        try:
            with registry.OpenKey(registry.HKEY_CURRENT_USER, RUN_KEY) as key:
                registry.QueryValueEx(key, RUN_VALUE)
        except FileNotFoundError:
            return False
        return True

    def enable(self) -> None:
        """Set the value."""
        registry = _winreg()
        with registry.CreateKey(registry.HKEY_CURRENT_USER, RUN_KEY) as key:
            registry.SetValueEx(key, RUN_VALUE, 0, registry.REG_SZ, windows_command_line(self.command))

    def disable(self) -> None:
        """Remove the value."""
        registry = _winreg()
        try:
            with registry.OpenKey(registry.HKEY_CURRENT_USER, RUN_KEY, 0, registry.KEY_SET_VALUE) as key:
                registry.DeleteValue(key, RUN_VALUE)
        except FileNotFoundError:
            return


def windows_command_line(command: tuple[str, ...]) -> str:
    """Return the command as one line. Windows paths cannot contain quotes, so only spaces need quoting."""
    return " ".join(f'"{part}"' if " " in part else part for part in command)


def icon_file() -> Path:
    """Return the path of the app's icon."""
    return Path(__file__).parents[2] / "assets" / "icon.png"


def _quoted(part: str) -> str:
    """Quote one ``Exec`` argument as the desktop entry specification requires."""
    if shlex.quote(part) == part and "%" not in part:
        return part
    # Backslashes are unescaped twice: once in the file's value and once inside quotes.
    quoted = part.replace("\\", "\\\\\\\\")
    for special in '"`$':
        quoted = quoted.replace(special, "\\\\" + special)
    return '"' + quoted.replace("%", "%%") + '"'


def _winreg() -> Any:
    import winreg  # noqa: PLC0415 - exists on Windows only

    return winreg
