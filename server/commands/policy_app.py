"""The surface of ``token-saver policy`` and ``token-saver audit``; what they do is in ``policy.py``."""

from pathlib import Path
from typing import Annotated

import typer

from server.commands.output import Json

PolicyPath = Annotated[Path | None, typer.Option("--file", "-f", help="Instead of the policy in use.")]

policy_app = typer.Typer(help="What Claude may do.", no_args_is_help=True)
audit_app = typer.Typer(help="The audit trail: what was decided, written and undone.", no_args_is_help=True)


@policy_app.command()
def check(file: PolicyPath = None, as_json: Json = False) -> None:
    """Say whether the policy file is right, or where it is broken."""
    from server.commands import policy  # noqa: PLC0415

    policy.check(file, as_json=as_json)


@policy_app.command()
def explain(
    tool: Annotated[str, typer.Argument(help="All where it is left out.")] = "", file: PolicyPath = None
) -> None:
    """Print the rules in force, or those of one tool, in words."""
    from server.commands import policy  # noqa: PLC0415

    policy.explain(tool, file)


@policy_app.command("test")
def try_call(
    call: Annotated[
        str,
        typer.Argument(
            metavar="CALL", help='A tool, in quotes with its arguments: \'offload_work {"files": ["a.py"]}\''
        ),
    ],
    *,
    arguments: Annotated[str, typer.Option(help="The arguments as JSON.")] = "{}",
    files: Annotated[
        int | None, typer.Option(min=0, help="How many files it would touch; else they are counted.")
    ] = None,
    session: Annotated[str, typer.Option(help="Count as this client session.")] = "",
    file: PolicyPath = None,
    root: Annotated[
        Path | None, typer.Option(help="The project's folder, instead of the current one.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Say what would become of a call, which rule decides and why. Nothing is counted."""
    from server.commands import policy  # noqa: PLC0415

    policy.try_call(call, arguments, files, session, file=file, root=root, as_json=as_json)


@policy_app.command()
def waiting(as_json: Json = False) -> None:
    """Print the calls that wait for your approval, with what they would touch."""
    from server.commands import approvals  # noqa: PLC0415

    approvals.waiting(as_json=as_json)


@policy_app.command()
def approve(
    call: Annotated[str, typer.Argument(metavar="ID", help="As `token-saver policy waiting` prints it.")],
    extent: Annotated[
        str, typer.Option("--for", help="once, session (of that client) or project (always).")
    ] = "once",
) -> None:
    """Let a call that waits run."""
    from server.commands import approvals  # noqa: PLC0415

    approvals.answer(call, extent)


@policy_app.command()
def deny(
    call: Annotated[str, typer.Argument(metavar="ID", help="As `token-saver policy waiting` prints it.")],
    reason: Annotated[str, typer.Option(help="What Claude is told.")] = "",
) -> None:
    """Refuse a call that waits."""
    from server.commands import approvals  # noqa: PLC0415

    approvals.answer(call, "no", reason)


@audit_app.command()
def verify(
    file: Annotated[Path | None, typer.Argument(help="An export instead of the trail itself.")] = None,
) -> None:
    """Check that no row was changed, removed or moved. Exit status 1 if one was."""
    from server.commands import policy  # noqa: PLC0415

    policy.verify_trail(file)


@audit_app.command()
def export(output: Annotated[Path, typer.Argument(help="A file for JSON lines.")]) -> None:
    """Write the whole trail as JSON lines; `audit verify FILE` checks them on their own."""
    from server.commands import policy  # noqa: PLC0415

    policy.export(output)


@audit_app.command()
def search(
    text: Annotated[str, typer.Argument(help="What a row contains.")] = "",
    kind: Annotated[str, typer.Option(help="decision, approval, write, undo, connection, policy, …")] = "",
    limit: Annotated[int, typer.Option("--limit", "-n", min=1, help="How many rows.")] = 50,
    as_json: Json = False,
) -> None:
    """Print rows that contain a text, the newest first."""
    from server.commands import policy  # noqa: PLC0415

    policy.search(text, kind, limit, as_json=as_json)
