"""The settings: defaults, then ``config.toml``, then ``TOKEN_SAVER_*`` variables.

``TOKEN_SAVER_PORT`` sets ``port``; two underscores reach into a section:
``TOKEN_SAVER_BACKEND__URL`` sets ``[backend] url``. An unknown key or a bad value is a
``SettingsError`` that names the file and line, or the variable.
"""

import json
import os
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

import pydantic_settings
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError
from pydantic_settings import BaseSettings, NoDecode, PydanticBaseSettingsSource, SettingsConfigDict

from server.common.errors import SettingsError
from server.config.folders import Folders

ENV_PREFIX = "TOKEN_SAVER_"
# Variables with the prefix that are not settings: where the folders are, switches of the test suite.
NOT_SETTINGS = frozenset({"HOME", "TOKEN"})


class Section(BaseModel):
    """A table of ``config.toml``: unknown keys are errors, values never change after reading."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class BackendSettings(Section):
    """``[backend]``: which engine works, and how it is reached."""

    kind: Literal["auto", "ollama", "openai", "embedded"] = Field(
        "auto", description="The engine; `auto` takes the first that answers, else the embedded one."
    )
    url: str = Field("", description="The engine's address; empty for its usual one.")
    api_key: str = Field("", description="Sent as a bearer token to the engine at `url`, and to no other.")
    model: str = Field("", description="The model to use when a call names none; empty chooses one.")
    num_ctx: int = Field(0, ge=0, description="Context length in tokens; 0 chooses from a short ladder.")
    keep_alive: str = Field("10m", description="How long a model stays loaded after use; `-1` for ever.")
    slots: int = Field(0, ge=0, le=64, description="Tasks that the engine works on at once; 0 asks it.")
    connect_timeout: float = Field(3.0, gt=0, description="Seconds to wait for a connection.")
    silence_timeout: float = Field(
        300.0, gt=0, description="Seconds without a sign of life before the engine counts as dead."
    )
    allow_spill: bool = Field(
        False,
        description="Load models that do not fit in the GPU's memory (or in RAM, without a GPU): slow, and "
        "the machine may swap.",
    )
    allow_remote: bool = Field(
        False, description="Allow an engine on another machine: your code is sent to it."
    )


class EmbeddedSettings(Section):
    """``[embedded]``: the engine that the app brings along."""

    model: str = Field("auto", description="A catalogue name, the path of a GGUF file, or `auto`.")
    slots: int = Field(1, ge=1, le=16, description="How many tasks it works on at once.")
    threads: int = Field(0, ge=0, description="Threads; 0 for all cores up to four, beyond that one less.")
    gpu_layers: int = Field(-1, ge=-1, description="Layers on the GPU; -1 for as many as fit.")
    cache_mib: int = Field(512, ge=0, description="RAM for finished prompts that may come again, in MiB.")


class OffloadSettings(Section):
    """``[offload]``: how one task is done."""

    max_file_bytes: int = Field(1_000_000, ge=1, description="Largest file that is read into a prompt.")
    max_output_tokens: int = Field(4096, ge=16, description="Room for an answer, in tokens.")
    repair_rounds: int = Field(2, ge=0, le=5, description="Further tries with the error after a failure.")
    temperature: float = Field(
        0.2, ge=0, le=2, description="Sampling temperature; each repair adds 0.3, up to 1."
    )
    check_timeout: float = Field(120.0, gt=0, description="Seconds a check of `[checks]` may take.")
    allow_losing: bool = Field(False, description="Run calls that cost more than they can spare.")
    client_patience: float = Field(
        45.0,
        gt=0,
        description="Seconds that a call waits for a batch, or for the download of its model, before it is "
        "answered that this goes on; Claude Code waits ten minutes for a batch. A single task is never cut "
        "short.",
    )
    queue_limit: int = Field(512, ge=1, description="Tasks that may wait for the engine.")


class BatchSettings(Section):
    """``[batch]``: the bounds of one batch."""

    max_items: int = Field(500, ge=1, le=100_000, description="Most items of one batch.")
    max_tokens: int = Field(0, ge=0, description="Tokens a batch may take in all; 0 for no bound.")
    max_hours: float = Field(12.0, gt=0, description="Hours after which a batch is stopped.")
    stop_failing: bool = Field(True, description="Stop a batch when most of its items fail.")


class HistorySettings(Section):
    """``[history]``: what is kept."""

    contents: bool = Field(
        True,
        description="Keep tasks, prompts, answers and diffs, not only figures. If off, those of a batch go "
        "when it ends, and it cannot be tried again.",
    )
    days: int = Field(90, ge=1, description="Days after which rows are removed.")


class LedgerSettings(Section):
    """``[ledger]``: how savings are counted."""

    model: str = Field("claude-opus-5.5", description="The Claude model that prices are taken from.")
    cache_reads: float = Field(
        10.0, ge=0, description="How often a text in Claude's context is read again from the cache."
    )
    calls_per_session: float = Field(
        5.0, gt=0, description="Calls that usually share the cost of the tool definitions in one session."
    )
    unit: Literal["dollars", "quota"] = Field(
        "dollars", description="Show money as dollars, or as a share of a subscription's quota."
    )
    quota_dollars: float = Field(
        0.0, ge=0, description="What a week of your subscription is worth at list prices; 0 if unknown."
    )


class SavingsSettings(Section):
    """``[savings]``: how savings are checked."""

    audit: bool = Field(
        False, description="Read Claude Code's transcripts to check every estimate; nothing is written there."
    )
    transcripts: str = Field(
        "", description="Claude Code's folder; empty for `CLAUDE_CONFIG_DIR`, else `~/.claude`."
    )


class PathsSettings(Section):
    """``[paths]``: files that need care."""

    protect: tuple[str, ...] = Field(
        (
            ".env*",
            "*.pem",
            "*.key",
            ".github/workflows/*",
            ".gitlab-ci.yml",
            ".circleci/*",
            "Jenkinsfile",
            "azure-pipelines.yml",
            ".ci/*",
        ),
        description="Files that are written only with your approval.",
    )
    read: tuple[str, ...] = Field(
        (), description="Credential files, also `.env`, that may be read all the same."
    )


class PolicySettings(Section):
    """``[policy]``: the audit trail."""

    trail_days: int = Field(365, ge=1, description="Days after which rows of the audit trail are removed.")


class MannersSettings(Section):
    """``[manners]``: when to give way to other programs. Work waits meanwhile and goes on by itself."""

    yield_share: float = Field(
        0.5,
        ge=0,
        le=1,
        description="Pause while other programs hold this share of the GPU's memory; 0 for never.",
    )
    yield_to_games: bool = Field(True, description="Pause while a game runs full-screen.")
    yield_unload: bool = Field(True, description="Unload models while paused for such a reason.")


class TraySettings(Section):
    """``[tray]``: which notices appear on the screen."""

    notify_batch: bool = Field(True, description="Say when a batch finished or failed.")
    notify_approval: bool = Field(True, description="Say when a call waits for approval.")
    notify_engine: bool = Field(True, description="Say when the engine went away.")
    notify_pause: bool = Field(True, description="Say when work pauses by itself to give way.")
    notify_model: bool = Field(True, description="Say when a model was downloaded.")


def _folders_of(value: object) -> object:
    if not isinstance(value, str):
        return value
    return json.loads(value) if value.startswith("[") else [each for each in value.split(os.pathsep) if each]


class Settings(BaseSettings):
    """Everything the user can set. Frozen: a change makes a new object."""

    model_config = SettingsConfigDict(
        env_prefix=ENV_PREFIX, env_nested_delimiter="__", extra="forbid", frozen=True
    )

    port: int = Field(7283, ge=0, le=65535, description="The hub's port on 127.0.0.1; 0 for any free one.")
    roots: Annotated[tuple[Path, ...], NoDecode, BeforeValidator(_folders_of)] = Field(
        (), description="Folders that every client may work in; in the variable as in `PATH`, or a JSON list."
    )
    log_level: Literal["debug", "info", "warning", "error"] = Field(
        "info", description="How much is written into the log."
    )
    appearance: Literal["system", "light", "dark"] = Field(
        "system", description="The dashboard's colours; `system` follows the desktop."
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
    manners: MannersSettings = MannersSettings()
    tray: TraySettings = TraySettings()
    checks: dict[str, str] = Field(
        default_factory=dict, description='Named commands that check a written file; "{file}" is its path.'
    )

    @classmethod
    def settings_customise_sources(  # the library's signature, hence the unused arguments
        cls,
        settings_cls: type[BaseSettings],  # noqa: ARG003
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,  # noqa: ARG003
        file_secret_settings: PydanticBaseSettingsSource,  # noqa: ARG003
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Environment before ``config.toml`` (which arrives as init values); no dotenv, no secrets."""
        return (env_settings, init_settings)


def load_settings(folders: Folders) -> Settings:
    """Read the settings.

    Raises:
        SettingsError: the file is not TOML, a key is unknown, or a value is bad.
    """
    path = folders.config_file
    text, table = _read_table(path)
    _refuse_unknown_variables(os.environ)
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
        # Editors on Windows put a byte order mark before the text.
        text = path.read_text(encoding="utf-8-sig")
    except FileNotFoundError:
        return "", {}
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsError(
            f"{path} cannot be read: {error}.", "Mend or remove the file, then start again."
        ) from None
    try:
        return text, tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise SettingsError(f"{path} is not valid TOML: {error}.", "Mend that line.") from None


def _refuse_unknown_variables(environ: Mapping[str, str]) -> None:
    known = {name.upper() for name in Settings.model_fields} | NOT_SETTINGS
    for variable in environ:
        if not variable.upper().startswith(ENV_PREFIX):
            continue
        name = variable[len(ENV_PREFIX) :].upper()
        if name.partition("__")[0] not in known and not name.startswith("TEST_"):
            raise SettingsError(
                f"The environment variable {variable} names no setting.",
                "Unset it, or see the settings in docs/settings.md.",
            )


def _not_json(said: str, environ: Mapping[str, str]) -> str:
    """Return which variable the library means when it says that a field cannot be parsed."""
    for variable, value in environ.items():
        section, _, key = variable.upper().removeprefix(ENV_PREFIX).lower().partition("__")
        table = Settings.model_fields[section].default if f'"{section}"' in said else None
        # Of a table's keys the lists alone are JSON; the table itself may be given whole.
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
    """Return the line (from 1) on which ``keys`` is set, or that of its table."""
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
