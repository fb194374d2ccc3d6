"""Actions of ``token-saver audit`` on the audit trail: verify, export, search. They do not need a hub."""

import json
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path

import typer
from sqlalchemy import Connection

from server.commands.policy.database import with_database
from server.commands.terminal.output import echo, print_json
from server.common.control_characters import in_line
from server.common.errors import BadArguments, NotFound
from server.config.folders import Folders, find_folders
from server.policy.trail import export_lines, find, read_head, verify, verify_lines


def verify_trail(file: Path | None, *, as_json: bool = False) -> None:
    """Check that no row was changed, removed or moved. Otherwise the exit status is 1."""
    if file is not None:
        try:
            with file.open(encoding="utf-8") as lines:
                found = verify_lines(iter(lines))
        except (ValueError, TypeError, KeyError) as error:
            raise BadArguments(
                f"{file} is not an export of the trail ({error}).",
                "Create one: token-saver audit export FILE.",
            ) from None
    else:
        folders = _trail_folders()
        found = with_database(
            folders,
            lambda database: database.read(
                lambda connection: verify(connection, read_head(folders.state / "trail.head"))
            ),
        )
    if as_json:
        print_json(asdict(found))
        raise typer.Exit(1 if found.problem else 0)
    if found.problem:
        echo(f"broken: {found.problem} Rows {found.first} to {found.last} are intact.")
        raise typer.Exit(1)
    echo(f"intact: {found.rows} rows ({found.first} to {found.last})")


def export(output: Path) -> None:
    """Write the whole trail as JSON lines; `audit verify FILE` checks them independently."""

    def write(connection: Connection) -> int:
        count = 0
        with output.open("w", encoding="utf-8") as file:
            for count, line in enumerate(export_lines(connection)):  # noqa: B007 - the first line is not a row
                file.write(f"{line}\n")
        return count

    count = with_database(_trail_folders(), lambda database: database.read(write))
    echo(f"Exported {count} rows to {output}")


def search(text: str, kind: str, limit: int, *, as_json: bool) -> None:
    """Print the rows that contain a given text, newest first."""
    records = with_database(
        _trail_folders(),
        lambda database: database.read(lambda connection: find(connection, text, kind, limit, None)),
    )
    if as_json:
        print_json([{**asdict(record), "details": json.loads(record.details)} for record in records])
        return
    for record in records:
        when = datetime.fromtimestamp(record.at, UTC).astimezone()
        about = " ".join(part for part in (record.tool, record.client, record.verdict) if part)
        row = f"{record.seq:>6}  {when:%Y-%m-%d %H:%M:%S}  {record.kind:<10}  {about}: {record.text}"
        echo(in_line(row))


def _trail_folders() -> Folders:
    folders = find_folders()
    if not folders.database.exists():
        raise NotFound("The audit trail does not exist yet.", "The first start of token-saver creates it.")
    return folders
