"""Settings in plain language: group, name, unit, range, and whether they are meant for experts."""

from collections.abc import Mapping
from dataclasses import dataclass

from server.config.sources import Setting


@dataclass(frozen=True)
class Group:
    """A group of settings; ``key`` is its anchor on the page."""

    key: str
    name: str
    about: str


@dataclass(frozen=True)
class PlainName:
    """A setting in plain language. ``unit`` follows a number. ``span`` (minimum, maximum, step) makes it a
    slider. ``advanced`` settings are hidden at first. ``about`` replaces a description written for readers of
    ``config.toml``.
    """

    group: str
    name: str
    unit: str = ""
    span: tuple[float, float, float] | None = None
    advanced: bool = False
    about: str = ""


GROUPS = (
    Group("general", "General", "Appearance, and the folders for Claude's work."),
    Group("engine", "Engine and model", "The program that runs the local model, and its options."),
    Group("answers", "Answers and checks", "How results are made, checked and repaired."),
    Group("batches", "Batches", "Limits for one task on many files."),
    Group("files", "Files and approvals", "Files that need your approval, and files that are off limits."),
    Group("savings", "Savings", "How tokens and money are counted."),
    Group("privacy", "History and privacy", "Which data is kept, and for how long."),
    Group("sharing", "Sharing this computer", "When work pauses for other programs."),
    Group("notices", "Notifications", "Notices on your screen."),
)

NAMES: Mapping[str, PlainName] = {
    "appearance": PlainName("general", "Appearance", about="The dashboard's theme: light or dark."),
    "roots": PlainName(
        "general", "Folders Claude can work in", about="In addition to each session's project."
    ),
    "port": PlainName("general", "Port", advanced=True),
    "log_level": PlainName("general", "Log detail", advanced=True),
    "backend.kind": PlainName(
        "engine", "Engine", about="The program that runs the model; usually found automatically."
    ),
    "backend.url": PlainName(
        "engine", "Engine address", about="Empty for the engine's usual address on this machine."
    ),
    "backend.model": PlainName("engine", "Default model", about="For calls that do not name a model."),
    "backend.keep_alive": PlainName(
        "engine", "Keep a model loaded for", about="After its last use: 10m, 2h, or -1 for always."
    ),
    "backend.api_key": PlainName("engine", "Engine API key", advanced=True),
    "backend.ca_file": PlainName("engine", "Certificate authority", advanced=True),
    "backend.num_ctx": PlainName("engine", "Context length", "tokens", advanced=True),
    "backend.slots": PlainName("engine", "Tasks in parallel", advanced=True),
    "backend.connect_timeout": PlainName("engine", "Wait for a connection", "seconds", advanced=True),
    "backend.silence_timeout": PlainName("engine", "Wait for a silent engine", "seconds", advanced=True),
    "backend.busy_timeout": PlainName("engine", "Wait for a busy engine", "seconds", advanced=True),
    "backend.allow_spill": PlainName("engine", "Load models that do not fit", advanced=True),
    "backend.allow_remote": PlainName("engine", "Use an engine on another machine", advanced=True),
    "embedded.model": PlainName(
        "engine",
        "Built-in engine's model",
        about="What the built-in engine loads. You can also type hf.co/org/repo:Q4_K_M or a path.",
    ),
    "embedded.use_caches": PlainName("engine", "Use models from other programs"),
    "embedded.folders": PlainName("engine", "Folders with your own models", advanced=True),
    "embedded.program": PlainName("engine", "Program for the built-in engine", advanced=True),
    "embedded.slots": PlainName(
        "engine", "Tasks in parallel (built-in engine)", span=(1, 16, 1), advanced=True
    ),
    "embedded.threads": PlainName("engine", "CPU threads (built-in engine)", advanced=True),
    "embedded.gpu_layers": PlainName("engine", "Layers on the GPU (built-in engine)", advanced=True),
    "embedded.cache_mib": PlainName("engine", "Memory for earlier prompts", "MiB", advanced=True),
    "offload.run_code": PlainName("answers", "Run new code before it is written"),
    "offload.repair_rounds": PlainName("answers", "Attempts after a failed check", span=(0, 5, 1)),
    "offload.samples": PlainName("answers", "Answers to compare for new code", span=(1, 12, 1)),
    "offload.max_output_tokens": PlainName("answers", "Longest answer", "tokens"),
    "offload.max_file_bytes": PlainName("answers", "Largest file in a prompt", "bytes"),
    "offload.check_sandbox": PlainName(
        "answers",
        "Run your checks in the sandbox",
        about="The sandbox has no network access and allows changes only in the project. Only Linux has "
        'one; elsewhere, "Always" refuses to run the checks.',
    ),
    "offload.allow_losing": PlainName("answers", "Run calls that cost more than they save"),
    "offload.agreement": PlainName(
        "answers", "Answers that must behave alike", span=(2, 12, 1), advanced=True
    ),
    "offload.temperature": PlainName("answers", "Temperature", span=(0, 2, 0.1), advanced=True),
    "offload.least_right": PlainName(
        "answers", "Minimum share of correct results, if they are run", span=(0, 1, 0.05), advanced=True
    ),
    "offload.least_right_unrun": PlainName(
        "answers", "Minimum share of correct results, if they are not run", span=(0, 1, 0.05), advanced=True
    ),
    "offload.check_timeout": PlainName("answers", "Time limit for a check", "seconds", advanced=True),
    "offload.check_env": PlainName("answers", "Variables for checks", advanced=True),
    "offload.checks_network": PlainName("answers", "Checks that may use the network", advanced=True),
    "offload.checks_outside": PlainName("answers", "Checks outside the sandbox", advanced=True),
    "offload.client_patience": PlainName(
        "answers", "Wait before Claude gets a job id", "seconds", advanced=True
    ),
    "offload.queue_limit": PlainName("answers", "Queue length", "tasks", advanced=True),
    "batch.max_items": PlainName(
        "batches", "Maximum items in a batch", "items", about="A larger batch is refused before it starts."
    ),
    "batch.max_hours": PlainName(
        "batches", "Longest batch", "hours", about="After that, the batch stops. You can resume it."
    ),
    "batch.stop_failing": PlainName("batches", "Stop a batch that mostly fails"),
    "batch.max_tokens": PlainName("batches", "Maximum tokens for a batch", "tokens", advanced=True),
    "paths.protect": PlainName("files", "Ask before writing"),
    "paths.never_read": PlainName("files", "Never read"),
    "paths.never_write": PlainName("files", "Never write"),
    "paths.allow": PlainName("files", "Write configuration without asking", advanced=True),
    "paths.read": PlainName("files", "Credential files that may be read", advanced=True),
    "ledger.unit": PlainName("savings", "Show money as"),
    "ledger.model": PlainName(
        "savings", "Claude model", about="Its prices are used; the list is in the Prices card."
    ),
    "ledger.quota_dollars": PlainName(
        "savings", "Weekly price of your subscription", "dollars", about="At list prices; 0 if unknown."
    ),
    "savings.holdout": PlainName(
        "savings", "Sessions without Token Saver, for comparison", span=(0, 0.95, 0.05), advanced=True
    ),
    "savings.transcripts": PlainName("savings", "Claude Code's folder", advanced=True),
    "ledger.cache_reads": PlainName("savings", "Reads from the prompt cache", "times", advanced=True),
    "ledger.calls_per_session": PlainName("savings", "Calls in a session", "calls", advanced=True),
    "history.contents": PlainName("privacy", "Keep prompts, answers and diffs"),
    "history.days": PlainName("privacy", "Keep the history for", "days"),
    "policy.trail_days": PlainName("privacy", "Keep the audit trail for", "days"),
    "yielding.yield_share": PlainName(
        "sharing",
        "Pause while other programs use this much GPU memory",
        span=(0, 1, 0.05),
        about="Games, for example. 0 % never pauses.",
    ),
    "yielding.yield_unload": PlainName(
        "sharing", "Unload models during such a pause", about="The other program gets their memory."
    ),
    "tray.notify_approval": PlainName(
        "notices", "A call waits for your approval", about="With buttons, if your desktop shows them."
    ),
    "tray.notify_batch": PlainName("notices", "A batch ended", about="Finished, failed or stopped."),
    "tray.notify_engine": PlainName(
        "notices", "The engine stopped responding", about="Offloads fail until it responds again."
    ),
    "tray.notify_pause": PlainName(
        "notices", "Work paused for another program", about="It continues on its own afterwards."
    ),
    "tray.notify_model": PlainName("notices", "A model was downloaded", about="It can be used from then on."),
}
"""The settings by key, in page order."""

ELSEWHERE = frozenset({"savings.audit", "checks"})
"""Keys that have a card of their own on the page."""

CHOICES: Mapping[str, Mapping[str, str]] = {
    "appearance": {"system": "Same as the desktop", "light": "Light", "dark": "Dark"},
    "backend.kind": {
        "auto": "Choose automatically",
        "ollama": "Ollama",
        "openai": "OpenAI-compatible server",
        "embedded": "Built-in engine",
    },
    "offload.check_sandbox": {
        "auto": "If this machine has one",
        "always": "Always",
        "never": "Never",
    },
    "ledger.unit": {"dollars": "Dollars", "quota": "Share of the weekly quota"},
    "log_level": {"debug": "Everything", "info": "Normal", "warning": "Warnings", "error": "Errors only"},
}
"""The choices for a setting in plain language, by key."""


def key_of(setting: Setting) -> str:
    """Return the key as written in ``config.toml``, such as ``offload.repair_rounds``."""
    return f"{setting.section}.{setting.name}" if setting.section else setting.name


def plain_name(setting: Setting) -> PlainName:
    """Return a setting's plain-language description. Without one, it is listed by key among the advanced
    settings.
    """
    return NAMES.get(key_of(setting)) or PlainName("general", key_of(setting), advanced=True)
