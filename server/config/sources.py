"""The settings and where each value comes from: default, ``config.toml``, or environment variable."""

import os
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Literal, get_args, get_origin

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from server.config.folders import Folders
from server.config.settings import ENV_PREFIX, Settings, load_settings

Kind = Literal["bool", "choice", "int", "float", "text", "list", "checks"]
Source = Literal["default", "file", "environment"]
SECRETS = frozenset({"backend.api_key"})
"""Values that are never shown, even to the user, because someone else may see the screen."""


@dataclass(frozen=True)
class Setting:
    """One setting. ``variable`` is its environment variable; ``section`` is empty at the top level.

    ``raw`` is the current value, ``default`` the value when neither the file nor the variable sets it.
    ``kind`` selects the editor: ``bool``, ``choice`` (one of ``choices``), ``int``, ``float``, ``text``,
    ``list``, or ``checks`` (see ``list_checks``).
    """

    section: str
    name: str
    value: str
    description: str
    source: Source
    variable: str
    raw: Any = None
    kind: Kind = "text"
    choices: tuple[str, ...] = ()
    default: Any = None

    @property
    def editable(self) -> bool:
        """Return whether the page can change the setting. The environment overrides the file the page
        writes.
        """
        return self.source != "environment"


def list_settings(settings: Settings, folders: Folders) -> tuple[Setting, ...]:
    """Return all settings in definition order. Settings without a section come first."""
    written = _read(folders)
    found = list(_settings(settings, written, ""))
    for name in type(settings).model_fields:
        part = getattr(settings, name)
        if isinstance(part, BaseModel):
            found.extend(_settings(part, written.get(name, {}), name))
    return tuple(found)


def _settings(part: BaseModel, written: Any, section: str) -> Iterator[Setting]:
    for name, field in type(part).model_fields.items():
        value = getattr(part, name)
        if isinstance(value, BaseModel):
            continue
        variable = ENV_PREFIX + "__".join(filter(None, (section, name))).upper()
        yield Setting(
            section=section,
            name=name,
            value=shown(value, f"{section}.{name}"),
            description=_description(field),
            source=_source(variable, name, written),
            variable=variable,
            raw=None if f"{section}.{name}" in SECRETS else value,
            kind=_kind(field.annotation),
            choices=get_args(field.annotation) if get_origin(field.annotation) is Literal else (),
            default=field.get_default(call_default_factory=True),
        )


def saved_list(folders: Folders, section: str, name: str) -> tuple[str, ...]:
    """Return the entries that a list has when the app starts next.

    Raises:
        SettingsError: the settings are invalid.
    """
    settings = load_settings(folders)
    part = getattr(settings, section) if section else settings
    return tuple(map(str, getattr(part, name)))


def list_checks(settings: Settings, folders: Folders) -> tuple[Setting, ...]:
    """Return the user's checks, each with its ``name`` and its command as ``value``."""
    written = _read(folders).get("checks", {})
    return tuple(_check(name, command, written) for name, command in settings.checks.items())


def _check(name: str, command: str, written: Any) -> Setting:
    # Variables are case-insensitive, so a check's name in a variable is lower-case.
    whole, own = f"{ENV_PREFIX}CHECKS", f"{ENV_PREFIX}CHECKS__{name}".upper()
    in_file = isinstance(written, dict) and written.get(name) == command
    variable = own if in_file or own in (each.upper() for each in os.environ) else whole
    source: Source = "file" if in_file else "environment"
    return Setting("checks", name, command, "", source, variable, command, "text")


def _kind(annotation: Any) -> Kind:
    if get_origin(annotation) is Literal:
        return "choice"
    if get_origin(annotation) is tuple:
        return "list"
    kinds: dict[Any, Kind] = {bool: "bool", int: "int", float: "float", str: "text"}
    return kinds.get(annotation, "checks")


def _source(variable: str, name: str, written: Any) -> Source:
    if any(each.upper() == variable for each in os.environ):
        return "environment"
    return "file" if isinstance(written, dict) and name in written else "default"


def shown(value: Any, name: str) -> str:
    """Return a value as display text. ``name`` is the setting's name including its section."""
    if name in SECRETS:
        return "set" if value else "not set"
    if isinstance(value, bool):
        return "on" if value else "off"
    if isinstance(value, dict):
        return ", ".join(f"{key}: {each}" for key, each in value.items()) or "none"
    if isinstance(value, tuple):
        return ", ".join(map(str, value)) or "none"
    return str(value) if value != "" else "–"


def recorded_value(settings: Settings, section: str, name: str) -> str:
    """Return a setting's value as text for the audit trail; empty if it is or may contain a secret."""
    part: Any = getattr(settings, section) if section else settings
    value = part.get(name, "") if isinstance(part, dict) else getattr(part, name, "")
    text = shown(value, f"{section}.{name}")
    return "" if f"{section}.{name}" in SECRETS or "@" in text else text


def _description(field: FieldInfo) -> str:
    return (field.description or "").replace("`", "")


def _read(folders: Folders) -> dict[str, Any]:
    try:
        return tomllib.loads(folders.config_file.read_text(encoding="utf-8-sig"))
    except (OSError, ValueError):
        return {}  # missing, or broken since the start: no current value comes from the file then
