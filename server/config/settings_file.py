"""Changes one setting in ``config.toml``, leaving every other byte of the file unchanged."""

import threading
import tomllib
from typing import Annotated, Any

from pydantic import BaseModel, TypeAdapter, ValidationError

from server.bridge.own_folders import make_folder
from server.common.atomic_write import replace_file
from server.common.errors import SettingsError
from server.config.folders import Folders
from server.config.old_keys import table_in_file
from server.config.settings import Settings
from server.config.textedit.toml import TomlError, set_key

_ONE_AT_A_TIME = threading.Lock()


def set_setting(folders: Folders, section: str, key: str, value: Any) -> None:
    """Set ``key`` of ``[section]`` (empty: the top of the file) to ``value``; None removes the key.

    Running programs pick up the setting the next time they start. Changes by several threads are made one
    after another, so that none is lost.

    Raises:
        SettingsError: the file is not TOML or cannot be written, or the value is invalid. Nothing is changed.
    """
    path = folders.config_file
    try:
        with _ONE_AT_A_TIME:
            text = path.read_bytes().decode() if path.exists() else ""
            table = table_in_file(tomllib.loads(text.removeprefix("\ufeff")), section)
            changed = set_key(text, (table,) if table else (), key, value)
            _refuse_bad_value(section, key, tomllib.loads(changed.removeprefix("\ufeff")))
            make_folder(path.parent)
            replace_file(path, changed.encode())
    except (TomlError, tomllib.TOMLDecodeError, ValidationError, OSError, UnicodeDecodeError) as error:
        raise SettingsError(
            f"{path} could not be changed: {_first_line(error)}.",
            f"Set {key} in the table [{section}] yourself." if section else f"Set {key} yourself.",
        ) from None


def explain_bad_value(section: str, key: str, value: Any) -> str:
    """Return a request that lists the values the setting accepts; empty if it accepts ``value``."""
    of_section = Settings.model_fields[section].default if section else None
    model = type(of_section) if isinstance(of_section, BaseModel) else Settings
    field = model.model_fields[key]
    try:
        accepted: Any = field.annotation
        if field.metadata:
            accepted = Annotated[accepted, *field.metadata]
        TypeAdapter(accepted).validate_python(value)
    except ValidationError:
        return _accepted(section, key)
    return ""


def _refuse_bad_value(section: str, key: str, table: dict[str, Any]) -> None:
    """Check that the changed file contains valid settings.

    Raises:
        SettingsError: the value of this key is invalid.
        ValidationError: another value is invalid, as it was before the change.
    """
    try:
        Settings(**table)
    except ValidationError as error:
        where = (section, key) if section else (key,)
        bad = next((each for each in error.errors() if each["loc"][: len(where)] == where), None)
        if bad is None:
            raise
        problem = f"{'.'.join(where)} cannot be {bad['input']!r}"
        # The accepted values say the same as the cause.
        cause = "" if bad["type"] in ("enum", "literal_error") else f": {_lower(bad['msg'])}"
        raise SettingsError(f"{problem}{cause}.", f"{_accepted(section, key)} Nothing was changed.") from None


def _accepted(section: str, key: str) -> str:
    """Return a request to the user that describes the values the setting accepts."""
    of_section = Settings.model_fields[section].default if section else None
    kind = type(of_section) if isinstance(of_section, BaseModel) else Settings
    schema = kind.model_json_schema()["properties"].get(key, {})
    if "enum" in schema:
        return f"Give one of {', '.join(schema['enum'])}."
    if schema.get("type") == "boolean":
        return "Give true or false."
    if schema.get("type") not in ("integer", "number"):
        values = f"a value such as {', '.join(schema['examples'])}" if "examples" in schema else ""
        return f"Give {values or 'another value; docs/settings.md lists the valid values of each setting'}."
    number = "a whole number" if schema["type"] == "integer" else "a number"
    least, most, above = (schema.get(name) for name in ("minimum", "maximum", "exclusiveMinimum"))
    if least is not None and most is not None:
        return f"Give {number} from {least} to {most}."
    if above is not None:
        return f"Give {number} above {above}."
    return f"Give {number} of at least {least}." if least is not None else f"Give {number}."


def _lower(text: str) -> str:
    return text[:1].lower() + text[1:]


def _first_line(error: Exception) -> str:
    if isinstance(error, ValidationError):
        first = error.errors()[0]
        return f"{'.'.join(map(str, first['loc']))}: {first['msg']}"
    return str(error).splitlines()[0]
