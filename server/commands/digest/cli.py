"""The commands ``digest`` and ``run`` with their options."""

from typing import Annotated

import typer

Most = Annotated[int, typer.Option("--max", min=100, help="Characters of the digest.")]
Focus = Annotated[str, typer.Option("--focus", help="Words whose lines come first.")]


def digest(
    file: Annotated[str, typer.Argument(help="A file, kept:HANDLE, or - for standard input.")] = "-",
    *,
    focus: Focus = "",
    most: Most = 2_000,
    lines: Annotated[str, typer.Option("--lines", help="Print these lines instead, as 10-20.")] = "",
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Print what digests would have spared in past sessions.")
    ] = False,
    days: Annotated[int, typer.Option("--days", min=1, help="Days of sessions for --dry-run.")] = 30,
) -> None:
    """Print a digest of a log, a test run, data or code; needs no model."""
    from server.commands.digest.actions import print_digest, print_lines  # noqa: PLC0415

    if dry_run:
        from server.commands.digest.dry_run import print_dry_run  # noqa: PLC0415

        print_dry_run(days)
    elif lines:
        print_lines(file, lines)
    else:
        print_digest(file, focus, most)


def run(
    command: Annotated[list[str], typer.Argument(help="The command and its arguments, after --.")],
    *,
    focus: Focus = "",
    most: Most = 2_000,
) -> None:
    """Run a command, keep its output, print a digest, end with its exit status.

    It runs any command: a permission in Claude Code such as Bash(token-saver:*) allows them all.
    """
    from server.commands.digest.actions import run_and_print  # noqa: PLC0415

    raise typer.Exit(run_and_print(command, focus, most))
