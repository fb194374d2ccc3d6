"""Where the value of each setting comes from: its default, ``config.toml``, or the environment."""

import os
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Literal, get_args, get_origin

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from server.config.folders import Folders
from server.config.settings import ENV_PREFIX, Settings

Kind = Literal["bool", "choice", "int", "float", "text", "list", "checks"]
Source = Literal["default", "file", "environment"]
SECRETS = frozenset({"backend.api_key"})
"""Never shown, not even to their owner: a page may be on a second screen."""


@dataclass(frozen=True)
class Setting:
    """One setting. ``variable`` is the environment's name for it, ``section`` empty at the top level.

    ``raw`` is the value in force, ``kind`` how it is edited: ``bool``, ``choice`` (one of ``choices``),
    ``int``, ``float``, ``text``, ``list``, or ``checks`` for the table of those: see ``list_checks``.
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

    @property
    def editable(self) -> bool:
        """Whether the page may change it: the environment goes before the file."""
        return self.source != "environment"


def list_settings(settings: Settings, folders: Folders) -> tuple[Setting, ...]:
    """Return every setting in the order of their definition, those of no section first."""
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
        )


def list_checks(settings: Settings, folders: Folders) -> tuple[Setting, ...]:
    """Return the user's checks: ``name`` and, as ``value``, the command."""
    written = _read(folders).get("checks", {})
    return tuple(_check(name, command, written) for name, command in settings.checks.items())


def _check(name: str, command: str, written: Any) -> Setting:
    # Variables are read without regard to case, so that a check's name is in them in lower case.
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
    """Return a value in words; ``name`` is the setting's, with its section."""
    if name in SECRETS:
        return "set" if value else "not set"
    if isinstance(value, bool):
        return "on" if value else "off"
    if isinstance(value, dict):
        return ", ".join(f"{key}: {each}" for key, each in value.items()) or "none"
    if isinstance(value, tuple):
        return ", ".join(map(str, value)) or "none"
    return str(value) if value != "" else "–"


def _description(field: FieldInfo) -> str:
    return (field.description or "").replace("`", "")


def _read(folders: Folders) -> dict[str, Any]:
    try:
        return tomllib.loads(folders.config_file.read_text(encoding="utf-8-sig"))
    except (OSError, ValueError):
        return {}  # none, or broken since the start: what holds then comes from elsewhere
