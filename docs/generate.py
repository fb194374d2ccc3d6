"""Generator of the reference pages in ``docs/``: ``uv run python docs/generate.py``.

A test fails if a page differs from the generated text.
"""

import sys
from pathlib import Path
from types import NoneType
from typing import Any, get_args

from pydantic import BaseModel
from pydantic.fields import FieldInfo

DOCS = Path(__file__).parent
sys.path.insert(0, str(DOCS.parent))

from typer.main import get_command  # noqa: E402 - after the path is set

from server.commands.app import build_cli  # noqa: E402 - after the path is set
from server.commands.examples import EXAMPLES, EXIT_STATUS  # noqa: E402 - after the path is set
from server.common.errors import TokenSaverError  # noqa: E402 - after the path is set
from server.config.settings import ENV_PREFIX, Settings  # noqa: E402 - after the path is set
from server.models.catalogue import SHIPPED, parse_catalogue  # noqa: E402 - after the path is set
from server.models.machines import MACHINES, line_of  # noqa: E402 - after the path is set
from server.offload.checks.codes import REASONS  # noqa: E402 - after the path is set


def pages() -> dict[str, str]:
    """Return every generated page's text by file name."""
    return {
        "settings.md": settings_page(),
        "errors.md": errors_page(),
        "commands.md": commands_page(),
        "models.md": models_page(),
    }


def models_page() -> str:
    """Return the catalogue, and the recommendations for simulated machines."""
    date, models = parse_catalogue(SHIPPED.read_text(encoding="utf-8"), str(SHIPPED))
    lines = [
        "# Models",
        "",
        f"The app's catalogue dates from {date}. `token-saver models update FILE_OR_ADDRESS` installs a",
        "newer catalogue. Each entry in `server/models/catalogue.toml` says what was checked, and where. Any",
        "other GGUF model works too: `token-saver models pull hf.co/org/repo:Q4_K_M`.",
        "",
        "## What is recommended for code",
        "",
        "Simulated machines with nothing installed. A model must fit with a context of 8,192 tokens. If",
        "other programs need the same memory, 2 GiB stay free (an eighth of the RAM on small machines).",
        "Models with less than a billion parameters come last. Results on your machine count as soon as",
        "their 95 % interval is conclusive.",
        "",
        "| machine | first | download | stays free | second | widely used there, and why not chosen |",
        "| --- | --- | ---: | ---: | --- | --- |",
        *map(line_of, MACHINES),
        "",
        "## The catalogue",
        "",
        "| Ollama | LM Studio | GGUF | download | licence | thinking is switched off by |",
        "| --- | --- | --- | ---: | --- | --- |",
        *(
            f"| {each.name} | {each.lmstudio} | {each.gguf} | {each.size / 1e9:.1f} GB | {each.license} | "
            f"{each.thinking} |"
            for each in models
            if each.engine == "ollama"
        ),
    ]
    return "\n".join(lines) + "\n"


def settings_page() -> str:
    """Return the tables of all settings, one per section."""
    lines = [
        "# Settings",
        "",
        "Values come from the defaults, then `config.toml`, then environment variables. The file is in",
        "`~/.config/token-saver/` (Linux), `~/Library/Application Support/token-saver/` (macOS) or",
        "`%LOCALAPPDATA%\\token-saver\\` (Windows); `token-saver status` and `doctor` print its path. With",
        "`TOKEN_SAVER_HOME` set, everything is in that folder. An unknown key or an invalid value is an",
        "error that names the line.",
        "",
        "A change of the file takes effect at the next start of the app (`token-saver quit`, then "
        "`token-saver`).",
        "Only `[checks]` are read again for each task that names a check. [policy.yaml](policy.md) "
        "controls what",
        "Claude may do.",
        "",
    ]
    top = {n: f for n, f in Settings.model_fields.items() if _section(f) is None}
    lines += _table(top, "")
    for name, field in Settings.model_fields.items():
        section = _section(field)
        if section is not None:
            meaning = _first_sentence(section).partition(": ")[2]
            lines += ["", f"## `[{name}]`", "", meaning[:1].upper() + meaning[1:], ""]
            lines += _table(section.model_fields, name)
    return "\n".join(lines) + "\n"


def errors_page() -> str:
    """Return the tables of all error codes, and of the reasons for a hand-back."""
    rows = sorted((e.code, _first_sentence(e)) for e in _tree(TokenSaverError) if "code" in vars(e))
    head = ["# Errors", "", "Every error has a stable code, its cause, and the next step.", ""]
    table = ["| code | meaning |", "| --- | --- |", *(f"| `{code}` | {text} |" for code, text in rows)]
    handed_back = [
        "",
        "## Why a result was handed back",
        "",
        "An answer that fails the checks even after repairs is not an error: no file was written, and the",
        "summary names the failed check by one of these codes.",
        "",
        "| code | meaning |",
        "| --- | --- |",
        *(f"| `{code}` | {text} |" for code, text in REASONS.items()),
    ]
    return "\n".join(head + table + handed_back) + "\n"


def commands_page() -> str:
    """Return every command with its options and an example, and the exit statuses."""
    root: Any = get_command(build_cli(lambda _: None, str))
    lines = [
        "# Commands",
        "",
        "`token-saver` without a command starts the app. `--help` explains each command, `--json` "
        "prints JSON for",
        "programs, `--debug` shows an error with its traceback, and `--install-completion` lets your",
        "shell complete commands, options and clients (bash, zsh, fish, PowerShell).",
        "",
        "| exit status | meaning |",
        "| --- | --- |",
        *(f"| {status} | {meaning} |" for status, meaning in EXIT_STATUS.items()),
    ]
    for name, command in root.commands.items():
        lines += _command(name, command)
        for child, each in getattr(command, "commands", {}).items():
            lines += _command(f"{name} {child}", each)
    return "\n".join(lines) + "\n"


def _command(name: str, command: Any) -> list[str]:
    meaning = " ".join(command.help.split())
    rows = [
        f"| {', '.join(f'`{opt}`' for opt in param.opts)} | {param.help or ''} |"
        for param in command.params
        if not param.hidden
    ]
    table = ["", "| option | meaning |", "| --- | --- |", *rows] if rows else []
    return ["", f"## `token-saver {name}`", "", meaning, "", f"    {EXAMPLES[name]}", *table]


def _section(field: FieldInfo) -> type[BaseModel] | None:
    kind = field.annotation
    return kind if isinstance(kind, type) and issubclass(kind, BaseModel) else None


def _table(fields: dict[str, FieldInfo], section: str) -> list[str]:
    rows = ["| key | default | variable | meaning |", "| --- | --- | --- | --- |"]
    for name, field in fields.items():
        variable = ENV_PREFIX + (f"{section}__{name}" if section else name).upper()
        default = field.get_default(call_default_factory=True)
        rows.append(f"| `{name}` | `{_toml(default)}` | `{variable}` | {_meaning(field)} |")
    return rows


def _meaning(field: FieldInfo) -> str:
    choices = [str(arg) for arg in get_args(field.annotation) if isinstance(arg, str)]
    text = field.description or ""
    return f"{text} One of {', '.join(f'`{c}`' for c in choices)}.".strip() if choices else text


def _toml(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, str):
        return f'"{value}"'
    if isinstance(value, tuple | list):
        return f"[{', '.join(_toml(each) for each in value)}]"
    if isinstance(value, dict):
        return "{" + ", ".join(f"{key} = {_toml(each)}" for key, each in value.items()) + "}"
    return "" if isinstance(value, NoneType) else str(value)


def _first_sentence(thing: type) -> str:
    text = " ".join((thing.__doc__ or "").split("\n\n")[0].split())
    return text.replace("``", "`")


def _tree(base: type[TokenSaverError]) -> list[type[TokenSaverError]]:
    return [base, *(each for child in base.__subclasses__() for each in _tree(child))]


if __name__ == "__main__":
    for name, text in pages().items():
        (DOCS / name).write_text(text, encoding="utf-8")
        print(f"wrote docs/{name}")  # noqa: T201 - a command's output
