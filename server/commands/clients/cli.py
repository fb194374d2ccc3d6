"""Commands that connect and disconnect clients, with their options."""

from typing import TYPE_CHECKING, Annotated

import typer

from server.commands.terminal.output import Json
from server.config.folders import find_folders

if TYPE_CHECKING:
    from server.clients.advice import Kind


def _complete_client(incomplete: str) -> list[str]:
    from server.clients.config_files import CLIENTS  # noqa: PLC0415

    return [client for client in CLIENTS if client.startswith(incomplete)]


Client = Annotated[
    str,
    typer.Argument(
        help="claude-code, claude-desktop, cursor, vscode, codex, gemini, windsurf, zed, opencode "
        "or qwen-code.",
        metavar="CLIENT",
        autocompletion=_complete_client,
    ),
]
ScopeOption = Annotated[str, typer.Option("--scope", help="user, or project for the current folder only.")]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Show the change without making it.")]
ClaudeMd = Annotated[
    bool, typer.Option("--claude-md", help="Claude Code: add a block to CLAUDE.md that says when to offload.")
]
HookOption = Annotated[
    bool,
    typer.Option(
        "--hook", help="Claude Code 2.1.121 or newer: show a reminder before large reads and writes."
    ),
]


DigestOption = Annotated[
    bool,
    typer.Option(
        "--digest", help="Claude Code 2.1.121 or newer: replace large logs, test runs and data with digests."
    ),
]
StatuslineOption = Annotated[
    bool, typer.Option("--statusline", help="Claude Code: show the tokens saved in the status line.")
]


def connect(
    client: Client,
    *,
    scope: ScopeOption = "user",
    claude_md: ClaudeMd = False,
    hook: HookOption = False,
    digests: DigestOption = False,
    line: StatuslineOption = False,
    dry_run: DryRun = False,
    as_json: Json = False,
) -> None:
    """Add token-saver to a client's list of MCP servers."""
    from server.clients.bridge_command import bridge_command  # noqa: PLC0415
    from server.commands.clients.connect import Wish, connect_client  # noqa: PLC0415

    extras = _extras(claude_md=claude_md, hook=hook, digest=digests, statusline=line)
    wish = Wish(client, scope, extras, dry_run, as_json)
    connect_client(wish, find_folders(), bridge_command())


def disconnect(
    client: Client,
    *,
    scope: ScopeOption = "user",
    claude_md: ClaudeMd = False,
    hook: HookOption = False,
    digests: DigestOption = False,
    line: StatuslineOption = False,
    dry_run: DryRun = False,
    as_json: Json = False,
) -> None:
    """Remove token-saver or only some of its extras from a client."""
    from server.clients.bridge_command import bridge_command  # noqa: PLC0415
    from server.commands.clients.connect import Wish, disconnect_client  # noqa: PLC0415

    extras = _extras(claude_md=claude_md, hook=hook, digest=digests, statusline=line)
    wish = Wish(client, scope, extras, dry_run, as_json)
    disconnect_client(wish, find_folders(), bridge_command())


def statusline() -> None:
    """Print Claude Code's status line for the session on standard input. See `connect --statusline`."""
    from server.statusline.main import main  # noqa: PLC0415

    main()


def uninstall(
    *,
    history: Annotated[
        bool, typer.Option("--history", help="Also remove the history and kept files.")
    ] = False,
    weights: Annotated[bool, typer.Option("--weights", help="Also remove downloaded models.")] = False,
    settings: Annotated[
        bool, typer.Option("--settings", help="Also remove settings, policy and prices.")
    ] = False,
    dry_run: DryRun = False,
    as_json: Json = False,
) -> None:
    """Remove the app from all clients and from this machine.

    At the end, it lists the remaining parts.
    """
    from server.commands.clients.uninstall import Extent  # noqa: PLC0415
    from server.commands.clients.uninstall import uninstall as remove  # noqa: PLC0415

    extent = Extent(history, weights, settings, dry_run)
    raise typer.Exit(remove(find_folders(), extent, as_json=as_json))


def _extras(*, claude_md: bool, hook: bool, digest: bool, statusline: bool) -> "tuple[Kind, ...]":
    named: tuple[tuple[Kind, bool], ...] = (
        *(("claude-md", claude_md), ("hook", hook)),
        *(("digest", digest), ("statusline", statusline)),
    )
    return tuple(kind for kind, wanted in named if wanted)
