"""Claude's working habits for this user: measured in transcripts; until then, medians of public sessions."""

from dataclasses import dataclass
from typing import Literal

from server.store.records import ReadKind

PUBLIC_SESSIONS = 265
"""Public Claude Code sessions (January to August 2026, 18,953 requests) behind the default figures."""

MOST_READ_TOKENS = 25_000
"""Maximum number of tokens that Claude Code's Read returns of one file. A longer file takes more than one
call.
"""

# A median turn cost $0.03 at the prices of Opus 5.5. Of this, 47 % were cache reads: the context read once
# more. The rest is the turn's own call and result, which a receipt lists on separate lines.
_TURN_DOLLARS = 0.03
_CACHE_READ_SHARE = 0.47
_OPUS_CACHE_READ = 0.20


@dataclass(frozen=True)
class Habits:
    """Figures about Claude's sessions that a receipt needs.

    Attributes:
        basis: where the figures come from: ``transcripts`` of this user, or ``public`` sessions.
        sessions: the number of sessions behind them.
        cache_reads: how often a text in the context is read from the cache again, in the median session.
        long_writes: the share (0 to 1) of cache writes that are kept for 1 hour.
        turn_reads: tokens of context that a median turn reads from the cache.
        calls_per_turn: tool calls in a turn that calls tools. 1 if it was not measured.
        whole_reads: the share (0 to 1) of files that Claude reads whole. 1 if it was not measured.
        part_tokens: the median size of a partial read; counts only with ``whole_reads`` below 1.
        tail_tokens: tokens that Claude usually reads of a log or of a command's output.
    """

    basis: Literal["public", "transcripts"] = "public"
    sessions: int = PUBLIC_SESSIONS
    cache_reads: float = 22.0
    long_writes: float = 0.81
    turn_reads: int = round(_TURN_DOLLARS * _CACHE_READ_SHARE / _OPUS_CACHE_READ * 1e6)
    calls_per_turn: float = 1.0
    whole_reads: float = 1.0
    part_tokens: int = MOST_READ_TOKENS
    tail_tokens: int = 400


PUBLIC = Habits()
"""The medians of the public sessions."""


@dataclass(frozen=True)
class Baseline:
    """The tokens that Claude would have read of a text: by habit, at least, and at most."""

    tokens: float
    least: float
    most: float


def read_by_habit(kind: ReadKind, tokens: float, habits: Habits = PUBLIC) -> Baseline:
    """Return the part that Claude would have read of a text with ``tokens`` tokens.

    A ``file`` is read whole or in part, in the measured proportion. Of a ``log``, and of a command's output,
    Claude usually reads only the tail. Whether it would have read more this time is unknown, so the range
    goes up to one full Read.
    """
    whole = min(tokens, MOST_READ_TOKENS)
    if kind == "log":
        tail = min(tokens, habits.tail_tokens)
        return Baseline(tail, tail, whole)
    part = min(tokens, habits.part_tokens)
    usual = habits.whole_reads * whole + (1 - habits.whole_reads) * part
    return Baseline(usual, whole if habits.whole_reads == 1 else part, whole)
