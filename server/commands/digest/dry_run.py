"""``token-saver digest --dry-run``: estimates what digests would have saved in past Claude Code sessions."""

import time

from server.commands.terminal.output import echo, print_table
from server.commands.terminal.progress import Step, progress_bar
from server.config.folders import find_folders
from server.config.settings import load_settings
from server.ledger.prices import load_prices
from server.ledger.transcripts.reader import transcripts_folder
from server.tool_results.dry_run import DryRun, dry_run

_DAY = 86_400
_MICRO = 1_000_000


def print_dry_run(days: int) -> None:
    """Read the transcripts from the last ``days`` days and print the estimates.

    Raises:
        SettingsError: the settings or the price table are invalid.
    """
    folders = find_folders()
    folder = transcripts_folder(load_settings(folders).savings.transcripts)
    with progress_bar() as bar:
        found = dry_run(
            folder,
            load_prices(folders.prices_file),
            time.time() - days * _DAY,
            lambda done, every: bar.show(Step(f"{done} of {every} transcripts", done, every)),
        )
    _print(found, days)


def _print(found: DryRun, days: int) -> None:
    rows = [
        (
            kind.kind,
            f"{kind.results:,}",
            f"{kind.losses:,}",
            f"{kind.net_tokens:,}",
            f"${kind.net_microusd / _MICRO:,.2f}",
        )
        for kind in found.kinds
    ]
    if rows:
        print_table(("kind", "results", "came back", "net tokens", "net money"), rows)
    echo(
        f"{found.sessions:,} transcripts of {days} days: digests would have saved "
        f"${found.net_microusd / _MICRO:,.2f}, {found.share:.1%} of a bill of "
        f"${found.bill_microusd / _MICRO:,.2f}."
    )
    if found.passed:
        reasons = "; ".join(f"{count:,} {reason}" for reason, count in found.passed)
        echo(f"Large results that would have stayed unchanged: {reasons}.")
