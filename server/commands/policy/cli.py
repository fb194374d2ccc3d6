"""Command groups ``token-saver policy`` and ``token-saver audit``."""

from pathlib import Path
from typing import Annotated

import typer

from server.commands.terminal.output import Json

PolicyPath = Annotated[
    Path | None, typer.Option("--file", help="Use this file instead of the active policy.")
]

policy_app = typer.Typer(help="Rules for Claude: check, explain, test, waiting, approve, deny.")
audit_app = typer.Typer(help="The audit trail: verify, export, search.")


@policy_app.callback(invoke_without_command=True)
def policy(context: typer.Context) -> None:
    """List the commands of this group."""
    _list_commands(context)


@audit_app.callback(invoke_without_command=True)
def audit(context: typer.Context) -> None:
    """List the commands of this group."""
    _list_commands(context)


def _list_commands(context: typer.Context) -> None:
    if context.invoked_subcommand is None:
        typer.echo(context.get_help())


@policy_app.command()
def check(
    file: Annotated[Path | None, typer.Argument(help="Check this file instead of the active policy.")] = None,
    *,
    named: Annotated[Path | None, typer.Option("--file", hidden=True)] = None,
    as_json: Json = False,
) -> None:
    """Check the policy file and report the line of the first error."""
    from server.commands.policy import rules  # noqa: PLC0415

    rules.check(file or named, as_json=as_json)


@policy_app.command()
def explain(
    tool: Annotated[str, typer.Argument(help="The tool to explain; by default all tools.")] = "",
    file: PolicyPath = None,
    as_json: Json = False,
) -> None:
    """Describe the active rules, for all tools or for one."""
    from server.commands.policy import rules  # noqa: PLC0415

    rules.explain(tool, file, as_json=as_json)


@policy_app.command("test")
def try_call(
    call: Annotated[
        str,
        typer.Argument(
            metavar="CALL",
            help='A tool, or a quoted tool with arguments: \'offload_work {"files": ["a.py"]}\'',
        ),
    ],
    *,
    arguments: Annotated[str, typer.Option(help="The arguments as JSON.")] = "{}",
    files: Annotated[
        int | None,
        typer.Option(
            min=0, help="Number of files that the call would touch; by default counted from the arguments."
        ),
    ] = None,
    session: Annotated[str, typer.Option(help="Use the counters of this client session.")] = "",
    file: PolicyPath = None,
    root: Annotated[
        Path | None, typer.Option(help="The project folder; by default the current folder.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Show how the policy would decide on a call: decision, rule and reason. The test is not counted."""
    from server.commands.policy import rules  # noqa: PLC0415

    rules.try_call(call, arguments, files, session, file=file, root=root, as_json=as_json)


@policy_app.command()
def waiting(as_json: Json = False) -> None:
    """List the calls that wait for your approval, with the files that they would touch."""
    from server.commands.policy import approvals  # noqa: PLC0415

    approvals.waiting(as_json=as_json)


@policy_app.command()
def approve(
    call: Annotated[
        str, typer.Argument(metavar="ID", help="Id from `token-saver policy waiting`, or a prefix.")
    ],
    extent: Annotated[
        str, typer.Option("--for", help="once, session (for this client), or project (always).")
    ] = "once",
) -> None:
    """Approve a waiting call."""
    from server.commands.policy import approvals  # noqa: PLC0415

    approvals.answer(call, extent)


@policy_app.command()
def deny(
    call: Annotated[
        str, typer.Argument(metavar="ID", help="Id from `token-saver policy waiting`, or a prefix.")
    ],
    reason: Annotated[str, typer.Option(help="Reason to give to Claude.")] = "",
) -> None:
    """Deny a waiting call."""
    from server.commands.policy import approvals  # noqa: PLC0415

    approvals.answer(call, "no", reason)


@audit_app.command()
def verify(
    file: Annotated[Path | None, typer.Argument(help="Check this export instead of the trail.")] = None,
    as_json: Json = False,
) -> None:
    """Check that no row was changed, removed or moved. Otherwise the exit status is 1."""
    from server.commands.policy import audit  # noqa: PLC0415

    audit.verify_trail(file, as_json=as_json)


@audit_app.command()
def export(output: Annotated[Path, typer.Argument(help="Output file (JSON lines).")]) -> None:
    """Export the whole trail as JSON lines. `audit verify FILE` checks the export independently."""
    from server.commands.policy import audit  # noqa: PLC0415

    audit.export(output)


@audit_app.command()
def search(
    text: Annotated[str, typer.Argument(help="Text to search for in the rows.")] = "",
    kind: Annotated[str, typer.Option(help="decision, approval, write, undo, connection, policy, …")] = "",
    limit: Annotated[int, typer.Option("--limit", "-n", min=1, help="Maximum number of rows.")] = 50,
    as_json: Json = False,
) -> None:
    """Print the rows that contain a given text, newest first."""
    from server.commands.policy import audit  # noqa: PLC0415

    audit.search(text, kind, limit, as_json=as_json)
