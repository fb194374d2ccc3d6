"""What the end of an offload means for the user, in sentences."""

from dataclasses import dataclass

from dashboard import formats
from server.offload.checks.codes import BELOW_BAR, EXAMPLE_FAILED, NO_AGREEMENT, REASONS
from server.offload.run.reply import hand_back_reason
from server.store.records import OffloadDetail

UNSETTLED = frozenset({BELOW_BAR, EXAMPLE_FAILED, NO_AGREEMENT})
"""Reasons that a larger model or more examples may remove."""


@dataclass(frozen=True)
class Explanation:
    """Why nothing was written, and what the user can do. Each is one or two sentences, or empty.

    Attributes:
        reason: what went wrong, in general.
        detail: what exactly was found.
        advice: what happened next, and what the user can do.
    """

    reason: str = ""
    detail: str = ""
    advice: str = ""


def explain(detail: OffloadDetail) -> Explanation:
    """Return the explanation of an offload's end; without a reason if it went well."""
    row = detail.row
    summary = row.summary.removeprefix(f"{row.code}: ")
    if row.outcome != "handed_back":
        return Explanation(detail=summary)
    found = formats.without_markup(hand_back_reason(summary))
    tries = sum(each.kind != "inputs" for each in detail.attempts)
    count = f" after {tries} {'try' if tries == 1 else 'tries'}" if tries else "; the model was not asked"
    told = "" if row.by_user else " Claude was told to do the task itself."
    better = " or with two to four examples" if row.code in UNSETTLED else ""
    advice = f"Nothing was written{count}.{told} You can run it again with another model{better}."
    return Explanation(REASONS.get(row.code, ""), found, advice)
