"""Examples for all commands, shown at the end of ``--help`` and in ``docs/commands.md``."""

import typer
from typer.models import CommandInfo

from server.commands.help_pages import PlainCommand, PlainGroup

EXAMPLES = {
    "serve": "token-saver serve",
    "doctor": "token-saver doctor --json",
    "offload": '''token-saver offload "Write a Python function slugify(text) that lowercases the text, replaces every run of characters that are not a-z or 0-9 by one hyphen, and strips hyphens at both ends." --output slug.py -e "slugify('Hello, World!') == 'hello-world'" -e "slugify('A  b') == 'a-b'"''',  # noqa: E501 - a command
    "checks": "token-saver checks --project src/shop",
    "checks list": "token-saver checks list --project src/shop",
    "checks accept": "token-saver checks accept pytest ruff",
    "checks place": "token-saver checks place test sandbox",
    "checks withdraw": "token-saver checks withdraw",
    "digest": "token-saver digest build.log --focus linker",
    "ask": 'token-saver ask "What failed first, and in which file?" build.log',
    "run": "token-saver run -- pytest -v",
    "status": "token-saver status --json",
    "savings": "token-saver savings --since 7d --by model",
    "context": "token-saver context --off skill:dataviz --dry-run",
    "dashboard": "token-saver dashboard",
    "quit": "token-saver quit",
    "history": "token-saver history --failed",
    "cancel": "token-saver cancel c707f3c8",
    "undo": "token-saver undo c707f3c8",
    "commit": "token-saver commit src/parser.py tests/test_parser.py",
    "pause": "token-saver pause --for 15m --finish",
    "resume": "token-saver resume",
    "logs": "token-saver logs --lines 20",
    "connect": "token-saver connect claude-code --dry-run",
    "disconnect": "token-saver disconnect cursor",
    "statusline": "token-saver statusline",
    "update": "token-saver update --dry-run",
    "uninstall": "token-saver uninstall --dry-run",
    "batch": 'token-saver batch "Add docstrings" --each "src/**/*.py" --output "{path}"',
    "models": "token-saver models --json",
    "models list": "token-saver models list --json",
    "models pull": "token-saver models pull qwen2.5-coder-1.5b",
    "models load": "token-saver models load qwen2.5-coder-1.5b --keep-alive 10m",
    "models unload": "token-saver models unload qwen2.5-coder-1.5b",
    "models recommend": "token-saver models recommend coding",
    "models update": "token-saver models update ~/Downloads/models.toml",
    "models bench": "token-saver models bench qwen2.5-coder-1.5b",
    "jobs": "token-saver jobs --json",
    "jobs list": "token-saver jobs list --json",
    "jobs wait": "token-saver jobs wait j87228048",
    "jobs show": "token-saver jobs show j87228048",
    "jobs pause": "token-saver jobs pause j87228048",
    "jobs resume": "token-saver jobs resume j87228048",
    "jobs cancel": "token-saver jobs cancel j87228048",
    "jobs retry": "token-saver jobs retry j87228048",
    "config": "token-saver config --json",
    "config list": "token-saver config list --changed",
    "config get": "token-saver config get backend.url",
    "config set": "token-saver config set ledger.quota_dollars 100",
    "config edit": "token-saver config edit",
    "policy": "token-saver policy explain",
    "policy check": "token-saver policy check policy.yaml",
    "policy explain": "token-saver policy explain offload_work",
    "policy test": "token-saver policy test batch_offload --files 60",
    "policy waiting": "token-saver policy waiting",
    "policy approve": "token-saver policy approve 3f9c2a7d41e80b65 --for session",
    "policy deny": 'token-saver policy deny 3f9c2a7d41e80b65 --reason "Not while I record"',
    "token": "token-saver token",
    "token rotate": "token-saver token rotate",
    "audit": "token-saver audit verify",
    "audit verify": "token-saver audit verify",
    "audit export": "token-saver audit export trail.jsonl",
    "audit search": "token-saver audit search slug.py --limit 5",
}

EXIT_STATUS = {
    0: "done",
    1: "an error, one line on stderr",
    2: "invalid usage",
    3: "checks failed, not written (`batch`: some files)",
    4: "a warning of `doctor`",
    130: "interrupted",
}
"""Exit statuses of all commands."""


def add_examples(app: typer.Typer) -> None:
    """Add an example to the help of each command, and the exit statuses to the app's help. Help pages name
    values instead of Python types.
    """
    statuses = "; ".join(f"{status} {meaning}" for status, meaning in EXIT_STATUS.items())
    app.info.epilog = f"Exit status: {statuses}. --debug adds a traceback."
    app.info.cls = PlainGroup
    for info in app.registered_commands:
        info.cls = PlainCommand
        info.epilog = _example(command_name(info))
    for group in app.registered_groups:
        group.cls = PlainGroup
        group.epilog = _example(str(group.name))
        for info in group.typer_instance.registered_commands if group.typer_instance else ():
            info.cls = PlainCommand
            info.epilog = _example(f"{group.name} {command_name(info)}")


def command_name(info: CommandInfo) -> str:
    """Return the full name of a command as the user types it."""
    return info.name or (info.callback.__name__.replace("_", "-") if info.callback else "")


def _example(command: str) -> str | None:
    return f"Example: {EXAMPLES[command]}" if command in EXAMPLES else None
