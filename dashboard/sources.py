"""Where the value of each setting comes from: its default, ``config.toml``, or the environment."""

import os
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Literal, get_args, get_origin

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from server.folders import Folders
from server.settings import ENV_PREFIX, Settings

Kind = Literal["bool", "choice", "int", "float", "text", "file"]
SECRETS = frozenset({"backend.api_key"})
"""Never shown, not even to their owner: a page may be on a second screen."""


@dataclass(frozen=True)
class Setting:
    """One setting. ``variable`` is the environment's name for it, ``section`` empty at the top level.

    ``raw`` is the value in force, ``kind`` how it is edited: ``bool``, ``choice`` (one of ``choices``),
    ``int``, ``float``, ``text``, or ``file`` for one that is edited in the file alone.
    """

    section: str
    name: str
    value: str
    description: str
    source: Literal["default", "file", "environment"]
    variable: str
    raw: Any = None
    kind: Kind = "file"
    choices: tuple[str, ...] = ()

    @property
    def editable(self) -> bool:
        """Whether the page may change it: the environment goes before the file."""
        return self.source != "environment" and self.kind != "file"


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
            kind=_kind(section, field.annotation),
            choices=get_args(field.annotation) if get_origin(field.annotation) is Literal else (),
        )


def _kind(section: str, annotation: Any) -> Kind:
    if not section:
        return "file"  # the top of the file holds more than settings
    if get_origin(annotation) is Literal:
        return "choice"
    kinds: dict[Any, Kind] = {bool: "bool", int: "int", float: "float", str: "text"}
    return kinds.get(annotation, "file")


def _source(variable: str, name: str, written: Any) -> Literal["default", "file", "environment"]:
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
        return tomllib.loads(folders.config_file.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}  # none, or broken since the start: what holds then comes from elsewhere
