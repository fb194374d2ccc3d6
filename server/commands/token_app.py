"""``token-saver token``: where the bearer token is, and a new one in its place."""

import typer

from server.commands.output import echo
from server.config.folders import find_folders

token_app = typer.Typer(help="The token that opens the hub for MCP clients.", no_args_is_help=False)


@token_app.callback(invoke_without_command=True)
def token(context: typer.Context) -> None:
    """Print in which file the token is, which clients need that speak HTTP themselves."""
    if context.invoked_subcommand is None:
        echo(find_folders().token_file)


@token_app.command()
def rotate() -> None:
    """Replace the token: the old one, pages that are logged in and login links open nothing any more."""
    from server.commands.hub_client import hub_for_call  # noqa: PLC0415
    from server.config.settings import load_settings  # noqa: PLC0415

    folders = find_folders()
    with hub_for_call(load_settings(folders), folders) as hub:
        file = hub.post("/api/token")["file"]
    echo(f"The token was replaced. The new one is in {file}")
    echo("Clients that start token-saver-mcp go on by themselves.")
    echo("Clients with a pasted token get 401 until the new one is pasted there.")
    echo("Pages of the dashboard are opened anew: token-saver dashboard")
