"""Command ``savings``: shows savings from the history database. No hub needed."""

import asyncio
import datetime
from collections.abc import Sequence

from rich.console import Console
from rich.progress import Progress

from server.bridge.discovery import find_running
from server.commands.history import find_offload
from server.commands.hub_client import connect
from server.commands.open_history import opened_history
from server.commands.terminal.output import echo
from server.common.days import day_begin, midnight
from server.common.errors import BadArguments, NotFound
from server.config.folders import Folders
from server.config.settings import Settings
from server.config.settings_file import set_setting
from server.ledger.explain import receipt_text
from server.ledger.holdout import read_comparison
from server.ledger.prices import Prices, load_prices
from server.ledger.quota import QuotaFile
from server.ledger.receipt import Ledger
from server.ledger.savings import savings_csv, savings_json, savings_text, share_saved
from server.ledger.transcripts.check import TranscriptCheck, TranscriptReport
from server.store.records import GroupTotal, Totals
from server.store.result_digests import DIGEST_ID, ResultDigest, ResultDigests
from server.store.totals import DIGEST_TOOL


def show_savings(
    settings: Settings, folders: Folders, *, since: str, by: str, as_json: bool, as_csv: bool
) -> None:
    """Print the savings grouped by one dimension, checking the transcripts first if the user agreed to it.

    Raises:
        BadArguments: ``since`` is neither a date nor a number of days.
        StoreError: the history cannot be read.
    """
    groups, report, week, arms = asyncio.run(_read(settings, folders, _instant(since), by))
    if as_json:
        echo(savings_json(groups, by))
    elif as_csv:
        echo(savings_csv(groups, by), nl=False)
    else:
        echo(savings_text(groups, settings.ledger))
        prices = load_prices(folders.prices_file)
        echo(_found(settings, prices, report, week, (QuotaFile(folders.state).read().text(), arms)))


def explain_savings(settings: Settings, folders: Folders, given: str) -> None:
    """Show how one offload's receipt is calculated and how the transcript check corrected it.

    Raises:
        NotFound: no offload has this id, or several ids start with it.
        StoreError: the history cannot be read.
    """
    prices = load_prices(folders.prices_file)
    if given.startswith(DIGEST_ID):
        _explain_digest(folders, given, prices)
        return
    detail = asyncio.run(find_offload(folders, given))
    row = detail.row
    echo(f"{row.id}  {row.tool}, {row.outcome}: {row.output or row.task}")
    if row.by_user and not row.net_tokens:
        echo("You made this call yourself. It neither saves Claude anything nor costs Claude anything.")
        if row.would_save_tokens:
            echo(f"Made by Claude, it would have saved {row.would_save_tokens:+,} tokens.")
        return
    if detail.receipt is not None:
        echo(f"Estimated at the end of the call (tokenizer family {detail.receipt.family}):")
        echo(receipt_text(detail.receipt, prices))
    if detail.audit is not None:
        source = "call and answer as the API counted them" if detail.audit.measured else "estimated sizes"
        echo(f"\nCorrected by the transcript ({detail.audit.ending.replace('_', ' ')}; {source}):")
        echo(receipt_text(detail.audit.receipt, prices))
    elif not settings.savings.audit:
        echo(
            "Not checked yet: `token-saver savings --audit on` compares the receipt with Claude Code's "
            "transcript."
        )


def _explain_digest(folders: Folders, given: str, prices: Prices) -> None:
    number = given.removeprefix(DIGEST_ID)
    digest = asyncio.run(_find_digest(folders, int(number))) if number.isdecimal() else None
    if digest is None:
        raise NotFound(f"There is no digest {given!r}.", "The Digests page lists all digests.")
    echo(f"{given}  {DIGEST_TOOL}, {digest.kind}: {digest.source}")
    if digest.receipt is None:
        echo("This digest was made before digests had receipts. Its tokens count, but its money does not.")
        return
    ending = "Claude came back for the full text" if digest.loss else "the digest replaced the result"
    echo(f"Estimated (tokenizer family {digest.receipt.family}); {ending}:")
    echo(receipt_text(digest.receipt, prices))


async def _find_digest(folders: Folders, number: int) -> ResultDigest | None:
    async with opened_history(folders) as history:
        return await ResultDigests(history.database).find(number)


def switch_transcript_check(settings: Settings, folders: Folders, *, on: bool) -> None:
    """Turn the transcript check on or off. A running hub applies the change immediately.

    Raises:
        SettingsError: ``config.toml`` cannot be changed.
        HubUnreachable: a hub is running but does not answer.
    """
    if find_running(str(folders.state)) is None:
        set_setting(folders, "savings", "audit", on)
    else:
        connect(folders).post("/api/audit", {"switch": "on" if on else "off"})
    if on:
        asyncio.run(_first_check(settings, folders))
    else:
        echo("The transcript check is off. Earlier findings are kept.")


async def _first_check(settings: Settings, folders: Folders) -> None:
    """Name the files that the check will read, read them with a progress bar, and show the result."""
    allowed = settings.savings.model_copy(update={"audit": True})
    async with opened_history(folders, contents=settings.history.contents) as history:
        prices = load_prices(folders.prices_file)
        check = TranscriptCheck(allowed, history.database, Ledger(settings.ledger, prices, 0))
        files, size = await check.pending()
        noun = "file" if files == 1 else "files"
        echo(
            f"The transcript check will read {files:,} new {noun} ({size / 1e6:,.1f} MB) in {check.folder}. "
            "It does not change them, and nothing leaves this machine."
        )
        with Progress(console=Console(stderr=True), transient=True) as bar:
            task = bar.add_task("Reading transcripts", total=size)
            await check.run(lambda done, whole: bar.update(task, completed=done, total=whole))
        echo(savings_text(await history.by("tool"), settings.ledger))
        report = await check.report()
        week = await history.totals(midnight(6).timestamp())
    echo(_found(settings.model_copy(update={"savings": allowed}), prices, report, week))


async def _read(
    settings: Settings, folders: Folders, since: float | None, by: str
) -> tuple[tuple[GroupTotal, ...], TranscriptReport, Totals, str]:
    async with opened_history(folders, contents=settings.history.contents) as history:
        ledger = Ledger(settings.ledger, load_prices(folders.prices_file), 0)
        audit = TranscriptCheck(settings.savings, history.database, ledger)
        await audit.run()
        week = await history.totals(midnight(6).timestamp())
        arms = (await history.database.read(read_comparison)).text()
        return await history.by(by, since), await audit.report(), week, arms


def _instant(since: str) -> float | None:
    """Return the start of a local day, from a date (``2026-11-20``) or days including today (``7d``)."""
    if not since:
        return None
    try:
        if since.endswith("d"):
            return midnight(int(since[:-1]) - 1).timestamp()
        return day_begin(datetime.date.fromisoformat(since)).timestamp()
    except (ValueError, OverflowError):
        raise BadArguments(
            f"{since!r} is not a date.", "Write a date (2026-11-20) or a number of days (7d)."
        ) from None


def _priced(settings: Settings, prices: Prices) -> str:
    return f"list prices of {settings.ledger.model} ({prices.named})"


def _found(
    settings: Settings, prices: Prices, report: TranscriptReport, saved: Totals, extra: Sequence[str] = ()
) -> str:
    if not settings.savings.audit and not report.transcripts:
        return (
            f"\nAll figures are estimates, with {_priced(settings, prices)}. `token-saver savings --audit "
            "on` checks them against Claude Code's transcripts."
        )
    week = midnight(6).date().isoformat()
    calls = f"{report.our_calls} calls ({report.unmatched} unknown here)"
    broken = f", {report.broken_lines} lines unreadable" if report.broken_lines else ""
    lines = ["", f"Transcript check: {report.transcripts} transcripts{broken}, {calls}."]
    lines.append(
        f"Net tokens and net money are estimates, with {_priced(settings, prices)}; corrected ones use the "
        "token counts in the transcripts."
    )
    lines.append(
        f"Your bill for Claude Code at list prices: ${report.bill.since(week) / 1e6:,.2f} in the last 7 "
        f"days, ${report.bill.total / 1e6:,.2f} in all ({report.bill.requests:,} requests)."
    )
    if report.bill.unrecorded:
        lines.append(
            f"${report.bill.unrecorded / 1e6:,.2f} of it is for compactions, titles and other requests "
            "that the transcripts do not list. It comes from the client's own totals."
        )
    lines.append(f"Saved in the last 7 days: {share_saved(saved, report.bill.since(week))} of the bill.")
    lines += [each for each in extra if each]
    if report.habits.basis == "transcripts":
        habits = report.habits
        lines.append(
            f"Your habits ({habits.sessions:,} sessions): a result is read from the cache "
            f"{habits.cache_reads:g} more times, {habits.long_writes:.0%} of cache writes are kept for 1 "
            f"hour, and a turn reads {habits.turn_reads:,} tokens of context."
        )
    for ending, count in sorted(report.endings.items()):
        lines.append(f"  {ending.replace('_', ' ')}: {count}")
    for family, accuracy in report.accuracy.items():
        if accuracy.median is not None:
            lines.append(
                f"  Size estimates (family {family}, {accuracy.items:,} items) have a median error of "
                f"{accuracy.median:.1%} and a total error of {accuracy.aggregate or 0:+.1%}."
            )
    lines += [f"Missed: {each.text()}" for each in report.forms]
    if report.missed.advice:
        lines += ["Suggested for your CLAUDE.md:", report.missed.advice]
    return "\n".join(lines)
