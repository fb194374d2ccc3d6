"""The measured comparison: the app stays silent in some sessions, so that the difference shows its savings.

With ``[savings] holdout`` above 0, that share of Claude Code sessions is held out: no tools are listed, and
hooks change nothing. A hash of the session id decides, so neither the task nor the user influences the
choice. Both groups are recorded and their costs, taken from the transcripts, are compared.
"""

import asyncio
import hashlib
import logging
import statistics
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import Connection

from server.common.atomic_write import PRIVATE, replace_file
from server.common.errors import StoreError
from server.ledger.transcripts.reader import is_uuid
from server.ledger.transcripts.summary import Summary
from server.reminder.__main__ import HELD_OUT
from server.store.database import Database
from server.store.transcript_checks import read_arm, read_arms, read_summaries, write_arm

logger = logging.getLogger(__name__)

LEAST_SESSIONS = 30
"""Number of sessions each group needs before a difference is shown."""
_LISTED = 200
"""Maximum number of sessions in the reminder's list. The oldest are dropped."""
_NORMAL_95 = 1.96
"""Standard errors on either side in a 95 % interval."""


class Holdout:
    """Decides and remembers which group each session belongs to.

    Args:
        share: the share (0 to 1) of sessions to hold out.
        state: the state folder, which holds the list that the reminder reads.
    """

    def __init__(self, share: float, database: Database, state: Path) -> None:
        self.share = share
        self._database = database
        self._list = state / HELD_OUT
        self._known: dict[str, bool] = {}

    async def is_silent(self, session: str) -> bool:
        """Return whether the app stays silent in a session, and record the session's group.

        Only Claude Code sessions, whose ids are UUIDs, take part, because only they have transcripts. A
        session whose group cannot be recorded does not take part.
        """
        if not self.share or not is_uuid(session):
            return False
        if session not in self._known:
            try:
                arm = await self._database.write(lambda connection: self._recorded(connection, session))
                if arm:
                    await asyncio.to_thread(self._tell_reminder, session)
            except (StoreError, OSError) as error:
                logger.warning("the session is left out of the measurement: %s", error)
                return False
            self._known[session] = arm
        return self._known[session]

    def _recorded(self, connection: Connection, session: str) -> bool:
        arm = read_arm(connection, session)
        if arm is None:
            arm = is_held_out(session, self.share)
            write_arm(connection, session, time.time(), held_out=arm)
        return arm

    def _tell_reminder(self, session: str) -> None:
        listed = self._list.read_text(encoding="ascii").split() if self._list.exists() else []
        if session not in listed:
            text = "\n".join([*listed, session][-_LISTED:])
            replace_file(self._list, text.encode(), mode=PRIVATE)


def is_held_out(session: str, share: float) -> bool:
    """Return whether a session belongs to the held-out share. The answer for an id never changes."""
    number = int.from_bytes(hashlib.blake2b(session.encode(), digest_size=8).digest())
    return number < share * 2**64


@dataclass(frozen=True)
class ArmComparison:
    """The cost of sessions with and without the app, in micro-dollars per session. ``saved`` is the
    difference of the means, ``margin`` half of its 95 % interval (Welch).
    """

    used: int = 0
    held_out: int = 0
    used_mean: float = 0.0
    held_out_mean: float = 0.0
    margin: float = 0.0

    @property
    def enough(self) -> bool:
        """Return whether there are enough sessions to show a difference."""
        return min(self.used, self.held_out) >= LEAST_SESSIONS

    @property
    def saved(self) -> float:
        """The mean cost of held-out sessions minus the mean cost of the others."""
        return self.held_out_mean - self.used_mean

    def text(self) -> str:
        """Return the comparison as a sentence; empty if there are no sessions."""
        if not self.used + self.held_out:
            return ""
        counted = f"{self.held_out:,} sessions without the app, {self.used:,} with it"
        if not self.enough:
            return (
                f"Measured comparison: {counted}. A difference is shown once there are {LEAST_SESSIONS} "
                "sessions of each kind."
            )
        low, high = self.saved - self.margin, self.saved + self.margin
        verdict = "" if low > 0 or high < 0 else " The interval contains 0, so no saving is proven."
        return (
            f"Measured comparison: {counted}. A session costs ${self.held_out_mean / 1e6:,.3f} without the "
            f"app and ${self.used_mean / 1e6:,.3f} with it: saved {_dollars(self.saved)} per session, 95 % "
            f"interval {_dollars(low)} to {_dollars(high)}.{verdict}"
        )


def read_comparison(connection: Connection) -> ArmComparison:
    """Return the comparison of all recorded sessions that have a transcript."""
    arms = read_arms(connection)
    if not arms:
        return ArmComparison()
    return compare(arms, session_money(map(Summary.from_json, read_summaries(connection))))


def session_money(summaries: Iterable[Summary]) -> dict[str, float]:
    """Return the cost of each session, including its subagents, in micro-dollars."""
    money: dict[str, float] = {}
    for summary in summaries:
        money[summary.session] = money.get(summary.session, 0.0) + summary.money
    return money


def compare(arms: Mapping[str, bool], money: Mapping[str, float]) -> ArmComparison:
    """Compare the sessions in both groups that have a transcript."""
    used = [money[session] for session, held_out in arms.items() if not held_out and session in money]
    held = [money[session] for session, held_out in arms.items() if held_out and session in money]
    errors = [statistics.variance(each) / len(each) for each in (used, held) if len(each) > 1]
    return ArmComparison(
        used=len(used),
        held_out=len(held),
        used_mean=statistics.fmean(used) if used else 0.0,
        held_out_mean=statistics.fmean(held) if held else 0.0,
        margin=_NORMAL_95 * sum(errors) ** 0.5,
    )


def _dollars(microusd: float) -> str:
    return f"{'-' if microusd < 0 else '+'}${abs(microusd) / 1e6:,.3f}"
