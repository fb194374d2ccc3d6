"""This user's habits, measured across all transcripts."""

import statistics
from collections.abc import Sequence

from server.ledger.habits import PUBLIC, Habits
from server.ledger.spread import Spread, merge_spreads
from server.ledger.transcripts.summary import Summary

LEAST_SESSIONS = 5
"""Number of sessions needed before the user's own figures replace the public ones."""
LEAST_SAMPLES = 20
"""Number of samples needed before a habit counts as measured."""


def measured_habits(summaries: Sequence[Summary]) -> Habits:
    """Return the user's habits, with the public median for any figure based on too few sessions."""
    sessions = [each for each in summaries if not each.side and each.habits.get("results_entered")]
    if len(sessions) < LEAST_SESSIONS:
        return PUBLIC
    reads = [each.habits.get("results_read", 0.0) / each.habits["results_entered"] for each in sessions]
    short, long = (sum(counts[at] for each in summaries for counts in each.bill.values()) for at in (1, 2))
    turn = _spread(summaries, "turn_reads")
    whole, part = _sum(summaries, "reads_whole"), _sum(summaries, "reads_part")
    turns = _sum(summaries, "turns_with_calls")
    return Habits(
        basis="transcripts",
        sessions=len(sessions),
        cache_reads=round(statistics.median(reads), 1),
        long_writes=round(long / (short + long), 3) if short + long else PUBLIC.long_writes,
        turn_reads=round(turn.median or 0) or PUBLIC.turn_reads,
        calls_per_turn=round(_sum(summaries, "calls") / turns, 2) if turns else PUBLIC.calls_per_turn,
        whole_reads=round(whole / (whole + part), 3) if whole + part >= LEAST_SAMPLES else 1.0,
        part_tokens=_median(summaries, "part", PUBLIC.part_tokens),
        tail_tokens=_median(summaries, "tail", PUBLIC.tail_tokens),
    )


def _median(summaries: Sequence[Summary], name: str, usual: int) -> int:
    spread = _spread(summaries, name)
    return round(spread.median or 0) if spread.number >= LEAST_SAMPLES else usual


def _spread(summaries: Sequence[Summary], name: str) -> Spread:
    return merge_spreads(each.spreads[name] for each in summaries if name in each.spreads)


def _sum(summaries: Sequence[Summary], name: str) -> float:
    return sum(each.habits.get(name, 0.0) for each in summaries)
