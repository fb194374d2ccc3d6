"""The audit: hold every receipt against Claude Code's own transcripts, and correct it.

What is corrected, with the figures of ``receipt.py``:

* the call and its result cost what the API counted, at the prices of the model that made the call; so does
  every question about a batch;
* a result that Claude **read again** cost that reading, too;
* of a file that Claude **edited**, only the lines that survived were spared, and the edits that took out
  delivered lines are part of the cost;
* a file that Claude **rewrote** spared nothing;
* an input that Claude read itself, before or after, was not spared;
* a text returned inline spared what Claude did not write again.

Only ``[savings] audit = true`` makes it read anything; transcripts are never written.
"""

import logging
import os
import time
from dataclasses import dataclass, field
from pathlib import Path

from sqlalchemy import Connection

from server.config.settings import SavingsSettings
from server.ledger.accuracy import Accuracy, add_up
from server.ledger.receipt import Cost, Figures, Ledger
from server.ledger.tokens import Family, family_of, rescale
from server.ledger.transcripts.followup import Aftermath, KnownOffload
from server.ledger.transcripts.missed import MissedSavings, merge
from server.ledger.transcripts.reader import (
    TranscriptFile,
    find_transcripts,
    new_lines,
    parse_line,
    transcripts_folder,
)
from server.ledger.transcripts.session import TranscriptSession
from server.ledger.transcripts.session_state import FollowedCall, SessionState, Summary
from server.store.database import Database
from server.store.records import AuditRecord, BookedOffload, ReceiptRecord, TranscriptRecord
from server.store.transcript_checks import (
    read_booked,
    read_endings,
    read_known,
    read_summaries,
    read_transcript,
    write_pass,
)

logger = logging.getLogger(__name__)

Finding = tuple[str, AuditRecord]


@dataclass(frozen=True)
class AuditReport:
    """What all passes so far found. ``accuracy`` holds the estimator's error by family; ``unmatched``
    counts calls in transcripts that this history does not have; ``endings`` the offloads by ending."""

    transcripts: int = 0
    answers: int = 0
    our_calls: int = 0
    unmatched: int = 0
    broken_lines: int = 0
    endings: dict[str, int] = field(default_factory=dict)
    accuracy: dict[str, Accuracy] = field(default_factory=dict)
    chances: MissedSavings = field(default_factory=lambda: MissedSavings((), 0))


class TranscriptCheck:
    """Audits one history against one folder of transcripts."""

    def __init__(
        self, settings: SavingsSettings, database: Database, ledger: Ledger, folder: Path | None = None
    ) -> None:
        self.settings = settings
        self.folder = transcripts_folder(settings.transcripts) if folder is None else folder
        self._database = database
        self._ledger = ledger

    async def run(self) -> int:
        """Read what is new in the transcripts and correct receipts; return how many files had news.

        Does nothing where the audit is switched off. A file that cannot be read is left for another time.

        Raises:
            StoreError: the history cannot be read or written.
        """
        if not self.settings.audit:
            return 0
        changed = await self._database.read(self._changed)
        for file in changed:
            await self._pass(file)
        return len(changed)

    async def report(self) -> AuditReport:
        """Return what all passes so far found."""
        return await self._database.read(read_report)

    def _changed(self, connection: Connection) -> list[TranscriptFile]:
        known = read_known(connection)
        return [
            file
            for file in find_transcripts(self.folder)
            if known.get(str(file.path)) != (file.size, file.mtime_ns)
        ]

    async def _pass(self, file: TranscriptFile) -> None:
        try:
            record, findings = await self._database.read(lambda connection: self._read(connection, file))
        except OSError as error:
            logger.info("cannot read the transcript %s: %s", file.path, error)
            return
        await self._database.write(lambda connection: write_pass(connection, record, findings))

    def _read(self, connection: Connection, file: TranscriptFile) -> tuple[TranscriptRecord, list[Finding]]:
        state, start = _resume(connection, file)
        reached = start
        session = TranscriptSession(state, lambda use_id: tuple(map(_known, read_booked(connection, use_id))))
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
        findings = self._findings(connection, state)
        record = TranscriptRecord(
            path=str(file.path),
            size=file.size,
            mtime_ns=file.mtime_ns,
            position=reached,
            state=state.as_json(),
            summary=state.summary().as_json(),
        )
        return record, findings

    def _findings(self, connection: Connection, state: SessionState) -> list[Finding]:
        """Return the corrections of the calls on which this pass had news."""
        findings = []
        changed_jobs = {call.job for call in state.calls.values() if call.changed and call.job}
        for use_id, call in state.calls.items():
            if not call.answered or not (call.changed or call.job in changed_jobs):
                continue
            cost = self._cost(call, state)
            booked = {each.id: each for each in read_booked(connection, use_id)}
            count = len(call.offloads)
            for number, offload in enumerate(call.offloads):
                if offload.id in booked:
                    part = cost.part(number, count)
                    findings.append(
                        (offload.id, correct(call, offload, part, booked[offload.id], self._ledger))
                    )
        for call in state.calls.values():
            call.changed = call.changed and not call.answered
        return findings

    def _cost(self, call: FollowedCall, state: SessionState) -> Cost:
        """Return what the call cost, of a batch with every question about it."""
        asked = (each for each in state.calls.values() if each.job == call.job and each.tool == "check_job")
        calls = [call, *(asked if call.job else ())]
        share = rescale(self._ledger.share, self._ledger.family, family_of(call.model))
        return Cost(
            round(sum(each.call_tokens for each in calls)),
            round(sum(each.result_tokens for each in calls)),
            round(share),
        )


def correct(
    call: FollowedCall, offload: Aftermath, cost: Cost, booked: BookedOffload, ledger: Ledger
) -> AuditRecord:
    """Return what the offload truly spared and cost; ``cost`` is its part of the call, share and all.

    What was estimated for one tokenizer family is rescaled to that of the model that made the call.
    """
    estimate = booked.receipt
    family = family_of(call.model)
    spared_output = rescale(estimate.spared_output, _family(estimate), family)
    spared_input = rescale(estimate.spared_input, _family(estimate), family)
    if offload.returned:
        spared_output = call.result_tokens * offload.kept_text
    elif offload.rewritten:
        spared_output = 0.0
    elif offload.edited and offload.survived is not None:
        spared_output *= offload.survived
    elif offload.edited:
        spared_output -= min(spared_output, offload.edited_tokens)
    figures = Figures(
        spared_input=round(spared_input * offload.unread_inputs),
        spared_output=round(spared_output),
        spent_output=cost.output + offload.edit_tokens,
        spent_input=cost.input + offload.read_tokens,
        # A program that knows no definitions (a command without a hub) leaves what was booked.
        spent_share=cost.share if ledger.definitions_tokens else estimate.spent_share,
    )
    receipt = ledger.price(figures, call.model, call.prompt_tokens)
    return AuditRecord(
        audited_at=time.time(),
        ending=offload.ending,
        survived=offload.survived,
        measured=call.call_measured and call.result_measured,
        receipt=receipt.as_record(),
    )


def read_report(connection: Connection) -> AuditReport:
    """Add up what was learnt from all transcripts."""
    parts = [Summary.from_json(text) for text in read_summaries(connection)]
    families = sorted({family for part in parts for family in part.accuracy})
    our_calls = sum(part.our_calls for part in parts)
    return AuditReport(
        transcripts=len(parts),
        answers=sum(part.answers for part in parts),
        our_calls=our_calls,
        unmatched=sum(part.unmatched for part in parts),
        broken_lines=sum(part.broken for part in parts),
        endings=read_endings(connection),
        accuracy={
            family: add_up(part.accuracy[family] for part in parts if family in part.accuracy)
            for family in families
        },
        chances=merge([part.chances for part in parts], our_calls),
    )


def _resume(connection: Connection, file: TranscriptFile) -> tuple[SessionState, int]:
    """Return what an earlier pass left; a file that shrank was replaced and is read anew."""
    record = read_transcript(connection, str(file.path))
    if record is None or record.position > file.size:
        return SessionState(), 0
    state = SessionState.from_json(record.state)
    return (state, record.position) if state is not None else (SessionState(), 0)


def _family(receipt: ReceiptRecord) -> Family:
    return "A" if receipt.family == "A" else "B"


def _known(booked: BookedOffload) -> KnownOffload:
    project = Path(booked.project)
    added = [line[1:] for line in booked.diff.splitlines() if line[:1] == "+" and line[:3] != "+++"]
    return KnownOffload(
        id=booked.id,
        outcome=booked.outcome,
        tool=booked.tool,
        path=_absolute(project, booked.output),
        lines=tuple(added),
        inputs={_absolute(project, file.path): file.size for file in booked.inputs},
        job=booked.job_id,
    )


def _absolute(project: Path, path: str) -> str:
    return os.path.normpath(project / path) if path else ""
