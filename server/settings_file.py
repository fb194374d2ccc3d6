"""Change one setting in ``config.toml``; everything else in it stays as it was, to the byte."""

import tomllib
from typing import Any

from pydantic import ValidationError

from server.clients.toml_key import set_key
from server.clients.toml_text import TomlError
from server.errors import SettingsError
from server.folders import Folders
from server.replacing import replace_file
from server.settings import Settings


def set_setting(folders: Folders, section: str, key: str, value: Any) -> None:
    """Set ``key`` of ``[section]`` (empty: the top of the file) to ``value``; None takes it out of the file.

    Programs that run read it when they start again.

    Raises:
        SettingsError: the file is not TOML or cannot be written, or the value is bad; nothing changed.
    """
    path = folders.config_file
    try:
        text = path.read_bytes().decode() if path.exists() else ""
        changed = set_key(text, (section,) if section else (), key, value)
        Settings(**tomllib.loads(changed.removeprefix("\ufeff")))
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        replace_file(path, changed.encode())
    except (TomlError, ValidationError, OSError, UnicodeDecodeError) as error:
        raise SettingsError(
            f"{path} could not be changed: {_words(error)}.",
            f"Set {key} in its [{section}] table yourself." if section else f"Set {key} at its top yourself.",
        ) from None


def _words(error: Exception) -> str:
    if isinstance(error, ValidationError):
        first = error.errors()[0]
        return f"{'.'.join(map(str, first['loc']))}: {first['msg']}"
    return str(error).splitlines()[0]
