"""Command line of ``token-saver``. ``examples.EXIT_STATUS`` lists the exit statuses.

Each command imports its heavy modules itself, so that the others answer immediately.
"""

import os
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from server.commands.batches.jobs import batch, jobs_app
from server.commands.checks_app import checks_app
from server.commands.clients.cli import connect, disconnect, statusline, uninstall
from server.commands.config.cli import config_app
from server.commands.context.cli import context
from server.commands.digest.cli import ask, digest, run
from server.commands.examples import add_examples
from server.commands.models.cli import models_app
from server.commands.pause import pause, resume
from server.commands.policy.cli import audit_app, policy_app
from server.commands.terminal.output import Json, complain, echo
from server.commands.token_app import token_app
from server.common.distribution import installed_version
from server.common.errors import TokenSaverError
from server.config.folders import HOME_VARIABLE, Folders, find_folders

if TYPE_CHECKING:
    from server.config.settings import Settings

WORK, RESULTS = "Work for the local model", "Results and savings"
APP, CLIENTS = "The app and its settings", "Clients and installation"
"""Headings of the commands in the help."""


@dataclass(frozen=True)
class Start:
    """Options for starting the app. With ``background``, no output is visible and no page opens."""

    settings: "Settings"
    folders: Folders
    tray: bool
    background: bool


StartApp = Callable[[Start], None]
MissingTray = Callable[[], str]
"""Returns one line that explains why the tray icon is not visible; empty if it is visible."""


def run_cli(start_app: StartApp, missing_tray: MissingTray) -> None:
    """Run the command line. ``start_app`` starts the app; ``missing_tray`` belongs to ``doctor``."""
    debug = "--debug" in sys.argv
    sys.argv = [argument for argument in sys.argv if argument != "--debug"]
    if os.environ.get("NO_COLOR"):
        os.environ["_TYPER_FORCE_DISABLE_TERMINAL"] = "1"  # otherwise the help has bold text
    try:
        build_cli(start_app, missing_tray)(standalone_mode=True, prog_name="token-saver")
    except TokenSaverError as error:
        if debug:
            raise
        complain(str(error))
        sys.exit(1)
    except OSError as error:
        if debug:
            raise
        complain(f"os_error: {_system_error(error)}")
        sys.exit(1)
    except Exception as error:
        # This is a defect in the app. Only users who ask for the traceback benefit from it.
        if debug:
            raise
        complain(
            f"internal_error: {type(error).__name__}: {error}. "
            "Run the command again with --debug and include the output in a bug report."
        )
        sys.exit(1)


def build_cli(start_app: StartApp, missing_tray: MissingTray) -> typer.Typer:
    """Build the command line."""
    app = typer.Typer(
        help="Lets Claude hand routine work to a local model and shows the real savings.",
        pretty_exceptions_enable=False,
        context_settings={"help_option_names": ["-h", "--help"]},
    )

    @app.callback(invoke_without_command=True)
    def start(
        context: typer.Context,
        version: Annotated[bool, typer.Option("--version", help="Print the version.")] = False,
        background: Annotated[bool, typer.Option("--background", hidden=True)] = False,
        home: Annotated[str, typer.Option("--home", hidden=True)] = "",
    ) -> None:
        """Start the app: tray icon, dashboard and hub. If the app is running already, open its dashboard."""
        if home:
            os.environ[HOME_VARIABLE] = home
        if version:
            echo(f"token-saver {_version()}")
        elif context.invoked_subcommand is None:
            start_app(_start(tray=True, background=background))

    _add(app, WORK, offload, batch)
    app.add_typer(jobs_app, name="jobs", rich_help_panel=WORK)
    _add(app, WORK, cancel, undo, commit, digest, ask)
    app.command(rich_help_panel=WORK, context_settings={"ignore_unknown_options": True})(run)
    _add(app, RESULTS, status, dashboard, history, savings, context)
    app.add_typer(audit_app, name="audit", rich_help_panel=RESULTS)
    _add(app, APP, pause, resume)

    @app.command(rich_help_panel=APP)
    def serve() -> None:
        """Run the hub and the dashboard without a tray icon."""
        start_app(_start(tray=False, background=False))

    app.command("quit", rich_help_panel=APP)(quit_app)
    app.command(rich_help_panel=APP)(logs)
    for group, name in (
        (models_app, "models"),
        (config_app, "config"),
        (policy_app, "policy"),
        (checks_app, "checks"),
        (token_app, "token"),
    ):
        app.add_typer(group, name=name, rich_help_panel=APP)
    _add(app, CLIENTS, connect, disconnect)

    @app.command(rich_help_panel=CLIENTS)
    def doctor(
        as_json: Json = False,
        no_offload: Annotated[
            bool, typer.Option("--no-offload", help="Skip the test with the model.")
        ] = False,
    ) -> None:
        """Check the installation, and name the fix for each problem.

        It ends with an offload of its own, which waits for running work and leaves no trace in the history.
        """
        from server.commands.doctor.doctor import examine  # noqa: PLC0415

        raise typer.Exit(examine(find_folders(), missing_tray, as_json=as_json, offload=not no_offload))

    _add(app, CLIENTS, update, uninstall)
    app.command(hidden=True)(statusline)
    add_examples(app)
    return app


def _add(app: typer.Typer, panel: str, *commands: Callable[..., None]) -> None:
    """Add commands under a heading of the help."""
    for each in commands:
        app.command(rich_help_panel=panel)(each)


def offload(
    task: Annotated[str, typer.Argument(help="What to do.")],
    *,
    file: Annotated[list[str] | None, typer.Option("--file", "-f", help="Input; repeatable.")] = None,
    output: Annotated[str, typer.Option("--output", "-o", help="File to write.")] = "",
    model: Annotated[str, typer.Option("--model", help="Model to use.")] = "",
    context: Annotated[str, typer.Option(help="Facts that are not in the files.")] = "",
    language: Annotated[str, typer.Option(help="Language of the result.")] = "",
    output_format: Annotated[str, typer.Option(help="One of: code, diff, explanation, raw.")] = "code",
    check: Annotated[str, typer.Option(help="Name of a check in config.toml.")] = "",
    example: Annotated[
        list[str] | None, typer.Option("--example", "-e", help="Fact about new code; repeatable.")
    ] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Only print the files and the policy's decision.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Run one task with the local model in the current folder."""
    from server.commands.offload import offload_task  # noqa: PLC0415

    arguments = {
        "task": task,
        "files": file or [],
        "output": output,
        "model": model,
        "context": context,
        "language": language,
        "output_format": output_format,
        "check": check,
        "examples": example or [],
    }
    if dry_run:
        from server.commands.offload_dry_run import print_dry_run  # noqa: PLC0415

        raise typer.Exit(print_dry_run(arguments, as_json=as_json))
    raise typer.Exit(offload_task(_settings(), find_folders(), arguments, as_json=as_json))


def status(as_json: Json = False) -> None:
    """Show the engine, the models, running work and tokens saved."""
    from server.commands.status import show_status  # noqa: PLC0415

    show_status(find_folders(), as_json=as_json)


def dashboard(
    only_print: Annotated[
        bool, typer.Option("--print", help="Print a login link that works once; open nothing.")
    ] = False,
) -> None:
    """Open the dashboard in a browser.

    Without a browser, print a login link that works once.
    """
    from server.commands.status import open_dashboard  # noqa: PLC0415

    open_dashboard(find_folders(), only_print=only_print)


def quit_app() -> None:
    """Stop the app.

    Batches continue when it starts again.
    """
    from server.commands import status as commands  # noqa: PLC0415

    commands.quit_app(find_folders())


def history(
    offload_id: Annotated[
        str,
        typer.Argument(
            metavar="ID", help="Show this offload, or the offloads of this batch. A unique prefix is enough."
        ),
    ] = "",
    *,
    limit: Annotated[
        int, typer.Option("--limit", "-n", min=1, help="Number of offloads, newest first.")
    ] = 20,
    failed: Annotated[bool, typer.Option("--failed", help="Show only errors and failed checks.")] = False,
    as_json: Json = False,
) -> None:
    """List offloads, or show one with its checks, savings and diff."""
    from server.commands.history import list_batch, list_offloads, show_offload  # noqa: PLC0415
    from server.store.job_ids import is_job_id  # noqa: PLC0415

    if is_job_id(offload_id):
        list_batch(find_folders(), offload_id, limit, failed=failed, as_json=as_json)
    elif offload_id not in ("", "list"):
        show_offload(find_folders(), offload_id, as_json=as_json)
    else:
        list_offloads(find_folders(), limit, failed=failed, as_json=as_json)


def undo(
    given: Annotated[
        str,
        typer.Argument(metavar="ID", help="Id from `history` or `jobs`, or a unique prefix of it."),
    ],
    as_json: Json = False,
) -> None:
    """Restore the files of an offload or a batch.

    Files that changed since then are not touched.
    """
    from server.commands.offload import undo_work  # noqa: PLC0415

    undo_work(_settings(), find_folders(), given, as_json=as_json)


def cancel(
    given: Annotated[
        str,
        typer.Argument(metavar="ID", help="Id from `status`, `history` or `jobs`, or a unique prefix of it."),
    ],
    as_json: Json = False,
) -> None:
    """Cancel a running offload or a batch.

    Files already written are kept; `undo` restores them.
    """
    from server.commands.offload import cancel_work  # noqa: PLC0415

    cancel_work(find_folders(), given, as_json=as_json)


def commit(
    paths: Annotated[
        list[str] | None,
        typer.Argument(help="Paths to commit if nothing is staged; never the whole repository."),
    ] = None,
    *,
    message: Annotated[str, typer.Option("--message", "-m", help="Use this message.")] = "",
) -> None:
    """Commit files with a message that the local model writes.

    It commits the staged files or, if none are staged, the named paths.
    """
    from server.commands.commit.commit import commit_changes  # noqa: PLC0415

    commit_changes(_settings(), find_folders(), paths or [], message)


def logs(
    lines: Annotated[int, typer.Option("--lines", "-n", min=1, help="Number of lines.")] = 50,
) -> None:
    """Print the path and the last lines of the log."""
    path = find_folders().log_file
    echo(path)
    try:
        text = path.read_text(encoding="utf-8", errors="replace")
    except FileNotFoundError:
        return
    echo("\n".join(text.splitlines()[-lines:]))


def update(
    *,
    source: Annotated[
        str,
        typer.Option("--from", help="A wheel, a checkout or a version to install instead of the newest."),
    ] = "",
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Fetch and try the new version, and say what is new.")
    ] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
) -> None:
    """Install the newest version, or return to this one if it fails."""
    from server.commands.update.update import Wish  # noqa: PLC0415
    from server.commands.update.update import update as run_update  # noqa: PLC0415

    run_update(find_folders(), Wish(source, dry_run, yes))


def savings(
    *,
    since: Annotated[str, typer.Option(help="A date (2026-11-20) or a number of days (7d).")] = "",
    by: Annotated[Literal["tool", "model", "project", "day"], typer.Option(help="Group by.")] = "tool",
    audit: Annotated[
        Literal["", "on", "off"], typer.Option(help="Check estimates against Claude Code's transcripts.")
    ] = "",
    explain: Annotated[
        str,
        typer.Option(
            metavar="ID", help="Show how one receipt is calculated. A unique prefix of the id is enough."
        ),
    ] = "",
    as_csv: Annotated[bool, typer.Option("--csv", help="Print CSV.")] = False,
    as_json: Json = False,
) -> None:
    """Show net savings, including losses."""
    from server.commands.savings import (  # noqa: PLC0415
        explain_savings,
        show_savings,
        switch_transcript_check,
    )

    if explain:
        explain_savings(_settings(), find_folders(), explain)
        return
    if audit:
        switch_transcript_check(_settings(), find_folders(), on=audit == "on")
        return
    show_savings(_settings(), find_folders(), since=since, by=by, as_json=as_json, as_csv=as_csv)


def _start(*, tray: bool, background: bool) -> Start:
    folders = find_folders()
    return Start(_settings(folders), folders, tray, background)


def _system_error(error: OSError) -> str:
    """Return the cause and the next step for an operating system error."""
    if error.filename is None:
        return f"{error}."
    cause = f"{error.filename} cannot be used: {error.strerror}."
    folders = find_folders()
    ours = (folders.config, folders.data, folders.state, folders.cache)
    path = Path(os.fsdecode(error.filename))
    if any(folder.is_relative_to(path) or path.is_relative_to(folder) for folder in ours):
        return f"{cause} Make it writable, or set TOKEN_SAVER_HOME to another folder."
    return f"{cause} Fix the problem, then run the command again."


def _settings(folders: Folders | None = None) -> "Settings":
    from server.config.settings import load_settings  # noqa: PLC0415 - commands without settings must not wait for it

    return load_settings(folders or find_folders())


def _version() -> str:
    return installed_version()
