"""What a trial run found."""

from dataclasses import dataclass, replace

from server.offload.values import Check, Notice, Strength, Verdict

RUNS, EXAMPLES, TESTS, SAMPLES = "runs", "examples", "test run", "samples"
"""Names, in the history and in replies, of the checks that run code."""
TRIED = frozenset({RUNS, EXAMPLES, TESTS})
"""Failures that drawing more samples can avoid."""


@dataclass(frozen=True)
class TrialRun:
    """What running a result found. ``text`` replaces the result's text unless it is None.

    The other attributes are those of ``Verdict``.
    """

    checks: tuple[Check, ...] = ()
    notices: tuple[Notice, ...] = ()
    unchecked: tuple[str, ...] = ()
    strength: Strength | None = None
    unproven: tuple[str, ...] = ()
    text: str | None = None

    def added_to(self, verdict: Verdict) -> Verdict:
        """Return a copy of the verdict with these findings added."""
        return replace(
            verdict,
            checks=(*verdict.checks, *self.checks),
            notices=tuple(dict.fromkeys((*verdict.notices, *self.notices))),
            unchecked=(*verdict.unchecked, *self.unchecked),
            strength=self.strength or verdict.strength,
            unproven=self.unproven,
            text=verdict.text if self.text is None else self.text,
        )


def not_run(what: str, reason: str) -> TrialRun:
    """Return the finding that the result could not be run, which counts neither for nor against it."""
    return TrialRun(unchecked=(f"{what} ({reason.strip().removesuffix('.')})",))
