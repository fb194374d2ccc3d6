"""Where MCP clients keep their server lists, and how the entries are formatted.

Sources (autumn 2026): the clients' documentation and, for Claude Desktop's packaged build on Windows,
https://github.com/anthropics/claude-code/issues/26073. The tests simulate the folders; only the files of
Claude Code, opencode and Qwen Code are tested with the client itself.
"""

import os
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, get_args

from server.common.errors import BadArguments, NotFound
from server.config.folders import HOME_VARIABLE, chosen_home

ClientName = Literal[
    "claude-code",
    "claude-desktop",
    "cursor",
    "vscode",
    "codex",
    "gemini",
    "windsurf",
    "zed",
    "opencode",
    "qwen-code",
]
CLIENTS: tuple[ClientName, ...] = get_args(ClientName)
Scope = Literal["user", "project"]
SERVER_NAME = "token-saver"


@dataclass(frozen=True)
class Surroundings:
    """What determines the locations: the system, the user's home, the environment and the project folder."""

    home: Path = field(default_factory=Path.home)
    project: Path = field(default_factory=Path.cwd)
    platform: str = sys.platform
    environ: Mapping[str, str] = field(default_factory=lambda: dict(os.environ))

    @property
    def roaming(self) -> Path:
        """Settings folder for desktop programs: ``%APPDATA%``, Application Support, ``~/.config``."""
        if self.platform == "win32":
            return self._folder("APPDATA", self.home / "AppData" / "Roaming")
        if self.platform == "darwin":
            return self.home / "Library" / "Application Support"
        return self.xdg_config

    @property
    def xdg_config(self) -> Path:
        """``XDG_CONFIG_HOME``, or ``~/.config``."""
        return self._folder("XDG_CONFIG_HOME", self.home / ".config")

    @property
    def local(self) -> Path:
        """``%LOCALAPPDATA%``."""
        return self._folder("LOCALAPPDATA", self.home / "AppData" / "Local")

    def _folder(self, variable: str, default: Path) -> Path:
        value = self.environ.get(variable, "")
        # In the XDG specification, relative paths count as unset. A project folder is not a settings folder.
        return Path(value) if Path(value).is_absolute() else default


@dataclass(frozen=True)
class Place:
    """A file that lists servers. ``keys`` is the path to the entry in the file. ``project`` is the project
    that the file belongs to, or None for the user's own file.
    """

    client: ClientName
    scope: Scope
    path: Path
    format: Literal["json", "toml"]
    keys: tuple[str, ...]
    entry: dict[str, Any]
    project: Path | None = None


def find_place(
    client: ClientName, scope: Scope, command: list[str], surroundings: Surroundings | None = None
) -> Place:
    """Return the place where ``client`` keeps the entry that starts ``command``.

    Raises:
        BadArguments: the client does not support per-project servers.
        NotFound: the client is not installed for this user.
    """
    around = surroundings or Surroundings()
    path = _FILES[client](around, scope)
    if path is None:
        raise BadArguments(
            f"{client} does not support servers for a single project.",
            f"Leave out --scope: connect {client}.",
        )
    installed = _installed(client, path, around) if scope == "user" else None
    if installed is not None and not installed.is_dir():
        raise NotFound(
            f"{client} was not found: the folder {installed} does not exist.",
            f"Install {client} and start it once, then connect it again.",
        )
    keys = (_LISTS.get(client, "mcpServers"), SERVER_NAME)
    kind: Literal["json", "toml"] = "toml" if client == "codex" else "json"
    project = around.project if scope == "project" else None
    return Place(client, scope, path, kind, keys, _entry(client, command, around), project)


def command_of(entry: object) -> list[str]:
    """Return the program and arguments that a client's entry starts; empty if it has none.

    opencode keeps both in one list.
    """
    if not isinstance(entry, Mapping):
        return []
    command, arguments = entry.get("command"), entry.get("args")
    program = command if isinstance(command, list) else [command]
    words = [*program, *(arguments if isinstance(arguments, list) else ())]
    return (
        [word for word in words if isinstance(word, str)] if program and isinstance(program[0], str) else []
    )


def variables_of(entry: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return the environment variables set by an entry."""
    found = entry.get("env", entry.get("environment"))
    return found if isinstance(found, Mapping) else {}


_LISTS = {"vscode": "servers", "codex": "mcp_servers", "zed": "context_servers", "opencode": "mcp"}
"""Key of the server list in clients that do not use ``mcpServers``."""


def _entry(client: ClientName, command: list[str], around: Surroundings) -> dict[str, Any]:
    home = chosen_home(around.environ)
    variables = {} if home is None else {HOME_VARIABLE: str(home)}
    if client == "opencode":
        named = {"environment": variables} if variables else {}
        return {"type": "local", "command": command, "enabled": True, **named}
    entry: dict[str, Any] = {"command": command[0], "args": command[1:]}
    if variables:
        entry["env"] = variables
    if client in ("vscode", "claude-code"):
        return {"type": "stdio", **entry}
    if client == "zed":
        # Until mid-2026, Zed used this key to distinguish its extensions' servers from the user's servers.
        return {"source": "custom", **entry}
    return entry


def _claude_code(around: Surroundings, scope: Scope) -> Path | None:
    if scope == "project":
        return around.project / ".mcp.json"
    config = around.environ.get("CLAUDE_CONFIG_DIR")
    return (Path(config) if config else around.home) / ".claude.json"


def _claude_desktop(around: Surroundings, scope: Scope) -> Path | None:
    if scope == "project":
        return None
    name = "claude_desktop_config.json"
    plain = around.roaming / "Claude"
    if around.platform == "win32":
        # Windows redirects a packaged program from the usual path to other files.
        packages = sorted(around.local.glob("Packages/Claude_*/LocalCache/Roaming/Claude"))
        with_file = [folder for folder in packages if (folder / name).exists()]
        return next(iter([*with_file, *packages, plain])) / name
    return plain / name


def _cursor(around: Surroundings, scope: Scope) -> Path | None:
    return (around.home if scope == "user" else around.project) / ".cursor" / "mcp.json"


def _vscode(around: Surroundings, scope: Scope) -> Path | None:
    if scope == "project":
        return around.project / ".vscode" / "mcp.json"
    return around.roaming / "Code" / "User" / "mcp.json"


def _codex(around: Surroundings, scope: Scope) -> Path | None:
    if scope == "project":
        return around.project / ".codex" / "config.toml"
    home = around.environ.get("CODEX_HOME")
    return (Path(home) if home else around.home / ".codex") / "config.toml"


def _gemini(around: Surroundings, scope: Scope) -> Path | None:
    return (around.home if scope == "user" else around.project) / ".gemini" / "settings.json"


def _windsurf(around: Surroundings, scope: Scope) -> Path | None:
    return None if scope == "project" else around.home / ".codeium" / "windsurf" / "mcp_config.json"


def _zed(around: Surroundings, scope: Scope) -> Path | None:
    if scope == "project":
        return around.project / ".zed" / "settings.json"
    folder = around.roaming / "Zed" if around.platform == "win32" else _zed_unix(around)
    return folder / "settings.json"


def _zed_unix(around: Surroundings) -> Path:
    # Zed uses ~/.config on macOS as well. It follows the XDG variable only on Linux.
    return (around.home / ".config" if around.platform == "darwin" else around.xdg_config) / "zed"


def _opencode(around: Surroundings, scope: Scope) -> Path | None:
    # It looks in ~/.config on macOS and Windows as well.
    folder = around.project if scope == "project" else around.xdg_config / "opencode"
    names = ("opencode.jsonc", "opencode.json")
    return next((folder / name for name in names if (folder / name).exists()), folder / names[-1])


def _qwen_code(around: Surroundings, scope: Scope) -> Path | None:
    return (around.home if scope == "user" else around.project) / ".qwen" / "settings.json"


def _installed(client: ClientName, path: Path, around: Surroundings) -> Path:
    """Return the folder that exists after the client's first start."""
    if client == "claude-code":
        return Path(around.environ.get("CLAUDE_CONFIG_DIR") or around.home / ".claude")
    if client == "vscode":
        return path.parent.parent
    return path.parent


_FILES: dict[ClientName, Callable[[Surroundings, Scope], Path | None]] = {
    "claude-code": _claude_code,
    "claude-desktop": _claude_desktop,
    "cursor": _cursor,
    "vscode": _vscode,
    "codex": _codex,
    "gemini": _gemini,
    "windsurf": _windsurf,
    "zed": _zed,
    "opencode": _opencode,
    "qwen-code": _qwen_code,
}
