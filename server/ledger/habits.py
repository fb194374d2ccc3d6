"""Claude's working habits for this user: measured from transcripts or, until then, medians of public
sessions.
"""

from dataclasses import dataclass
from typing import Literal

from server.store.records import ReadKind

PUBLIC_SESSIONS = 265
"""The public Claude Code sessions (January to August 2026, 18,953 requests) behind the default figures."""

MOST_READ_TOKENS = 25_000
"""Most tokens that Claude Code's Read returns from one file. A longer file takes more than one call."""

# A median turn cost $0.03 at the prices of Opus 5.5. Of this, 47 % were cache reads: the context read once
# more. The rest is the turn's own call and result, which a receipt lists on separate lines.
_TURN_DOLLARS = 0.03
_CACHE_READ_SHARE = 0.47
_OPUS_CACHE_READ = 0.20


@dataclass(frozen=True)
class Habits:
    """Figures about Claude's sessions that a receipt needs.

    Attributes:
        basis: where the figures come from: this user's ``transcripts``, or ``public`` sessions.
        sessions: the number of sessions behind them.
        cache_reads: how often text in the context is read back from the cache in the median session.
        long_writes: the share (0 to 1) of cache writes with a 1-hour lifetime.
        turn_reads: tokens of context that a median turn reads from the cache.
        calls_per_turn: tool calls per turn with any tool call. 1 if not measured.
        whole_reads: the share (0 to 1) of files that Claude reads whole. 1 if not measured.
        part_tokens: the median size of a partial read; used only if ``whole_reads`` is below 1.
        tail_tokens: tokens that Claude usually reads from a log or a command's output.
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
    """The tokens of text that Claude would have read: by habit, at least, and at most."""

    tokens: float
    least: float
    most: float


def read_by_habit(kind: ReadKind, tokens: float, habits: Habits = PUBLIC) -> Baseline:
    """Return how much of a ``tokens``-token text Claude would have read.

    A ``file`` is read whole or in part, in the measured proportion. For a ``log`` or a command's output,
    Claude usually reads only the tail. Since it might have read more this time, the range goes up to one full
    Read.
    """
    whole = min(tokens, MOST_READ_TOKENS)
    if kind == "log":
        tail = min(tokens, habits.tail_tokens)
        return Baseline(tail, tail, whole)
    part = min(tokens, habits.part_tokens)
    usual = habits.whole_reads * whole + (1 - habits.whole_reads) * part
    return Baseline(usual, whole if habits.whole_reads == 1 else part, whole)
