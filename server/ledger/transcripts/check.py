"""Transcript check: compares receipts with Claude Code's own transcripts and corrects them.

Corrections, in terms of the figures in ``receipt.py``:

* the call and its result cost the tokens that the API counted, at the prices of the model that made the call;
  the same applies to every question about a batch;
* a result that Claude **read again** also costs that read and its turn;
* of a file that Claude **edited**, only the surviving lines count as saved, and edits that removed delivered
  lines add to the cost;
* a file that Claude **rewrote** saved nothing;
* an input that Claude read itself, before or after, was not saved;
* text returned inline saved the part that Claude did not write again.

Transcripts are only read with ``[savings] audit = true``, and never written.
"""

import logging
import os
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from decimal import Decimal
from pathlib import Path

from sqlalchemy import Connection

from server.config.sections import SavingsSettings
from server.ledger.accuracy import Accuracy, add_up
from server.ledger.explain import figures_of
from server.ledger.habits import PUBLIC, Habits
from server.ledger.prices import Price, Prices
from server.ledger.receipt import Cost, Ledger
from server.ledger.terms import TURN, Terms
from server.ledger.tokens import family_of, rescale
from server.ledger.transcripts.accounts import LONG_CONTEXT, message_key
from server.ledger.transcripts.bill import Bill, bill_of
from server.ledger.transcripts.correction import correct, session_terms
from server.ledger.transcripts.followup import KnownOffload
from server.ledger.transcripts.lines import AssistantMessage
from server.ledger.transcripts.measured import measured_habits
from server.ledger.transcripts.missed import MissedSavings, merge
from server.ledger.transcripts.missed_money import MissedForm, missed_forms
from server.ledger.transcripts.parse import parse_line
from server.ledger.transcripts.reader import (
    TranscriptFile,
    find_transcripts,
    new_lines,
    session_of,
    transcripts_folder,
)
from server.ledger.transcripts.session import TranscriptSession
from server.ledger.transcripts.session_state import FollowedCall, SessionState
from server.ledger.transcripts.summary import Summary, summarise
from server.store.database import Database
from server.store.records import RecordedOffload, TranscriptCheckRecord, TranscriptRecord
from server.store.transcript_checks import (
    is_charged,
    read_check,
    read_endings,
    read_known,
    read_recorded,
    read_success,
    read_summaries,
    read_transcript,
    requests_elsewhere,
    write_pass,
)

logger = logging.getLogger(__name__)

Finding = tuple[str, TranscriptCheckRecord]
Progress = Callable[[int, int], None]
"""Called with the number of bytes read so far and the total to read."""


@dataclass(frozen=True)
class TranscriptReport:
    """Findings from all passes so far. ``accuracy``: the estimation error by family. ``unmatched``: calls in
    transcripts that are missing from this history. ``endings``: the number of offloads by ending. ``bill``:
    the total cost of Claude Code. ``habits``: Claude's working habits for this user. ``forms``: the cost of
    missed chances.
    """

    transcripts: int = 0
    our_calls: int = 0
    unmatched: int = 0
    broken_lines: int = 0
    endings: dict[str, int] = field(default_factory=dict)
    accuracy: dict[str, Accuracy] = field(default_factory=dict)
    missed: MissedSavings = field(default_factory=lambda: MissedSavings(()))
    bill: Bill = field(default_factory=lambda: Bill({}))
    habits: Habits = PUBLIC
    forms: tuple[MissedForm, ...] = ()


class TranscriptCheck:
    """Checks one history against one transcripts folder."""

    def __init__(
        self, settings: SavingsSettings, database: Database, ledger: Ledger, folder: Path | None = None
    ) -> None:
        self.settings = settings
        self.folder = transcripts_folder(settings.transcripts) if folder is None else folder
        self._database = database
        self._ledger = ledger
        self._sessions: frozenset[str] = frozenset()
        self._prices: dict[tuple[str, bool], Price] = {}

    async def run(self, progress: Progress | None = None) -> int:
        """Read new transcript lines and correct receipts. Return the number of files with new lines.

        A no-op if the check is switched off. Files that cannot be read are retried on the next run. After
        each file, ``progress`` is called with the bytes read and the bytes to read. The habits found replace
        the ledger's.

        Raises:
            StoreError: the history cannot be read or written.
        """
        if not self.settings.audit:
            return 0
        changed = await self._database.read(self._changed)
        whole, done = sum(file.size for file in changed), 0
        for file in changed:
            await self._pass(file)
            done += file.size
            if progress is not None:
                progress(done, whole)
        if changed or self._ledger.habits.basis == "public":
            self._ledger.use_habits((await self.report()).habits)
        return len(changed)

    async def pending(self) -> tuple[int, int]:
        """Return the number of files that a run would read, and their size in bytes."""
        changed = await self._database.read(self._changed)
        return len(changed), sum(file.size for file in changed)

    async def report(self) -> TranscriptReport:
        """Return the findings from all passes so far."""
        return await self._database.read(lambda connection: read_report(connection, self._ledger.prices))

    def _changed(self, connection: Connection) -> list[TranscriptFile]:
        known = read_known(connection)
        files = find_transcripts(self.folder)
        self._sessions = frozenset(file.path.stem for file in files)
        return [file for file in files if known.get(str(file.path)) != (file.size, file.mtime_ns)]

    async def _pass(self, file: TranscriptFile) -> None:
        try:
            found = await self._database.read(lambda connection: self._read(connection, file))
        except OSError as error:
            logger.info("cannot read the transcript %s: %s", file.path, error)
            return
        await self._database.write(lambda connection: write_pass(connection, *found))

    def _read(
        self, connection: Connection, file: TranscriptFile
    ) -> tuple[TranscriptRecord, list[Finding], list[int], dict[str, int]]:
        state, start = _resume(connection, file)
        reached = start
        path = str(file.path)
        session = TranscriptSession(
            state,
            lambda use_id: tuple(map(_known, read_recorded(connection, use_id))),
            self._price_of,
            lambda line: self._is_elsewhere(connection, state, line, path),
        )
        session.look_again()
        for end, line in new_lines(file.path, start):
            reached = end
            try:
                parsed = parse_line(line)
            except ValueError:
                state.broken += 1
                continue
            if parsed is not None:
                session.follow(parsed)
        session.look_again()
        requests = {use_id: call.requests for use_id, call in state.calls.items() if call.changed}
        findings = self._findings(connection, state, path)
        own, state.accounts.charged = state.accounts.charged, []
        dated = self._ledger.prices.dated.isoformat()
        record = TranscriptRecord(
            path=str(file.path),
            size=file.size,
            mtime_ns=file.mtime_ns,
            position=reached,
            state=state.as_json(),
            summary=summarise(state, session.accountant, dated, session_of(file.path)).as_json(),
        )
        return record, findings, own, requests

    def _is_elsewhere(
        self, connection: Connection, state: SessionState, line: AssistantMessage, path: str
    ) -> bool:
        """Return whether another transcript has this message. A fork's repeated lines come first, so lookups
        stop after the first message of its own.
        """
        if line.session in self._sessions:
            return True
        return not state.accounts.owns and is_charged(connection, message_key(line.message_id), path)

    def _price_of(self, model: str, prompt_tokens: int) -> Price:
        key = (model, prompt_tokens > LONG_CONTEXT)
        if key not in self._prices:
            self._prices[key] = self._ledger.prices.find(model, prompt_tokens)
        return self._prices[key]

    def _findings(self, connection: Connection, state: SessionState, path: str) -> list[Finding]:
        """Return corrections for the calls changed by this pass."""
        findings = []
        changed_jobs = {call.job for call in state.calls.values() if call.changed and call.job}
        for use_id, call in state.calls.items():
            if not call.answered or not (call.changed or call.job in changed_jobs):
                continue
            elsewhere = requests_elsewhere(connection, use_id, path)
            if call.borrowed:
                findings += self._read_again_elsewhere(connection, call, elsewhere)
                continue
            cost = self._cost(call, state)
            recorded = {each.id: each for each in read_recorded(connection, use_id)}
            count = len(call.offloads)
            for number, offload in enumerate(call.offloads):
                if offload.id in recorded:
                    part = cost.part(number, count)
                    terms = session_terms(call, state, self._ledger, elsewhere)
                    found = correct(call, offload, part, recorded[offload.id], self._ledger, terms=terms)
                    findings.append((offload.id, found))
        for call in state.calls.values():
            call.changed = call.changed and not call.answered
        return findings

    def _read_again_elsewhere(
        self, connection: Connection, call: FollowedCall, elsewhere: int
    ) -> list[Finding]:
        """Return corrections for a call recorded in another transcript, including re-reads from this one."""
        findings = []
        for offload in call.offloads:
            known = read_check(connection, offload.id)
            terms = Terms.from_json(known.receipt.terms) if known is not None else None
            if known is None or terms is None:
                continue  # the other transcript is read later and then counts these requests
            terms = replace(terms, cache_reads=Decimal(max(0, call.requests + elsewhere - 1)))
            receipt = self._ledger.price(
                figures_of(known.receipt), call.model, assumed=terms.assumed, terms=terms
            )
            findings.append((offload.id, replace(known, receipt=receipt.as_record())))
        return findings

    def _cost(self, call: FollowedCall, state: SessionState) -> Cost:
        """Return the cost of the call. For a batch, this includes every question about it."""
        asked = (each for each in state.calls.values() if each.job == call.job and each.tool == "check_job")
        calls = [call, *(asked if call.job else ())]
        share = rescale(self._ledger.share, self._ledger.family, family_of(call.model))
        return Cost(
            round(sum(each.call_tokens for each in calls)),
            round(sum(each.result_tokens for each in calls)),
            round(share),
            TURN * len(calls),
        )


def read_report(connection: Connection, prices: Prices) -> TranscriptReport:
    """Add up the summaries of all transcripts."""
    parts = [Summary.from_json(text) for text in read_summaries(connection)]
    families = sorted({family for part in parts for family in part.accuracy})
    our_calls = sum(part.our_calls for part in parts)
    return TranscriptReport(
        transcripts=len(parts),
        our_calls=our_calls,
        unmatched=sum(part.unmatched for part in parts),
        broken_lines=sum(part.broken for part in parts),
        endings=read_endings(connection),
        accuracy={
            family: add_up(part.accuracy[family] for part in parts if family in part.accuracy)
            for family in families
        },
        missed=merge(part.chances for part in parts),
        bill=bill_of(parts, prices),
        habits=measured_habits(parts),
        forms=missed_forms(parts, read_success(connection)),
    )


def _resume(connection: Connection, file: TranscriptFile) -> tuple[SessionState, int]:
    """Return the state after the last pass. A file that has shrunk was replaced, so it is read from the
    start.
    """
    record = read_transcript(connection, str(file.path))
    if record is None or record.position > file.size:
        return SessionState(), 0
    state = SessionState.from_json(record.state)
    return (state, record.position) if state is not None else (SessionState(), 0)


def _known(recorded: RecordedOffload) -> KnownOffload:
    project = Path(recorded.project)
    added = [line[1:] for line in recorded.diff.splitlines() if line[:1] == "+" and line[:3] != "+++"]
    return KnownOffload(
        id=recorded.id,
        outcome=recorded.outcome,
        tool=recorded.tool,
        path=_absolute(project, recorded.output),
        lines=tuple(added),
        inputs={_absolute(project, file.path): file.size for file in recorded.inputs},
        job=recorded.job_id,
    )


def _absolute(project: Path, path: str) -> str:
    return os.path.normpath(project / path) if path else ""
