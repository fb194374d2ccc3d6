"""Connects and disconnects a client through its own command if it has one, otherwise by editing its file."""

from pathlib import Path

from server.clients import claude_code, config_change
from server.clients.config_change import ConfigChange
from server.config.folders import Folders


def turn_on(change: ConfigChange, folders: Folders) -> Path | None:
    """Connect as planned. Return the path of the original file's backup, or None if nothing changed.

    Raises:
        ClientFailed: the client's own command failed.
        OSError: the file or the backup cannot be written.
    """
    claude = _own_command(change)
    if claude is not None and change.needed:
        return claude_code.add(claude, change.place, folders)
    return config_change.connect(change, folders)


def turn_off(change: ConfigChange, folders: Folders) -> None:
    """Disconnect the client as planned.

    Raises:
        ClientFailed: the client's own command failed.
        OSError: the file cannot be written.
    """
    claude = _own_command(change)
    as_left = config_change.as_left(change.place, folders)
    entered = config_change.connected(change.place) is not None
    if claude is not None and entered and change.place.scope == "user" and not as_left:
        # Claude Code itself has written the user's file since then, so its command removes the entry.
        claude_code.remove(claude, change.place)
        config_change.forget(change.place, folders)
        return
    config_change.disconnect(change, folders)


def _own_command(change: ConfigChange) -> str | None:
    return claude_code.find_command() if change.place.client == "claude-code" else None
