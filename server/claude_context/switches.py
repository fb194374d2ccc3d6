"""Switches that remove parts from Claude's context, and habit remedies: each is one edit to one file.

==========  ==========================================================================================
skill       ``skillOverrides: {"NAME": "off"}``
agent       ``permissions.deny: ["Agent(NAME)"]``
MCP server  ``deniedMcpServers: [{"serverName": "NAME"}]``
plugin      ``enabledPlugins: {"NAME@MARKETPLACE": false}``; also for one of its skills or hooks
CLAUDE.md   ``claudeMdExcludes: ["PATH"]``
hook        the event's entry in ``hooks`` is removed
habit       a line in CLAUDE.md, or this app's digest hook
==========  ==========================================================================================

Per-project switches edit ``.claude/settings.local.json``; global ones edit ``settings.json`` in Claude Code's
folder. The client reads both files when a session starts. A line for CLAUDE.md goes into the project's
``CLAUDE.md`` or the one in Claude Code's folder.
"""

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from server.clients.hooks import add_hook
from server.config.textedit.jsonc import JsonError, append_item, get_member, remove_member, set_member
from server.ledger.transcripts.injected import server_key

Scope = Literal["project", "user"]

MEMORY_LINES = {
    "git": "Join git commands with && in one call, and look at their result once.",
    "read-again": "Do not read a file again that has not changed since you read it.",
}
"""Lines for CLAUDE.md, keyed by the habit they prevent."""
IDLE = "idle"
"""Name of the habit prevented by the client's own compaction of idle sessions."""
DIGESTS = "digests"
"""Name of the habit prevented by digesting results."""


@dataclass(frozen=True)
class ClaudeFolders:
    """Claude Code's own folder (``~/.claude``), its state file (``~/.claude.json``) and a project."""

    config: Path
    state: Path
    project: Path

    def settings(self, scope: Scope) -> Path:
        """Return the settings file for a scope."""
        if scope == "user":
            return self.config / "settings.json"
        return self.project / ".claude" / "settings.local.json"

    def memory(self, scope: Scope) -> Path:
        """Return the CLAUDE.md file for a scope."""
        return (self.config if scope == "user" else self.project) / "CLAUDE.md"


@dataclass(frozen=True)
class Switch:
    """How to switch off a part: the file, the setting as text, and the function that edits the file's text
    (raising ``JsonError`` if the file is broken).
    """

    part: str
    path: Path
    setting: str
    edit: Callable[[str], str]


def find_switch(part: str, scope: Scope, folders: ClaudeFolders) -> Switch | None:
    """Return the switch for a part, or None if the client cannot switch it off (its tools and prompts)."""
    kind, _, name = part.partition(":")
    if kind == "habit":
        return _remedy(part, name, scope, folders)
    find = _FINDERS.get(kind)
    return find(part, name, folders.settings(scope), folders) if find is not None else None


def can_switch(part: str, folders: ClaudeFolders) -> bool:
    """Return whether a part can be switched off for this project or everywhere."""
    kind, _, name = part.partition(":")
    scopes: tuple[Scope, ...] = ("project", "user")
    if kind == "hook":
        event = name.partition(":")[0]
        shared = folders.project / ".claude" / "settings.json"
        paths = (shared, *(folders.settings(scope) for scope in scopes))
        return any(has_hook(path, event) for path in paths) or bool(_plugin_with_hook(event, folders))
    return any(find_switch(part, scope, folders) is not None for scope in scopes)


def server_name(key: str, folders: ClaudeFolders) -> str:
    """Return a server's configured name, given the name used in tool names."""
    if key.startswith("plugin_"):
        plugin, _, server = key.removeprefix("plugin_").rpartition("_")
        return f"plugin:{plugin}:{server}"
    return next((name for name in _server_names(folders) if server_key(name) == key), key)


def _server_names(folders: ClaudeFolders) -> Iterator[str]:
    state = _text(folders.state)
    found = [
        get_member(state, ("mcpServers",)),
        get_member(state, ("projects", str(folders.project), "mcpServers")),
        get_member(_text(folders.project / ".mcp.json"), ("mcpServers",)),
    ]
    for servers in found:
        yield from servers if isinstance(servers, dict) else ()


def _plugin_id(name: str, folders: ClaudeFolders) -> str:
    """Return an enabled plugin's ``NAME@MARKETPLACE``; empty if no settings file enables it."""
    for path in (
        folders.settings("user"),
        folders.project / ".claude" / "settings.json",
        folders.settings("project"),
    ):
        enabled = get_member(_text(path), ("enabledPlugins",))
        for each in enabled if isinstance(enabled, dict) else ():
            if each.partition("@")[0] == name:
                return str(each)
    return ""


def _remedy(part: str, name: str, scope: Scope, folders: ClaudeFolders) -> Switch | None:
    """Return the remedy for a habit, or None if no setting helps."""
    if name == DIGESTS:
        path = folders.settings(scope)
        return Switch(part, path, "hooks.PostToolUse has digests of large results", _with_digests)
    if name == IDLE:
        return _member(part, folders.settings(scope), ("idleCompaction",), value=True)
    line = MEMORY_LINES.get(name)
    if line is None:
        return None
    return Switch(part, folders.memory(scope), f'the line "{line}"', lambda text: _with_line(text, line))


def _with_digests(text: str) -> str:
    return add_hook(text or "{}", "digest")


def _with_line(text: str, line: str) -> str:
    if line in text.splitlines():
        return text
    return f"{text}{'' if not text or text.endswith(chr(10)) else chr(10)}{line}\n"


def _skill(part: str, name: str, path: Path, folders: ClaudeFolders) -> Switch | None:
    # Claude Code 2.1.332 lists a plugin's skills regardless of ``skillOverrides``.
    if plugin := name.rpartition(":")[0]:
        return _plugin(part, plugin, path, folders)
    return _member(part, path, ("skillOverrides", name), "off")


def _agent(part: str, name: str, path: Path, folders: ClaudeFolders) -> Switch | None:
    del folders
    return _item(part, path, ("permissions", "deny"), f"Agent({name})")


def _mcp(part: str, name: str, path: Path, folders: ClaudeFolders) -> Switch | None:
    return _item(part, path, ("deniedMcpServers",), {"serverName": server_name(name, folders)})


def _memory(part: str, name: str, path: Path, folders: ClaudeFolders) -> Switch | None:
    del folders
    return _item(part, path, ("claudeMdExcludes",), name)


def _plugin(part: str, name: str, path: Path, folders: ClaudeFolders) -> Switch | None:
    enabled = _plugin_id(name, folders)
    return _member(part, path, ("enabledPlugins", enabled), value=False) if enabled else None


def _hook(part: str, name: str, path: Path, folders: ClaudeFolders) -> Switch | None:
    """Return the switch that removes a hook from the scope's settings file or the project's shared one. For a
    plugin's hook, return the plugin's switch instead.
    """
    event = name.partition(":")[0]
    shared = folders.project / ".claude" / "settings.json"
    if not has_hook(path, event):
        if path == folders.settings("project") and has_hook(shared, event):
            return hook_removal(part, shared)
        if plugin := _plugin_with_hook(event, folders):
            return _plugin(part, plugin, path, folders)
    return hook_removal(part, path)


def hook_removal(part: str, path: Path) -> Switch:
    """Return the switch that removes the hooks for an event from one settings file."""
    event = part.removeprefix("hook:").partition(":")[0]
    return Switch(part, path, f"hooks.{event} removed", lambda text: remove_member(text, ("hooks", event)))


def has_hook(path: Path, event: str) -> bool:
    """Return whether a settings file has hooks for an event."""
    return bool(get_member(_text(path), ("hooks", event)))


def _plugin_with_hook(event: str, folders: ClaudeFolders) -> str:
    """Return the name of an installed plugin that has hooks for an event; empty if there is none."""
    installed = get_member(_text(folders.config / "plugins" / "installed_plugins.json"), ("plugins",))
    for plugin, places in installed.items() if isinstance(installed, dict) else ():
        for place in places if isinstance(places, list) else ():
            folder = place.get("installPath") if isinstance(place, dict) else None
            if isinstance(folder, str) and has_hook(Path(folder, "hooks", "hooks.json"), event):
                return str(plugin).partition("@")[0]
    return ""


_FINDERS: dict[str, Callable[[str, str, Path, ClaudeFolders], Switch | None]] = {
    "skill": _skill,
    "agent": _agent,
    "mcp": _mcp,
    "memory": _memory,
    "plugin": _plugin,
    "hook": _hook,
}


def _member(part: str, path: Path, keys: tuple[str, ...], value: Any) -> Switch:
    def edit(text: str) -> str:
        return set_member(text, keys, value)

    return Switch(part, path, f"{'.'.join(keys)} = {json.dumps(value)}", edit)


def _item(part: str, path: Path, keys: tuple[str, ...], value: Any) -> Switch:
    def edit(text: str) -> str:
        present = get_member(text, keys)
        return text if isinstance(present, list) and value in present else append_item(text, keys, value)

    return Switch(part, path, f"{'.'.join(keys)} has {json.dumps(value)}", edit)


def _text(path: Path) -> str:
    """Return a file's text; empty if the file cannot be read or is not JSON."""
    try:
        text = path.read_text(encoding="utf-8-sig")
        get_member(text, ())
    except (OSError, UnicodeDecodeError, JsonError):
        return ""
    return text
