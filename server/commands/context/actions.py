"""Command ``context``: shows the parts of Claude's context and switches parts off. No hub needed."""

import asyncio
import datetime
from pathlib import Path

from server.claude_context.changes import Applied, applied, apply, plan, undo
from server.claude_context.report import Context, claude_folders, context_text, context_values, read_context
from server.claude_context.switches import Scope
from server.commands.open_history import opened_history
from server.commands.terminal.output import echo, print_json
from server.config.folders import Folders
from server.config.settings import Settings
from server.ledger.prices import load_prices
from server.ledger.receipt import Ledger
from server.ledger.transcripts.check import TranscriptCheck


def show_context(settings: Settings, folders: Folders, scope: Scope, *, as_json: bool) -> None:
    """Print the context parts, their cost and switches. Check transcripts first if the user agreed.

    Raises:
        StoreError: the history cannot be read.
    """
    context = asyncio.run(_read(settings, folders))
    off = frozenset(each.part for each in applied(folders))
    if as_json:
        print_json(context_values(context, scope, off))
    else:
        echo(context_text(context, scope, off))


def switch_off(settings: Settings, folders: Folders, part: str, scope: Scope, *, dry_run: bool) -> None:
    """Show and make the change that removes a part from the context or applies a habit's remedy.

    Raises:
        NotFound: Claude Code cannot switch this part off.
        BadArguments: the settings file is broken.
    """
    change = plan(part, scope, claude_folders(settings.savings.transcripts, Path.cwd()))
    diff = change.diff()
    habit = part.startswith("habit:")
    if not diff:
        state = "applied" if habit else "off"
        echo(f"{part} is already {state}: {change.switch.setting} in {change.switch.path}.")
        return
    echo(diff, nl=False)
    if not dry_run:
        apply(change, folders)
        undo_command = f"token-saver context --{'undo' if habit else 'on'} {part} --scope {scope}"
        state = "applied; it takes effect in new sessions" if habit else "off in new sessions"
        echo(f"{part} is {state}. `{undo_command}` undoes this.")


def switch_on(settings: Settings, folders: Folders, part: str, scope: Scope) -> None:
    """Switch a part on again, or undo a habit's remedy.

    Raises:
        NotFound: this app did not switch the part off.
        BadArguments: the settings file has been edited since.
    """
    project = str(Path.cwd())
    matching = [each for each in applied(folders) if each.part == part and each.scope == scope]
    done = next((each for each in matching if scope == "user" or each.project == project), None)
    claude = claude_folders(settings.savings.transcripts, Path.cwd())
    undo(done or Applied(part, scope, project), folders, claude)
    echo(f"{part} is undone." if part.startswith("habit:") else f"{part} is on again in new sessions.")


async def _read(settings: Settings, folders: Folders) -> Context:
    async with opened_history(folders, contents=settings.history.contents) as history:
        ledger = Ledger(settings.ledger, load_prices(folders.prices_file), 0)
        await TranscriptCheck(settings.savings, history.database, ledger).run()
        today = datetime.datetime.now().astimezone().date()
        return await history.database.read(
            lambda connection: read_context(connection, settings, today, Path.cwd())
        )
