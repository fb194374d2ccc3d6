"""The settings: defaults, then ``config.toml``, then ``TOKEN_SAVER_*`` variables.

``TOKEN_SAVER_PORT`` sets ``port``; two underscores separate a table from its key:
``TOKEN_SAVER_BACKEND__URL`` sets ``[backend] url``. An unknown key or an invalid value raises a
``SettingsError`` that names the file and line, or the variable. Names of earlier versions still work, with
a remark in the log (see ``old_keys``).
"""

import json
import logging
import os
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

import pydantic_settings
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, model_validator
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

logger = logging.getLogger(__name__)

ENV_PREFIX = "TOKEN_SAVER_"
# Variables with the prefix that are not settings: the app's folder, and switches of the test suite.
NOT_SETTINGS = frozenset({"HOME", "TOKEN"})


class Section(BaseModel):
    """A table of ``config.toml``. Unknown keys are errors; values are frozen."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class BackendSettings(Section):
    """``[backend]``: the engine that runs the model, and how to reach it."""

    kind: Literal["auto", "ollama", "openai", "embedded"] = Field(
        "auto",
        description="The engine. `auto` uses the first running one it finds, or else the built-in one.",
    )
    url: str = Field("", description="The engine's address; empty means its usual one.")
    api_key: str = Field("", description="Bearer token for the engine at `url`; sent to no other address.")
    ca_file: str = Field(
        "", description="PEM file with the certificate authority of an https engine, if it is a private one."
    )
    model: str = Field("", description="The model for calls that name none; empty lets the app choose.")
    num_ctx: int = Field(0, ge=0, description="Context length in tokens; 0 lets the app choose.")
    keep_alive: str = Field(
        "10m", description="How long a model stays loaded after use, such as `10m`; `-1` means forever."
    )
    slots: int = Field(
        0, ge=0, le=64, description="Number of tasks that the engine runs in parallel; 0 asks the engine."
    )
    connect_timeout: float = Field(
        3.0, gt=0, description="How long to wait for a connection to the engine, in seconds."
    )
    silence_timeout: float = Field(
        300.0,
        gt=0,
        description="How long an engine may send nothing before it is considered dead, in seconds.",
    )
    busy_timeout: float = Field(
        20.0,
        ge=0,
        description="How long a single call waits for an engine that is loading a model or busy, in seconds. "
        "A batch waits without a limit.",
    )
    allow_spill: bool = Field(
        False,
        description="Load models that do not fit in GPU memory (or in RAM, without a GPU). They are slow, "
        "and the machine may swap.",
    )
    allow_remote: bool = Field(
        False, description="Allow an engine on another machine. Your code is sent to it."
    )


class EmbeddedSettings(Section):
    """``[embedded]``: the built-in engine."""

    model: str = Field(
        "auto",
        description="A name from the catalogue, a reference such as `hf.co/org/repo:Q4_K_M`, a path, "
        "or `auto`.",
    )
    program: str = Field(
        "",
        description="A `llama-server` to run, by path or name. Empty uses one on this machine that finds a "
        "GPU, or else the library; `built-in` always uses the library.",
    )
    folders: tuple[str, ...] = Field((), description="Folders with GGUF files of yours, used in place.")
    use_caches: bool = Field(
        True,
        description="Use the GGUF files that LM Studio, Ollama, llama.cpp and Hugging Face have downloaded.",
    )
    slots: int = Field(1, ge=1, le=16, description="Number of tasks that it runs in parallel.")
    threads: int = Field(
        0, ge=0, description="CPU threads; 0 uses every core up to four, and one less than all above that."
    )
    gpu_layers: int = Field(-1, ge=-1, description="Model layers on the GPU; -1 means as many as fit.")
    cache_mib: int = Field(
        512, ge=0, description="RAM for reusing the work on earlier prompts, in MiB; 0 switches it off."
    )


class OffloadSettings(Section):
    """``[offload]``: how a single task is done."""

    max_file_bytes: int = Field(
        1_000_000, ge=1, description="Size limit for a file that a prompt includes, in bytes."
    )
    max_output_tokens: int = Field(4096, ge=16, description="Length limit for an answer, in tokens.")
    repair_rounds: int = Field(
        2, ge=0, le=5, description="How often the model may try again after a failed check."
    )
    temperature: float = Field(
        0.2, ge=0, le=2, description="Sampling temperature. Each repair adds 0.3, up to 1."
    )
    check_timeout: float = Field(
        120.0, gt=0, description="How long a check from `[checks]` may run, in seconds."
    )
    check_env: tuple[str, ...] = Field(
        (), description="Environment variables that checks get beside PATH, HOME, the language and the like."
    )
    check_sandbox: bool = Field(
        False,
        description="Run the checks from `[checks]` in the sandbox: without network, with changes in the "
        "project alone. Needs Linux; `token-saver doctor` says whether this machine has a sandbox.",
    )
    checks_outside: tuple[str, ...] = Field(
        (), description="Names of checks that run outside of the sandbox nevertheless, with your rights."
    )
    run_code: bool = Field(
        True,
        description="Run new Python code in a sandbox before it is delivered: load it, run its examples, "
        "compare samples. Without a sandbox on this machine, nothing is run.",
    )
    samples: int = Field(
        6,
        ge=1,
        le=12,
        description="How many answers may be drawn for new code, if they can be run. With 1, new code needs "
        "no examples and no agreement.",
    )
    agreement: int = Field(
        3, ge=2, le=12, description="How many samples have to behave alike if new code has no examples."
    )
    least_right: float = Field(
        0.3,
        ge=0,
        le=1,
        description="Share of a kind of chore that a model has to get right to be given one, where results "
        "are run before they are delivered. 0 gives it everything.",
    )
    least_right_unrun: float = Field(
        0.6, ge=0, le=1, description="The same where results are not run, so that wrong ones are delivered."
    )
    allow_losing: bool = Field(False, description="Run calls that would cost more tokens than they save.")
    client_patience: float = Field(
        45.0,
        gt=0,
        description='How long a call waits for a batch or a model download before Claude is told "still '
        'running" and gets a job id, in seconds. Claude Code waits ten minutes for a batch. A single task '
        "is never cut short.",
    )
    queue_limit: int = Field(512, ge=1, description="Number of tasks that may wait for the engine.")


class BatchSettings(Section):
    """``[batch]``: limits of a batch."""

    max_items: int = Field(500, ge=1, le=100_000, description="Number of items that a batch may have.")
    max_tokens: int = Field(
        0, ge=0, description="Number of tokens that a batch may use in total; 0 means no limit."
    )
    max_hours: float = Field(12.0, gt=0, description="How long a batch may run, in hours.")
    stop_failing: bool = Field(True, description="Stop a batch when most of its items fail.")


class HistorySettings(Section):
    """``[history]``: what the history keeps."""

    contents: bool = Field(
        True,
        description="Keep tasks, prompts, answers and diffs, not only figures. If off, the contents of a "
        "batch are removed when it ends, and it cannot be retried.",
    )
    days: int = Field(90, ge=1, description="How long offloads and batches are kept, in days.")


class LedgerSettings(Section):
    """``[ledger]``: how savings are counted."""

    model: str = Field("claude-opus-5.5", description="The Claude model whose prices are used.")
    cache_reads: float = Field(
        0.0,
        ge=0,
        description="How often Claude reads a text in its context again from the prompt cache. 0 takes the "
        "median of your transcripts, or of public sessions (22) until they are read.",
    )
    calls_per_session: float = Field(
        5.0, gt=0, description="Average number of calls per session. They share the tool definitions' cost."
    )
    unit: Literal["dollars", "quota"] = Field(
        "dollars", description="Show money in dollars, or as a share of your subscription's quota."
    )
    quota_dollars: float = Field(
        0.0, ge=0, description="A week of your subscription in dollars at list prices; 0 if unknown."
    )


class SavingsSettings(Section):
    """``[savings]``: how savings are checked."""

    audit: bool = Field(
        False,
        description="Check every estimate against Claude Code's transcripts. They are read, never changed.",
    )
    transcripts: str = Field(
        "", description="Claude Code's folder; empty means `CLAUDE_CONFIG_DIR` or else `~/.claude`."
    )


class PathsSettings(Section):
    """``[paths]``: files with special rules."""

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
        description="Files that are written only after you approve.",
    )
    allow: tuple[str, ...] = Field(
        (), description="Configuration that other programs run, and that may be written without approval."
    )
    never_read: tuple[str, ...] = Field((), description="Files that are never read, as in `.gitignore`.")
    never_write: tuple[str, ...] = Field((), description="Files that are never written, as in `.gitignore`.")
    read: tuple[str, ...] = Field(
        (), description="Credential files, including `.env`, that may be read nevertheless."
    )


class PolicySettings(Section):
    """``[policy]``: the audit trail."""

    trail_days: int = Field(365, ge=1, description="How long entries of the audit trail are kept, in days.")


class YieldingSettings(Section):
    """``[yielding]``: when to pause for other programs. Work waits and continues on its own."""

    yield_share: float = Field(
        0.5,
        ge=0,
        le=1,
        description="Pause while other programs use this share of GPU memory (0 to 1); 0 means never.",
    )
    yield_unload: bool = Field(True, description="Unload the models during such a pause.")


class TraySettings(Section):
    """``[tray]``: which notifications appear on the screen."""

    notify_batch: bool = Field(True, description="Notify when a batch has finished or failed.")
    notify_approval: bool = Field(True, description="Notify when a call waits for approval.")
    notify_engine: bool = Field(True, description="Notify when the engine is no longer reachable.")
    notify_pause: bool = Field(True, description="Notify when work pauses for another program.")
    notify_model: bool = Field(True, description="Notify when a model has been downloaded.")


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
        description="Folders that every client may work in. In the variable, separate them as in `PATH` or "
        "write a JSON list.",
    )
    log_level: Literal["debug", "info", "warning", "error"] = Field(
        "info", description="The least severe messages that the log contains."
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
        """Variables override ``config.toml``, which arrives as init values; no dotenv, no secrets."""
        return (_Variables(settings_cls), init_settings)


class _Variables(EnvSettingsSource):
    """Environment variables, with old table names read as the current ones."""

    def _load_env_vars(self) -> Mapping[str, str | None]:
        old = super()._load_env_vars()
        prefix = ENV_PREFIX.lower()
        return {
            prefix + current_variable(name[len(prefix) :]) if name.startswith(prefix) else name: value
            for name, value in old.items()
        }


def load_settings(folders: Folders) -> Settings:
    """Read the settings. Names of earlier versions are logged with a warning.

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
        raise SettingsError(f"{path} is not valid TOML: {error}.", "Fix that line.") from None


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
    """Return the variable behind the library's message that a field cannot be parsed."""
    for variable, value in environ.items():
        name = current_variable(variable.upper().removeprefix(ENV_PREFIX).lower())
        section, _, key = name.partition("__")
        table = Settings.model_fields[section].default if f'"{section}"' in message else None
        # Only lists within a table are JSON, and a variable may hold a whole table.
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
    """Return the line (from 1) that sets ``keys``, or the line of its table's header."""
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
