"""The settings: defaults, then ``config.toml``, then ``TOKEN_SAVER_*`` variables.

``TOKEN_SAVER_PORT`` sets ``port``; two underscores separate a table from its key:
``TOKEN_SAVER_BACKEND__URL`` sets ``[backend] url``. An unknown key or an invalid value raises a
``SettingsError`` that names the file and line, or the variable. Names from earlier versions still work, but
log a warning (see ``old_keys``).
"""

import json
import logging
import os
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

import pydantic_settings
from pydantic import BeforeValidator, Field, ValidationError, model_validator
from pydantic_settings import (
    BaseSettings,
    EnvSettingsSource,
    NoDecode,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
)

from server.common.errors import SettingsError
from server.config.folders import Folders
from server.config.old_keys import current_variable, update_keys
from server.config.sections import (
    BackendSettings,
    BatchSettings,
    EmbeddedSettings,
    HistorySettings,
    LedgerSettings,
    OffloadSettings,
    PathsSettings,
    PolicySettings,
    SavingsSettings,
    TraySettings,
    YieldingSettings,
)

logger = logging.getLogger(__name__)

ENV_PREFIX = "TOKEN_SAVER_"
# Variables with the prefix that are not settings: the app's folder, and switches of the test suite.
NOT_SETTINGS = frozenset({"HOME", "TOKEN"})


def _split_folders(value: object) -> object:
    if not isinstance(value, str):
        return value
    return json.loads(value) if value.startswith("[") else [each for each in value.split(os.pathsep) if each]


class Settings(BaseSettings):
    """All settings. Frozen: a change creates a new object."""

    model_config = SettingsConfigDict(
        env_prefix=ENV_PREFIX, env_nested_delimiter="__", extra="forbid", frozen=True
    )

    port: int = Field(7283, ge=0, le=65535, description="The app's port on 127.0.0.1; 0 means any free port.")
    roots: Annotated[tuple[Path, ...], NoDecode, BeforeValidator(_split_folders)] = Field(
        (),
        description="Folders in which every client may work. In the variable, separate them as in `PATH` "
        "or write a JSON list.",
    )
    log_level: Literal["debug", "info", "warning", "error"] = Field(
        "info", description="Minimum level of messages in the log."
    )
    appearance: Literal["system", "light", "dark"] = Field(
        "system", description="The dashboard's colours; `system` follows the desktop's."
    )
    backend: BackendSettings = BackendSettings()
    embedded: EmbeddedSettings = EmbeddedSettings()
    offload: OffloadSettings = OffloadSettings()
    batch: BatchSettings = BatchSettings()
    history: HistorySettings = HistorySettings()
    ledger: LedgerSettings = LedgerSettings()
    savings: SavingsSettings = SavingsSettings()
    paths: PathsSettings = PathsSettings()
    policy: PolicySettings = PolicySettings()
    yielding: YieldingSettings = YieldingSettings()
    tray: TraySettings = TraySettings()
    checks: dict[str, str] = Field(
        default_factory=dict,
        description="Named commands that check a written file; `{file}` stands for its path.",
    )

    @model_validator(mode="before")
    @classmethod
    def _update_keys(cls, values: dict[str, Any]) -> dict[str, Any]:
        return update_keys(values)[0]

    @classmethod
    def settings_customise_sources(  # the library's signature, hence the unused arguments
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,  # noqa: ARG003
        dotenv_settings: PydanticBaseSettingsSource,  # noqa: ARG003
        file_secret_settings: PydanticBaseSettingsSource,  # noqa: ARG003
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Let variables override ``config.toml``, which arrives as init values. Dotenv and secrets files are
        not used.
        """
        return (_Variables(settings_cls), init_settings)


class _Variables(EnvSettingsSource):
    """Environment variables, with old table names mapped to the current ones."""

    def _load_env_vars(self) -> Mapping[str, str | None]:
        old = super()._load_env_vars()
        prefix = ENV_PREFIX.lower()
        return {
            prefix + current_variable(name[len(prefix) :]) if name.startswith(prefix) else name: value
            for name, value in old.items()
        }


def load_settings(folders: Folders) -> Settings:
    """Read the settings, logging a warning for names from earlier versions.

    Raises:
        SettingsError: the file is not TOML, a key is unknown, or a value is invalid.
    """
    path = folders.config_file
    text, table = _read_table(path)
    _refuse_unknown_variables(os.environ)
    for remark in update_keys(table)[1]:
        logger.warning("%s: %s", path, remark)
    try:
        return Settings(**table)
    except ValidationError as error:
        raise _explain(error, path, text) from None
    except pydantic_settings.SettingsError as error:
        variable = _not_json(str(error), os.environ)
        raise SettingsError(
            f"The environment variable {variable} has a bad value: it is not JSON.",
            'Write a list as ["a", "b"] and a table as {"name": "value"}, or set it in config.toml instead.',
        ) from None


def _read_table(path: Path) -> tuple[str, dict[str, Any]]:
    try:
        # Editors on Windows write a byte order mark at the start.
        text = path.read_text(encoding="utf-8-sig")
    except FileNotFoundError:
        return "", {}
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsError(
            f"{path} cannot be read: {error}.", "Fix or remove the file, then start again."
        ) from None
    try:
        return text, tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise SettingsError(f"{path} is not valid TOML: {error}.", "Fix this line.") from None


def _refuse_unknown_variables(environ: Mapping[str, str]) -> None:
    known = {name.upper() for name in Settings.model_fields} | NOT_SETTINGS
    for variable in environ:
        if not variable.upper().startswith(ENV_PREFIX):
            continue
        name = current_variable(variable[len(ENV_PREFIX) :]).upper()
        if name.partition("__")[0] not in known and not name.startswith("TEST_"):
            raise SettingsError(
                f"The environment variable {variable} does not name a setting.",
                "Unset it, or look up the setting's name in docs/settings.md.",
            )


def _not_json(message: str, environ: Mapping[str, str]) -> str:
    """Return the variable that caused the library's parse error."""
    for variable, value in environ.items():
        name = current_variable(variable.upper().removeprefix(ENV_PREFIX).lower())
        section, _, key = name.partition("__")
        table = Settings.model_fields[section].default if f'"{section}"' in message else None
        # Only lists within a table are JSON, and a variable can hold a whole table.
        if (table is not None and not key) or isinstance(getattr(table, key, None), tuple):
            try:
                json.loads(value)
            except ValueError:
                return variable
    return ENV_PREFIX + "…"


def _explain(error: ValidationError, path: Path, text: str) -> SettingsError:
    first = error.errors()[0]
    keys = [str(key) for key in first["loc"]]
    variable = ENV_PREFIX + "__".join(keys).upper()
    unknown = first["type"] == "extra_forbidden"
    what = "is not a setting" if unknown else f"has a bad value: {first['msg']}"
    if any(name.upper() == variable for name in os.environ):
        where = f"The environment variable {variable}"
    else:
        where = f"{path}, line {_line_of(text, keys)}: {'.'.join(keys)}"
    return SettingsError(f"{where} {what}.", "Correct it; docs/settings.md lists every setting.")


def _line_of(text: str, keys: list[str]) -> int:
    """Return the 1-based number of the line that sets ``keys``, or of its table's header."""
    section: list[str] = []
    table_line = 1
    for number, line in enumerate(text.splitlines(), start=1):
        stripped = line.strip()
        if stripped.startswith("["):
            section = [part.strip() for part in stripped.strip("[] ").split(".")]
            if section == keys[: len(section)]:
                table_line = number
        elif section == keys[:-1] and stripped.partition("=")[0].strip().strip('"') == keys[-1]:
            return number
    return table_line
