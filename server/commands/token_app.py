"""Command group ``token-saver token``: path and replacement of the bearer token."""

import typer

from server.commands.terminal.output import echo
from server.config.folders import find_folders

token_app = typer.Typer(help="The clients' access token: print its path, rotate it.", no_args_is_help=False)


@token_app.callback(invoke_without_command=True)
def token(context: typer.Context) -> None:
    """Print the path of the token. HTTP clients need the token."""
    if context.invoked_subcommand is None:
        echo(find_folders().token_file)


@token_app.command()
def rotate() -> None:
    """Replace the token. The old token, logged-in pages and login links become invalid."""
    from server.commands.hub_client import hub_for_call  # noqa: PLC0415
    from server.config.settings import load_settings  # noqa: PLC0415

    folders = find_folders()
    with hub_for_call(load_settings(folders), folders) as hub:
        file = hub.post("/api/token")["file"]
    echo(f"The token was replaced. The new one is in {file}")
    echo("Clients that start token-saver-mcp use the new one automatically.")
    echo("Clients with a pasted token get error 401 until you paste the new token.")
    echo("To open the dashboard again: token-saver dashboard")
