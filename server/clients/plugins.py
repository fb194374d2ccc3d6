"""This app's Claude Code plugins, which are removed with Claude Code's own command."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from server.clients.claude_code import run_command
from server.config.textedit.jsonc import get_member, remove_member

MARKETPLACE = "claude-token-saver"
NAMES = frozenset({"token-saver", "token-saver-reminder", "token-saver-digests"})
_LISTS = ("enabledPlugins", "extraKnownMarketplaces")


@dataclass(frozen=True)
class Plugin:
    """An installed plugin. ``project`` is the folder it is installed for, or None for all folders."""

    name: str
    scope: str
    project: Path | None

    @property
    def settings(self) -> str:
        """The name of Claude Code's settings file that lists the plugin."""
        return "settings.local.json" if self.scope == "local" else "settings.json"


def installed(folder: Path) -> list[Plugin]:
    """Return the app's plugins from the list in Claude Code's ``folder``."""
    found = []
    for name, entries in _list(folder, "installed_plugins.json", "plugins").items():
        plugin, _, marketplace = name.partition("@")
        if plugin not in NAMES or marketplace != MARKETPLACE or not isinstance(entries, list):
            continue
        for entry in entries:
            project = Path(entry["projectPath"]) if entry.get("projectPath") else None
            if project is None or project.is_dir():  # with its project, a plugin's settings are gone
                found.append(Plugin(name, str(entry.get("scope", "user")), project))
    return found


def has_marketplace(folder: Path) -> bool:
    """Return whether Claude Code knows the plugins' marketplace."""
    return MARKETPLACE in _list(folder, "known_marketplaces.json")


def remove(claude: str, plugin: Plugin) -> None:
    """Remove a plugin with Claude Code's own command.

    Raises:
        ClientFailed: the command failed.
    """
    run_command(claude, plugin.project, "plugin", "uninstall", "--scope", plugin.scope, plugin.name)


def remove_marketplace(claude: str) -> None:
    """Remove the marketplace with Claude Code's own command.

    Raises:
        ClientFailed: the command failed.
    """
    run_command(claude, None, "plugin", "marketplace", "remove", MARKETPLACE)


def without_empty_lists(text: str) -> str:
    """Return Claude Code's settings without the empty lists that its commands leave behind.

    Raises:
        JsonError: the settings are not JSON.
    """
    for name in _LISTS:
        if get_member(text, (name,)) == {}:
            text = remove_member(text, (name,))
    return text


def _list(folder: Path, name: str, *keys: str) -> dict[str, Any]:
    try:
        found: Any = json.loads((folder / "plugins" / name).read_bytes())
        for key in keys:
            found = found[key]
    except (OSError, ValueError, KeyError, TypeError):
        return {}  # no plugins, or a version that keeps its list elsewhere
    return found if isinstance(found, dict) else {}
