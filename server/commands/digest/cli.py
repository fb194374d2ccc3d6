"""The commands ``digest``, ``ask`` and ``run`` with their options."""

from typing import Annotated

import typer

from server.commands.terminal.output import Json

Most = Annotated[int, typer.Option("--max", min=100, help="Maximum length of the digest in characters.")]
Focus = Annotated[str, typer.Option("--focus", help="Lines with these words come first.")]


def digest(
    file: Annotated[str, typer.Argument(help="A file, kept:HANDLE, or - for standard input.")] = "-",
    *,
    focus: Focus = "",
    most: Most = 2_000,
    lines: Annotated[str, typer.Option("--lines", help="Print these lines instead, for example 10-20.")] = "",
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Estimate how much digests would have saved in past sessions.")
    ] = False,
    days: Annotated[
        int, typer.Option("--days", min=1, help="With --dry-run: how many days of sessions to read.")
    ] = 30,
) -> None:
    """Print a digest of a log, a test run, data or code.

    No model is needed.
    """
    from server.commands.digest.actions import print_digest, print_lines  # noqa: PLC0415

    if dry_run:
        from server.commands.digest.dry_run import print_dry_run  # noqa: PLC0415

        print_dry_run(days)
    elif lines:
        print_lines(file, lines)
    else:
        print_digest(file, focus, most)


def ask(
    question: Annotated[str, typer.Argument(help="The question.")],
    files: Annotated[list[str], typer.Argument(help="Files in the current folder.")],
    *,
    as_json: Json = False,
) -> None:
    """Answer a question about files.

    The local model points to lines, and the answer quotes them. Nothing leaves this machine.
    """
    from server.commands.offload import ask_about  # noqa: PLC0415
    from server.config.folders import find_folders  # noqa: PLC0415
    from server.config.settings import load_settings  # noqa: PLC0415

    folders = find_folders()
    raise typer.Exit(ask_about(load_settings(folders), folders, question, files, as_json=as_json))


def run(
    command: Annotated[list[str], typer.Argument(help="The command with its arguments, after --.")],
    *,
    focus: Focus = "",
    most: Most = 2_000,
) -> None:
    """Run a command and print a digest of its output.

    The output is kept, and the exit status is that of the command. `run` accepts any command: a permission
    in Claude Code such as Bash(token-saver:*) allows all commands.
    """
    from server.commands.digest.actions import run_and_print  # noqa: PLC0415

    raise typer.Exit(run_and_print(command, focus, most))
