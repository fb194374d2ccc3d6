"""Command group ``token-saver config``: list, get, set and edit settings."""

from typing import Annotated

import typer

from server.commands.terminal.output import Json

config_app = typer.Typer(help="Settings: list, get, set, edit.")
Changed = Annotated[bool, typer.Option("--changed", help="Show only settings that differ from the default.")]
Key = Annotated[str, typer.Argument(metavar="KEY", help="Name of a setting, such as backend.url.")]


@config_app.callback(invoke_without_command=True)
def config(context: typer.Context, changed: Changed = False, as_json: Json = False) -> None:
    """List all settings with their values and where each value comes from."""
    if context.invoked_subcommand is None:
        from server.commands.config.actions import show_settings  # noqa: PLC0415

        show_settings(changed=changed, as_json=as_json)


@config_app.command("list")
def list_settings(changed: Changed = False, as_json: Json = False) -> None:
    """List all settings with their values and where each value comes from."""
    from server.commands.config.actions import show_settings  # noqa: PLC0415

    show_settings(changed=changed, as_json=as_json)


@config_app.command()
def get(key: Key, as_json: Json = False) -> None:
    """Print one setting, or all settings of a section."""
    from server.commands.config.actions import show_settings  # noqa: PLC0415

    show_settings(key, as_json=as_json)


@config_app.command("set")
def set_value(
    key: Key,
    value: Annotated[
        str, typer.Argument(help="The new value; leave it empty to restore the default.", metavar="VALUE")
    ],
) -> None:
    """Change a setting in config.toml. All other lines stay unchanged."""
    from server.commands.config.actions import change_setting  # noqa: PLC0415

    change_setting(key, value)


@config_app.command()
def edit() -> None:
    """Open config.toml in your editor, then check the file."""
    from server.commands.config.actions import edit_file  # noqa: PLC0415

    edit_file()
