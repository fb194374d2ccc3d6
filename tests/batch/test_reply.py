"""The digest of a batch: what a reader needs, within 600 characters."""

import pytest

from server.batch.breaker import Tally, why_stop
from server.batch.reply import LONGEST, describe, in_words, why
from server.offload.run.reply import counted
from server.store.job_records import FailureGroup, JobCounts, JobRecord

pytestmark = pytest.mark.fast

JOB = JobRecord("j1", 0.0, "Document it", "claude-code", "s", "/p", ("/p",), sequential=False)


def _ended(state: str = "done", reason: str = "") -> JobRecord:
    return JobRecord(
        "j1", 0.0, "x", "c", "s", "/p", ("/p",), sequential=False, state=state, reason=reason, ended_at=1.0
    )


def test_a_running_batch_says_how_far_it_is_and_how_to_wait() -> None:
    counts = JobCounts({"delivered": 12, "running": 1, "waiting": 27}, net_tokens=9_400, seconds=240)
    text = describe(JOB, counts, (), left=560)
    assert "Job j1 is running: 12 of 40 done, 28 to go." in text
    assert "About 9 min left." in text
    assert "Net +9,400 tokens" in text
    assert 'check_job(job="j1", wait=300)' in text


def test_losses_are_negative_and_failures_grouped() -> None:
    counts = JobCounts({"delivered": 1, "handed_back": 3}, net_tokens=-210, seconds=8)
    failures = (FailureGroup("parses", 3, "a.py: line 4: unexpected indent"),)
    text = describe(_ended(), counts, failures, left=None)
    assert "1 of 4 done, 3 not (those files are unchanged)." in text
    assert "Net -210 tokens" in text
    assert "- 3 x parses, e.g. a.py: line 4" in text
    assert 'action="retry"' in text


def test_it_never_exceeds_its_limit() -> None:
    failures = tuple(FailureGroup(f"reason_{i}", 10, "word " * 100) for i in range(50))
    counts = JobCounts({"delivered": 100, "failed": 500}, seconds=1)
    text = describe(_ended("stopped", "Stopped because of it. " * 4), counts, failures, None)
    assert len(text) <= LONGEST
    assert text.endswith("retries the failed items.")


@pytest.mark.parametrize(
    ("seconds", "words"), [(0.4, "0 s"), (99, "99 s"), (100, "2 min"), (5900, "98 min"), (7500, "2 h 5 min")]
)
def test_durations_in_words(seconds: float, words: str) -> None:
    assert in_words(seconds) == words


@pytest.mark.parametrize(
    ("tally", "stops"),
    [
        (Tally(bad=4), False),
        (Tally(bad=5), True),
        (Tally(bad=4, good=1), False),
        (Tally(bad=9, good=1), True),
        (Tally(cancelled=5), False),
        (Tally(bad=4, cancelled=50), False),
        (Tally(good=2, bad=8), False),
    ],
)
def test_the_circuit_breaker_opens_when_most_items_fail(tally: Tally, stops: bool) -> None:
    why = why_stop(tally, (FailureGroup("parses", 5, "x"),))
    assert bool(why) == stops
    if stops:
        assert "parses" in why


def test_one_is_counted_as_one() -> None:
    assert [counted(number, "file") for number in (0, 1, 2, 1200)] == [
        "0 files", "1 file", "2 files", "1,200 files"
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("code", "summary", "reason"),
    [
        (
            "out_of_scope",
            "Handed back, out_of_scope (documented): The code itself changed; keep (every) line. "
            "Nothing was written (1 try, kept in the history under 1a2b). Do this task yourself.",
            "The code itself changed; keep (every) line.",
        ),
        (
            "path_not_found",
            "path_not_found: a.py does not exist. Check\nit.",
            "a.py does not exist. Check it.",
        ),
        ("denied", "Only documents.", "Only documents."),
    ],
)
def test_a_reason_says_its_code_once_and_nothing_that_holds_for_all(
    code: str, summary: str, reason: str
) -> None:
    assert why(code, summary) == reason
    counts = JobCounts({"handed_back": 1}, seconds=8)
    text = describe(_ended(), counts, (FailureGroup(code, 1, summary),), left=None)
    assert f"- 1 x {code}, e.g. {reason}\n" in text
