"""Actions of ``token-saver config``. They do not need a hub, but tell a running one about changes."""

import difflib
import json
import os
import shlex
import subprocess
import sys
from collections.abc import Sequence
from typing import Any

from server.bridge.discovery import find_running
from server.commands.hub_client import connect
from server.commands.terminal.output import echo, print_json, print_table
from server.common.errors import BadArguments, NotFound
from server.config.folders import find_folders
from server.config.immediate import needs_restart
from server.config.settings import load_settings
from server.config.settings_file import set_setting
from server.config.sources import Setting, list_settings

SOURCE_STYLES = {"file": "cyan", "environment": "yellow", "default": "dim"}
YES, NO = ("true", "on", "yes", "1"), ("false", "off", "no", "0")


def show_settings(key: str = "", *, changed: bool = False, as_json: bool) -> None:
    """Print one setting, the settings of a section, or all settings. With ``changed``, leave out settings
    that have their default.

    Raises:
        NotFound: the setting or section does not exist.
        SettingsError: ``config.toml`` is invalid.
    """
    found = _matching(key) if key else _settings()
    if changed:
        found = [each for each in found if each.source != "default"]
    one = len(found) == 1 and name_of(found[0]) == key
    if as_json:
        facts = [_as_json(each) for each in found]
        print_json(facts[0] if one else facts)
    elif one:
        echo(found[0].value)
    elif not found:
        echo("All settings have their defaults.")
    else:
        rows = [(name_of(each), each.value, each.source) for each in found]
        print_table(
            ("setting", "value", "source"), rows, paint={"source": SOURCE_STYLES.__getitem__}, shorten="value"
        )


def change_setting(key: str, text: str) -> None:
    """Write a setting to ``config.toml``. An empty text removes the setting, which restores the default.

    Raises:
        NotFound: the setting does not exist.
        BadArguments: an environment variable sets it, or the value has the wrong form.
        SettingsError: the file cannot be changed or the value is invalid. The file is then unchanged.
    """
    setting = _one(key)
    if not setting.editable:
        raise BadArguments(
            f"{key} is set by the environment variable {setting.variable}.", "Change the variable instead."
        )
    folders = find_folders()
    value = value_of(setting, text) if text else None
    set_setting(folders, setting.section, setting.name, value)
    now = next(each for each in _settings() if name_of(each) == key)
    echo(f"{key} = {now.value}  ({now.source})")
    if find_running(str(folders.state)) is None:
        return
    if needs_restart(setting.section, setting.name):
        echo("The running app uses the new value after a restart: token-saver quit, then token-saver.")
    else:
        connect(folders).post("/api/settings", {"setting": key})
        echo("The running app uses the new value from now on.")


def edit_file() -> None:
    """Open ``config.toml`` in the user's editor, then check the file.

    Raises:
        NotFound: no editor was found.
        SettingsError: the edited file is invalid.
    """
    folders = find_folders()
    folders.create()
    folders.config_file.touch(mode=0o600, exist_ok=True)
    usual = "notepad" if sys.platform == "win32" else "vi"
    editor = os.environ.get("VISUAL") or os.environ.get("EDITOR") or usual
    try:
        status = subprocess.call([*shlex.split(editor), str(folders.config_file)])
    except OSError as error:
        raise NotFound(
            f"The editor {editor!r} cannot be started: {error.strerror}.",
            "Set the EDITOR variable to the command of your editor.",
        ) from None
    if status:
        raise BadArguments(f"The editor exited with status {status}.", "The settings were not checked.")
    load_settings(folders)
    echo(f"{folders.config_file} is valid.")


def name_of(setting: Setting) -> str:
    """Return a setting's name, including its section."""
    return f"{setting.section}.{setting.name}".lstrip(".")


def value_of(setting: Setting, text: str) -> Any:
    """Return the value that the text represents. Invalid values are left to validation.

    Raises:
        BadArguments: the text is not a list, or neither true nor false.
    """
    if setting.kind == "bool":
        if text.lower() not in YES + NO:
            raise BadArguments(f"{text!r} is neither true nor false.", "Write true or false.")
        return text.lower() in YES
    if setting.kind in ("int", "float"):
        return _number(text)
    if setting.kind in ("list", "checks"):
        return _list(text) if setting.kind == "list" else _table(text)
    return text


def _number(text: str) -> int | float | str:
    for kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            continue
    return text


def _list(text: str) -> list[str]:
    if not text.startswith("["):
        return [part.strip() for part in text.split(",")]
    try:
        found = json.loads(text)
    except ValueError:
        raise BadArguments(f"{text!r} is not a list.", 'Write it like a,b or ["a", "b"].') from None
    return [str(each) for each in found]


def _table(text: str) -> dict[str, Any]:
    try:
        found = json.loads(text)
    except ValueError:
        found = None
    if not isinstance(found, dict):
        raise BadArguments(f"{text!r} is not a table.", 'Write it like {"name": "value"}.')
    return found


def _settings() -> tuple[Setting, ...]:
    folders = find_folders()
    return list_settings(load_settings(folders), folders)


def _matching(key: str) -> Sequence[Setting]:
    settings = _settings()
    exact = [each for each in settings if name_of(each) == key]
    found = exact or [each for each in settings if each.section == key]
    if not found:
        raise _unknown(key, settings)
    return found


def _one(key: str) -> Setting:
    settings = _settings()
    found = next((each for each in settings if name_of(each) == key), None)
    if found is None:
        raise _unknown(key, settings)
    return found


def _unknown(key: str, settings: Sequence[Setting]) -> NotFound:
    names = {name_of(each) for each in settings}
    by_last = [name for name in names if name.rpartition(".")[2] == key]
    near = by_last or difflib.get_close_matches(key, sorted(names), n=1)
    step = (
        f"Did you mean {' or '.join(sorted(near))}?" if near else "`token-saver config` lists all settings."
    )
    return NotFound(f"Unknown setting: {key!r}.", step)


def _as_json(setting: Setting) -> dict[str, Any]:
    raw = list(setting.raw) if isinstance(setting.raw, tuple) else setting.raw
    value = raw if isinstance(raw, str | int | float | bool | list | dict | None) else str(raw)
    if isinstance(value, list):
        value = [str(each) for each in value]
    return {
        "setting": name_of(setting),
        "value": value,
        "source": setting.source,
        "variable": setting.variable,
        "description": setting.description,
    }
