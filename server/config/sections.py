"""The tables of ``config.toml``: each key with its default, range and description."""

from typing import Annotated, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field


def _sandbox_word(value: object) -> object:
    """Translate a boolean switch from earlier versions to the current word."""
    words = {"true": "always", "1": "always", "false": "never", "0": "never"}
    return words.get(str(value).lower(), value) if isinstance(value, bool | str | int) else value


DURATION = r"^\s*-?(\d+(\.\d+)?(ms|s|m|h)?)+\s*$"
"""Durations in the form of Ollama's ``keep_alive``: ``90``, ``10m``, ``1h30m``, ``-1``."""


class Section(BaseModel):
    """A table of ``config.toml``. Unknown keys are errors. Values are frozen."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class BackendSettings(Section):
    """``[backend]``: the engine that runs the model, and how to reach it."""

    kind: Literal["auto", "ollama", "openai", "embedded"] = Field(
        "auto",
        description="The engine. `auto` uses the first running engine that it finds, otherwise the built-in "
        "engine.",
    )
    url: str = Field("", description="The engine's address; empty for the usual address.")
    api_key: str = Field(
        "", description="Bearer token for the engine at `url`. It is not sent to any other address."
    )
    ca_file: str = Field(
        "",
        description="PEM file with the certificate authority of an https engine, if it is private.",
    )
    model: str = Field(
        "", description="The default model, for calls that do not name one; if empty, the app chooses."
    )
    num_ctx: int = Field(0, ge=0, description="Context length in tokens; 0 lets the app choose.")
    keep_alive: str = Field(
        "10m",
        pattern=DURATION,
        examples=["10m", "1h30m", "-1"],
        description="How long a model stays loaded after use, such as `10m`; `-1` means forever.",
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
        description="How long the engine may be silent before it counts as dead, in seconds.",
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
        description="A `llama-server` to run, by path or name. If empty, the app uses a `llama-server` on "
        "this machine that finds a GPU, otherwise the library. `built-in` always uses the library.",
    )
    folders: tuple[str, ...] = Field((), description="Your folders with GGUF files, used in place.")
    use_caches: bool = Field(
        True,
        description="Use GGUF files that LM Studio, Ollama, llama.cpp and Hugging Face have downloaded.",
    )
    slots: int = Field(
        1, ge=1, le=16, description="Number of tasks that the built-in engine runs in parallel."
    )
    threads: int = Field(
        0, ge=0, description="CPU threads. 0 uses every core up to four, and all cores but one above four."
    )
    gpu_layers: int = Field(-1, ge=-1, description="Model layers on the GPU; -1 means as many as fit.")
    cache_mib: int = Field(
        512, ge=0, description="RAM for caching earlier prompts, in MiB; 0 switches the cache off."
    )


class OffloadSettings(Section):
    """``[offload]``: how a single task runs."""

    max_file_bytes: int = Field(1_000_000, ge=1, description="Maximum size of a file in a prompt, in bytes.")
    max_output_tokens: int = Field(4096, ge=16, description="Maximum length of an answer, in tokens.")
    repair_rounds: int = Field(
        2, ge=0, le=5, description="How often the model can try again after a failed check."
    )
    temperature: float = Field(
        0.2, ge=0, le=2, description="Sampling temperature. Each repair adds 0.3, up to 1."
    )
    check_timeout: float = Field(
        120.0, gt=0, description="How long a check from `[checks]` may run, in seconds."
    )
    check_env: tuple[str, ...] = Field(
        (),
        description="Environment variables for checks, in addition to PATH, HOME, the language and similar "
        "variables.",
    )
    check_sandbox: Annotated[Literal["auto", "always", "never"], BeforeValidator(_sandbox_word)] = Field(
        "auto",
        description="Where the checks from `[checks]` run. `auto` and `always` run them in the sandbox: "
        "without network access, and with changes only in the project. Without a sandbox on this machine "
        "(only Linux has one), `auto` runs them outside and `always` refuses them.",
    )
    checks_network: tuple[str, ...] = Field(
        (), description="Names of checks that may use the network from the sandbox."
    )
    checks_outside: tuple[str, ...] = Field(
        (), description="Names of checks that run outside the sandbox anyway, with your permissions."
    )
    run_code: bool = Field(
        True,
        description="Run new Python, JavaScript, TypeScript and Bash in a sandbox before delivery: load "
        "it, run its examples, compare samples. Without a sandbox on this machine, nothing is run.",
    )
    samples: int = Field(
        6,
        ge=1,
        le=12,
        description="Maximum number of answers drawn for new code that can be run. After four, more are "
        "drawn only if one held more examples than the first. With 1, new code needs no examples and no "
        "agreement.",
    )
    agreement: int = Field(
        3, ge=2, le=12, description="How many samples must behave alike if new code has no examples."
    )
    least_right: float = Field(
        0.3,
        ge=0,
        le=1,
        description="A model must get this share of a kind of chore right to be given more of that kind. "
        "This share applies to results that are run before delivery. With 0, the model gets every chore.",
    )
    least_right_unrun: float = Field(
        0.6,
        ge=0,
        le=1,
        description="The same share for results that are not run, so that wrong results can be delivered.",
    )
    allow_losing: bool = Field(
        False, description="Run calls even if they would cost more tokens than they save."
    )
    client_patience: float = Field(
        45.0,
        gt=0,
        description='How long a call waits for a batch or a model download before Claude is told "still '
        'running" and gets a job id, in seconds. Claude Code waits ten minutes for a batch. A single task '
        "is never cut short.",
    )
    queue_limit: int = Field(512, ge=1, description="Number of tasks that can wait for the engine.")


class BatchSettings(Section):
    """``[batch]``: limits of a batch."""

    max_items: int = Field(500, ge=1, le=100_000, description="Maximum number of items in a batch.")
    max_tokens: int = Field(
        0, ge=0, description="Maximum number of tokens that a batch uses in total; 0 means no limit."
    )
    max_hours: float = Field(12.0, gt=0, description="Maximum running time of a batch, in hours.")
    stop_failing: bool = Field(True, description="Stop a batch when most of its items fail.")


class HistorySettings(Section):
    """``[history]``: what the history keeps."""

    contents: bool = Field(
        True,
        description="Keep tasks, prompts, answers and diffs, not only figures. If this is off, the "
        "contents of a batch are removed at its end, and the batch cannot be retried.",
    )
    days: int = Field(90, ge=1, description="How long offloads and batches are kept, in days.")


class LedgerSettings(Section):
    """``[ledger]``: how savings are calculated."""

    model: str = Field("claude-opus-5.5", description="The Claude model whose prices are used.")
    cache_reads: float = Field(
        0.0,
        ge=0,
        description="How often Claude reads each token of its context again from the prompt cache. 0 uses "
        "the median of your transcripts, or of public sessions (22) until your transcripts are read.",
    )
    calls_per_session: float = Field(
        5.0,
        gt=0,
        description="Average number of calls per session. The calls share the cost of the tool definitions.",
    )
    unit: Literal["dollars", "quota"] = Field(
        "dollars", description="Show money in dollars, or as a share of your subscription's quota."
    )
    quota_dollars: float = Field(
        0.0, ge=0, description="Weekly price of your subscription in dollars at list prices; 0 if unknown."
    )


class SavingsSettings(Section):
    """``[savings]``: checking savings against transcripts."""

    audit: bool = Field(
        False,
        description="Check every estimate against Claude Code's transcripts. They are read, never changed.",
    )
    transcripts: str = Field(
        "", description="Claude Code's folder; empty means `CLAUDE_CONFIG_DIR` or else `~/.claude`."
    )
    holdout: float = Field(
        0.0,
        ge=0,
        lt=1,
        description="Share of Claude Code's sessions in which the app stays silent: no tools, no digests, "
        "no reminders. The saving is then measured as the difference between the two groups of sessions.",
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
        description="Files that are written only after your approval.",
    )
    allow: tuple[str, ...] = Field(
        (), description="Configuration that other programs run and that may be written without approval."
    )
    never_read: tuple[str, ...] = Field(
        (), description="Files that are never read, with patterns as in `.gitignore`."
    )
    never_write: tuple[str, ...] = Field(
        (), description="Files that are never written, with patterns as in `.gitignore`."
    )
    read: tuple[str, ...] = Field(
        (), description="Credential files, including `.env`, that may be read anyway."
    )


class PolicySettings(Section):
    """``[policy]``: the audit trail."""

    trail_days: int = Field(365, ge=1, description="How long entries of the audit trail are kept, in days.")


class YieldingSettings(Section):
    """``[yielding]``: when to pause for other programs. Work waits and resumes automatically."""

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
